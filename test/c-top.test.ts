/** examples/c-top: a machine's memory read by a program in C, from the generated header alone; live, and as a dump. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ABI, abiText, Fixed, MachineHeader, Mem, SlotKind } from "@foreshore/abi";
import { afterAll, beforeAll, expect, test } from "vitest";
import { spin } from "../runtime/src/testing/guests.ts";
import { nativeKernel } from "./oracle/native-kernel.ts";

const ROOT = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "foreshore-c-top-"));
const shared = join(folder, "machine");
const top = join(folder, "top");
/** Of which the first has the others' time in it. */
const BUILD_MS = 300_000;
const WAIT_MS = 60_000;
let native = "";

beforeAll(async () => {
  const flags = ["-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"];
  execFileSync("gcc", [...flags, `-I${join(ROOT, "abi/c")}`, "-o", top, join(ROOT, "examples/c-top/top.c")]);
  native = await nativeKernel();
}, BUILD_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const look = (file: string) => spawnSync(top, [file], { encoding: "utf8" });
/** Instructions that the program has retired, by what top shows: the machine's own first process has pid 1. */
const instructions = (text: string): number =>
  Number(/^ +\d+ +0 running +\d+ KiB +(\d+) {2}spin$/m.exec(text)?.[1] ?? -1);

test(
  "a machine that runs is seen as it goes on, and its dump as it was",
  async () => {
    const program = join(folder, "spin");
    const dump = join(folder, "dump");
    writeFileSync(program, spin(), { mode: 0o755 });
    const host = spawn(native, ["-memory", "64", "-share", shared, program], { stdio: "ignore" });
    const ended = new Promise((resolve) => host.once("exit", resolve));
    try {
      await expect.poll(() => instructions(look(shared).stdout), { timeout: WAIT_MS }).toBeGreaterThan(0);
      const before = instructions(look(shared).stdout);
      await expect.poll(() => instructions(look(shared).stdout), { timeout: WAIT_MS }).toBeGreaterThan(before);
      // Copied in the middle of a change, a slot is odd for ever: another copy, then.
      const copied = (): number => {
        copyFileSync(shared, dump);
        return instructions(look(dump).stdout);
      };
      await expect.poll(copied, { timeout: WAIT_MS }).toBeGreaterThan(before);
      const then = look(dump);
      expect(then).toMatchObject({ status: 0, stderr: "" });
      await expect
        .poll(() => instructions(look(shared).stdout), { timeout: WAIT_MS })
        .toBeGreaterThan(instructions(then.stdout));
      expect(look(dump).stdout).toBe(then.stdout);
    } finally {
      host.kill("SIGKILL");
      await ended;
    }
  },
  4 * WAIT_MS,
);

test("another ABI is refused, and both versions are named", () => {
  const other = join(folder, "other");
  writeFileSync(other, readFileSync(shared).subarray(0, 65536));
  const word = new Uint8Array(4);
  new DataView(word.buffer).setUint32(0, 0x12345678, true);
  const file = openSync(other, "r+");
  writeSync(file, word, 0, 4, Fixed.HeaderAddress + MachineHeader.OFFSET.layoutHashLo);
  closeSync(file);
  const theirs = { ...ABI, layoutHashLo: 0x12345678 };
  expect(look(other)).toMatchObject({
    status: 1,
    stdout: "",
    stderr: `top: this program speaks ABI ${abiText(ABI)}, the machine ${abiText(theirs)}\n`,
  });
});

test("what is no machine, or is cut short, is said", () => {
  const file = join(folder, "file");
  for (const bytes of [new Uint8Array(0), new Uint8Array(100), new Uint8Array(65536)]) {
    writeFileSync(file, bytes);
    expect(look(file)).toMatchObject({ status: 1, stderr: "top: no machine that has booted\n" });
  }
  // The header, and none of its tables.
  writeFileSync(file, readFileSync(shared).subarray(0, 65536));
  expect(look(file)).toMatchObject({ status: 0, stdout: expect.not.stringContaining("spin") });
  // Tables that say anything: of slots of 8 bytes at the memory's end, and of more than there can be.
  const bytes = new Uint8Array(readFileSync(shared).subarray(0, 65536));
  const header = new MachineHeader(new Mem(bytes.buffer), Fixed.HeaderAddress);
  for (const [base, stride, capacity] of [
    [65528, 8, 2 ** 32 - 1],
    [0, 0, 2 ** 32 - 1],
    [2 ** 32 - 8, 2 ** 32 - 8, 2 ** 32 - 1],
  ] as const) {
    for (const kind of [SlotKind.Process, SlotKind.Thread])
      header.tables(kind).setData({ ...header.tables(kind).toData(), base, stride, capacity, highWater: capacity });
    writeFileSync(file, bytes);
    expect(look(file)).toMatchObject({ status: 0, signal: null, stdout: expect.not.stringContaining("spin") });
  }
  expect(spawnSync(top, [], { encoding: "utf8" }).status).toBe(2);
  expect(look(join(folder, "nothing")).status).toBe(1);
});
