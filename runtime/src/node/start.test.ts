/** A machine between `Runtime.create` and the moment when its workers run. */
import { expect, test } from "vitest";
import { Runtime } from "../index.ts";
import { hello } from "../testing/guests.ts";

test("a caller that awaits answers in a row does not keep the event loop from turning", async () => {
  await using machine = await Runtime.create({ harts: 1 });
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  for (let i = 0; i < 200; i++) await machine.noop();
  expect(turned).toBe(true);
});

test("a program that starts on this thread goes on when the machine moves to its workers", async () => {
  await using machine = await Runtime.create({ harts: 2 });
  // Programs one after the other, from the first turn until well after the move.
  for (let i = 0; i < 40; i++) {
    const { stdout, code } = await (await machine.spawn(hello(`${i}`))).output();
    expect([new TextDecoder().decode(stdout), code]).toEqual([`${i}`, 0]);
  }
});
