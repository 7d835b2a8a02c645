/**
 * How often the kernel copies what goes over each path: the table of abi/README.md, exactly.
 * MachineCounters.copiedBytes counts in kmem.Copy, the kernel's one way to copy.
 */
import { readFileSync } from "node:fs";
import { Runtime } from "@foreshore/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guest, missingTool } from "./guests/build.ts";
import { prepare, runIn } from "./oracle/foreshore.ts";

const SIZE = 1 << 20;
/** What else is copied on the way: paths, ring entries, the tail of a program's data. */
const NOISE = 1 << 16;

describe.skipIf(missingTool())("copies per path", () => {
  let runtime: Runtime;
  let path: string;
  let idle = 0;

  beforeAll(async () => {
    runtime = await Runtime.create({ harts: 2 });
    path = await prepare(runtime, await guest("copies"));
    await runtime.fs.writeFile("/blob", new Uint8Array(SIZE).fill(7));
    await run("none");
    idle = await run("none");
  });
  afterAll(() => runtime?.stop());

  async function copied(work: () => Promise<unknown>): Promise<number> {
    const before = (await runtime.diagnostics()).counters.copiedBytes;
    await work();
    return (await runtime.diagnostics()).counters.copiedBytes - before;
  }

  /** Bytes copied while the guest ran. */
  function run(...args: string[]): Promise<number> {
    return copied(async () => {
      const result = await runIn(runtime, path, args);
      expect(result.stdout.toString()).toBe(`ok ${args[0]}\n`);
    });
  }

  function expectCopies(bytes: number, times: number): void {
    expect(bytes).toBeGreaterThanOrEqual(times * SIZE - NOISE);
    expect(bytes).toBeLessThan(times * SIZE + NOISE);
  }

  test("exec's text: 0", async () => {
    const text = readFileSync(await guest("copies")).length;
    expect(text).toBeGreaterThan(4 * NOISE);
    expect(idle).toBeLessThan(NOISE);
  });

  test("pipe, write to read: 2", async () => {
    expectCopies((await run("pipe", String(SIZE))) - idle, 2);
  });

  for (const [kind, name] of [
    ["unix", "stream of AF_UNIX"],
    ["tcp", "TCP, inside the machine"],
  ] as const)
    test(`${name}, write(2) to read(2): 2`, async () => {
      expectCopies((await run(kind, String(SIZE))) - idle, 2);
    });

  test("a descriptor by SCM_RIGHTS, with as much in it as it holds: 0", async () => {
    // The bytes are copied once, into the pipe; a hundred messages carry its end.
    expectCopies((await run("rights", String(SIZE))) - idle, 1);
  });

  test("file, read(2): 1", async () => {
    expectCopies((await run("read", "/blob", String(SIZE))) - idle, 1);
  });

  test("file, mmap(2): 0", async () => {
    expectCopies((await run("mmap", "/blob", String(SIZE))) - idle, 0);
  });

  test("file, RPC read into a given buffer: 1", async () => {
    // A range is always read by request: the published view would not ask the kernel.
    const bytes = await copied(() => runtime.fs.readFileRange("/blob", 0, SIZE));
    expectCopies(bytes, 1);
  });

  test("file, RPC write: 1", async () => {
    expectCopies(await copied(() => runtime.fs.writeFile("/copy", new Uint8Array(SIZE))), 1);
  });
});
