/** What a person feels of a machine that has much else to do. */
import { readFileSync } from "node:fs";
import { Runtime } from "@foreshore/runtime";
import type { Benchmark, Opened } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";

const BUSY = 200;
const HARTS = 2;
const KEYS = 50;

/** Milliseconds from a key to the program's answer to it: the longest of 50, typed when the one before was answered. */
async function longestAnswer(write: (key: string) => Promise<void>, read: () => Promise<string>): Promise<number> {
  let longest = 0;
  for (let i = 0; i < KEYS; i++) {
    const key = String.fromCharCode(97 + (i % 25));
    const from = performance.now();
    await write(key);
    const answer = await read();
    longest = Math.max(longest, performance.now() - from);
    if (answer.charCodeAt(0) !== key.charCodeAt(0) + 1) throw new Error(`${key} was answered by ${answer}`);
  }
  return longest;
}

async function open(): Promise<Opened> {
  const runtime = await Runtime.create({ harts: HARTS });
  const program = readFileSync(await benchGuest("keys"));
  const { terminal } = await runtime.spawn(program, [String(BUSY)], { stdio: "pty" });
  const output = terminal!.readable.getReader();
  const input = terminal!.writable.getWriter();
  const read = async (): Promise<string> => new TextDecoder().decode((await output.read()).value);
  for (let text = ""; !text.endsWith("ready\n"); ) text += await read();
  return {
    sides: [
      {
        name: "foreshore",
        sample: () => longestAnswer((key) => input.write(new TextEncoder().encode(key)), read),
      },
    ],
    close: () => runtime.stop(),
  };
}

export const busy: readonly Benchmark[] = [
  {
    name: "busy/keys",
    description: `From a key to the answer of the program that waits for it, beside ${BUSY} busy loops on ${HARTS} harts, over a terminal: the longest of ${KEYS}.`,
    unit: "ms",
    better: "less",
    open,
  },
];
