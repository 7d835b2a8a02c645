/** Starting, failing and stopping: kernels that are not what they should be. */
import { AbiMismatch, HartExit, MachineFailed, MachineStartError, MachineStopped } from "@foreshore/abi";
import { afterEach, describe, expect, test } from "vitest";
import { MachineHost } from "../common/machine-host.ts";
import type { RuntimeOptions } from "../common/options.ts";
import type { LogLevel } from "../common/platform.ts";
import { Runtime } from "../index.ts";
import { type WatKernelOptions, watKernel } from "../testing/wat-kernel.ts";
import { defaultWorkerUrl, nodePlatform } from "./platform.ts";

const machines: Runtime[] = [];

afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.stop()));
});

async function start(kernel: WatKernelOptions = {}, options: RuntimeOptions = {}): Promise<Runtime> {
  const machine = await new Runtime(
    await MachineHost.start(nodePlatform, { memory: 64, harts: 2, kernel: watKernel(kernel), ...options }),
  );
  machines.push(machine);
  return machine;
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => undefined).catch((error: unknown) => error);

describe("a kernel that does not fit", () => {
  test("of another ABI version is refused with both versions", async () => {
    const error = await failure(start({ major: 7 }));
    expect(error).toBeInstanceOf(AbiMismatch);
    expect(String(error)).toMatch(/speaks ABI 0\.\d+ .*the kernel module 7\.\d+/);
  });

  test("of another layout is refused with both hashes", async () => {
    const error = await failure(start({ layoutHashLo: 0x1234abcd }));
    expect(error).toBeInstanceOf(AbiMismatch);
    expect(String(error)).toContain("1234abcd");
  });

  test("that boots no machine is refused", async () => {
    expect(await failure(start({ magic: 1 }))).toBeInstanceOf(AbiMismatch);
  });

  test("without an export, or that is no kernel at all, is refused by name", async () => {
    const error = await failure(start({ without: "hart_run" }));
    expect(error).toBeInstanceOf(AbiMismatch);
    expect(String(error)).toContain("hart_run");
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    expect(await failure(start({}, { kernel: empty }))).toBeInstanceOf(AbiMismatch);
  });

  test("that is no wasm, or not there, is one sentence with the place", async () => {
    const error = await failure(start({}, { kernel: new TextEncoder().encode("hello") }));
    expect(error).toBeInstanceOf(MachineStartError);
    const missing = await failure(start({}, { kernel: "/no/such/kernel.wasm" }));
    expect(missing).toBeInstanceOf(MachineStartError);
    expect(String(missing)).toContain("/no/such/kernel.wasm");
  });

  test("whose boot fails is a start error with the errno", async () => {
    const error = await failure(start({ bootResult: 12 }));
    expect(error).toBeInstanceOf(MachineStartError);
    expect(String(error)).toContain("ENOMEM");
  });
});

describe("starting", () => {
  test("takes the compiled module, and gives the module the memory that it wants at first", async () => {
    const module = await WebAssembly.compile(watKernel({ initialPages: 700 }));
    const machine = await start({}, { kernel: module });
    expect(machine.memory?.buffer.byteLength).toBeGreaterThanOrEqual(700 * 65536);
    expect(machine.memoryMiB).toBe(64);
  });

  test("refuses options that make no sense", async () => {
    expect(await failure(start({}, { harts: 0 }))).toBeInstanceOf(RangeError);
    expect(await failure(start({}, { harts: 1.5 }))).toBeInstanceOf(RangeError);
    expect(await failure(start({}, { memory: 8192 }))).toBeInstanceOf(RangeError);
  });

  test("a worker script that is not there is a start error", async () => {
    const error = await failure(start({}, { workerUrl: new URL("file:///no/such/worker.js") }));
    expect(error).toBeInstanceOf(MachineStartError);
  });
});

describe("a machine that breaks", () => {
  /** What a failing machine says, and what its calls get. */
  async function broken(
    kernel: WatKernelOptions,
    options: RuntimeOptions = {},
  ): Promise<{ error: unknown; lines: string[] }> {
    const lines: string[] = [];
    const log = (_level: LogLevel, text: string): number => lines.push(text);
    const machine = await start(kernel, { ...options, log });
    const error = await failure(machine.noop());
    expect(await failure(machine.fs.readFile("/x"))).toBe(error);
    expect([machine.state, await machine.ended]).toEqual(["ended", error]);
    return { error, lines };
  }

  /** What only harts beyond the first do: they start when the machine runs. */
  const notFirst = (what: string): string => `(if (local.get 0) (then ${what})) (return (i32.const ${HartExit.Idle}))`;

  test("a trap while the machine still runs on the caller's thread is told by the first call", async () => {
    const { error } = await broken({ service: "(unreachable)" });
    expect(error).toBeInstanceOf(MachineFailed);
    expect(String(error)).toContain("while its workers started: unreachable");
  });

  test("a trap in a hart reaches every call as MachineFailed", async () => {
    const { error, lines } = await broken({ hartRun: notFirst("(unreachable)") });
    expect(error).toBeInstanceOf(MachineFailed);
    expect(String(error)).toMatch(/hart 1 worker failed.*unreachable/);
    expect(lines).toHaveLength(1);
  });

  test("a hart that reports a broken invariant does, too", async () => {
    const { error } = await broken({ hartRun: notFirst(`(return (i32.const ${HartExit.Failed}))`) });
    expect(String(error)).toContain("invariant");
  });

  test("a trap in the kernel worker does, too", async () => {
    // With a script of its own, start waits for the worker: it is to trap for a request, not before start has returned.
    const { error } = await broken({ onRequest: "(unreachable)" }, { workerUrl: defaultWorkerUrl() });
    expect(error).toBeInstanceOf(MachineFailed);
    expect(String(error)).toContain("kernel worker");
  });

  test("a trap in a single worker does, too", async () => {
    const { error } = await broken({ hartRun: "(unreachable)" }, { transport: "message" });
    expect(error).toBeInstanceOf(MachineFailed);
  });
});

describe("stop", () => {
  test("ends a machine that loops in the kernel and in guests, within a second; pending calls are told", async () => {
    const forever = "(loop $forever (br $forever)) (unreachable)";
    const machine = await start({ hartRun: forever, service: forever }, { workerUrl: defaultWorkerUrl() });
    const pending = failure(machine.noop());
    const from = performance.now();
    await machine.stop();
    expect(performance.now() - from).toBeLessThan(1000);
    expect(await pending).toBeInstanceOf(MachineStopped);
    expect(await failure(machine.noop())).toBeInstanceOf(MachineStopped);
    expect(machine.memory).toBeUndefined();
    await machine.stop();
  });

  test("ends a machine whose workers have not started yet", async () => {
    const machine = await start();
    const pending = failure(machine.noop());
    await machine.stop();
    expect(await pending).toBeInstanceOf(MachineStopped);
  });

  test("ends an idle machine by asking", async () => {
    const machine = await start({ hartRun: `(i32.const ${HartExit.Idle})` });
    await machine.stop();
  });

  test("a single worker that loops is ended as well", async () => {
    const machine = await start({ hartRun: "(loop $forever (br $forever)) (unreachable)" }, { transport: "message" });
    const pending = failure(machine.noop());
    const from = performance.now();
    await machine.stop();
    expect(performance.now() - from).toBeLessThan(1000);
    expect(await pending).toBeInstanceOf(MachineStopped);
  });
});
