import { MachineFailed, MachineStopped } from "@foreshore/abi";
import { expect, test } from "vitest";
import { Lifecycle } from "./lifecycle.ts";

const failed = new MachineFailed("broken");
const stopped = new MachineStopped();

test("a machine starts, runs and is stopped", async () => {
  const life = new Lifecycle();
  expect([life.state, life.error]).toEqual(["starting", undefined]);
  life.check();
  life.run();
  expect([life.state, life.error]).toEqual(["running", undefined]);
  life.check();
  expect(life.end(stopped)).toBe("running");
  expect([life.state, life.error]).toEqual(["ended", stopped]);
  expect(await life.ended).toBeUndefined();
});

test("a failure is why it has ended", async () => {
  const life = new Lifecycle();
  life.run();
  expect(life.end(failed)).toBe("running");
  expect(await life.ended).toBe(failed);
});

test("it runs once", () => {
  const life = new Lifecycle();
  life.run();
  expect(() => life.run()).toThrow("a machine that is running cannot start");
  expect(life.state).toBe("running");
});

test("one that ended while it started never runs, and says why", async () => {
  const life = new Lifecycle();
  expect(life.end(failed)).toBe("starting");
  expect(() => life.check()).toThrow(failed);
  expect(() => life.run()).toThrow(failed);
  expect([life.state, await life.ended]).toEqual(["ended", failed]);
});

test.each([
  [failed, stopped, failed],
  [stopped, failed, undefined],
])("the first end counts: %s", async (first, second, settled) => {
  const life = new Lifecycle();
  life.run();
  life.end(first);
  expect(life.end(second)).toBe("ended");
  expect([life.error, await life.ended]).toEqual([first, settled]);
});
