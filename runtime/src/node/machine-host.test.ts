/** Every way from one state of a machine to the next, with workers that do only what the test has them do. */
import {
  AbiMismatch,
  BootState,
  MachineFailed,
  type MachineHeader,
  MachineStartError,
  MachineStopped,
} from "@foreshore/abi";
import { afterEach, describe, expect, test } from "vitest";
import { MachineHost } from "../common/machine-host.ts";
import type { RuntimeOptions } from "../common/options.ts";
import type { LogLevel, Platform } from "../common/platform.ts";
import { type FakeWorker, fakeWorkers } from "../testing/fake-workers.ts";
import { watKernel } from "../testing/wat-kernel.ts";
import { nodePlatform } from "./platform.ts";

interface Watched {
  readonly host: MachineHost;
  readonly workers: FakeWorker[];
  readonly lines: [LogLevel, string][];
}

const OWN_SCRIPT = "file:///worker.js";
const hosts: MachineHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

function make(options: RuntimeOptions = {}, platform: Partial<Platform> = {}): Watched {
  const { workers, startWorker } = fakeWorkers();
  const lines: [LogLevel, string][] = [];
  const log = (level: LogLevel, text: string): number => lines.push([level, text]);
  const kernel = watKernel();
  const host = new MachineHost(
    { ...nodePlatform, startWorker, ...platform },
    { memory: 64, harts: 2, kernel, log, ...options },
  );
  hosts.push(host);
  return { host, workers, lines };
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** A kernel that is compiled when the test says so. */
function lateKernel(): { compileKernel: Platform["compileKernel"]; compiled(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    compileKernel: (source) => promise.then(() => nodePlatform.compileKernel(source)),
    compiled: resolve,
  };
}

/** Moves a machine to its workers, as they would. */
function move(workers: readonly FakeWorker[]): void {
  for (const worker of [...workers]) worker.events.message({ type: "prepared" });
  workers[0]!.events.message({ type: "ready", single: undefined });
}

/** Nothing leaves the state "ended", and all that is left of the machine is why. */
async function expectEnded({ host, workers }: Watched, error: Error): Promise<void> {
  expect([host.state, host.error]).toEqual(["ended", error]);
  expect(await host.ended).toBe(error instanceof MachineStopped ? undefined : error);
  const before = workers.length;
  for (const worker of workers) worker.events.ended(new Error("much later"), true);
  await host.stop();
  await host.stop();
  expect([host.state, host.error, workers.length]).toEqual(["ended", error, before]);
  expect(workers.filter(({ terminated }) => !terminated)).toEqual([]);
  expect([host.memory, host.header]).toEqual([undefined, undefined]);
  expect(() => host.openTransport(1)).toThrow(error);
}

describe("starting", () => {
  test("nothing can be asked until the machine runs", async () => {
    const { host, workers } = make();
    const started = host.start();
    expect(host.state).toBe("starting");
    expect(() => host.client).toThrow("the machine is still starting");
    expect(() => host.blobs).toThrow(MachineStartError);
    expect(host.start()).toBe(started);
    await started;
    expect([host.state, host.error, host.memoryMiB]).toEqual(["running", undefined, 64]);
    expect(host.client.inFlight).toBe(0);
    // The workers come later: the machine runs on this thread.
    expect(workers).toEqual([]);
    await until(() => workers.length > 0);
    expect(workers.map(({ name, unref }) => [name, unref])).toEqual([
      ["kernel", true],
      ["hart 0", true],
    ]);
    move(workers);
    expect(workers.map(({ name }) => name)).toEqual(["kernel", "hart 0", "hart 1"]);
    await host.start();
    expect(workers).toHaveLength(3);
  });

  test("with a script of one's own it takes until that runs", async () => {
    const { host, workers } = make({ workerUrl: OWN_SCRIPT });
    const started = host.start();
    await until(() => workers.length === 2);
    expect([host.state, workers.map(({ unref }) => unref)]).toEqual(["starting", [false, false]]);
    move(workers);
    await started;
    expect([host.state, workers.map(({ unref }) => unref)]).toEqual(["running", [true, true, true]]);
  });

  test("a kernel that cannot be had ends it", async () => {
    const missing = new MachineStartError("no kernel");
    const watched = make({}, { compileKernel: () => Promise.reject(missing) });
    const { host } = watched;
    expect(await failure(host.start())).toBe(missing);
    expect(() => host.client).toThrow(missing);
    await expectEnded(watched, missing);
    expect(await failure(host.start())).toBe(missing);
  });

  test.each([
    ["kernel", 0],
    ["hart 0", 1],
  ])("a worker that cannot start ends it, and the other worker: %s", async (name, index) => {
    const watched = make({ workerUrl: OWN_SCRIPT });
    const { host, workers, lines } = watched;
    const started = failure(host.start());
    await until(() => workers.length === 2);
    workers[index]!.events.ended(new Error("no such script"), true);
    const error = await started;
    expect(error).toBeInstanceOf(MachineStartError);
    expect(String(error)).toContain(`the ${name} worker died: no such script`);
    expect(workers.map(({ terminated }) => terminated)).toEqual([index === 1, index === 0]);
    workers[index]!.terminated = true;
    expect(() => host.client).toThrow("no such script");
    await expectEnded(watched, error as Error);
    expect(lines).toEqual([]);
  });

  test("a worker that is refused says why", async () => {
    const watched = make({ transport: "message" });
    const started = failure(watched.host.start());
    await until(() => watched.workers.length === 1);
    watched.workers[0]!.events.message({ type: "failed", kind: "abi", message: "this runtime speaks another ABI" });
    const error = await started;
    expect(error).toBeInstanceOf(AbiMismatch);
    await expectEnded(watched, error as Error);
  });

  test("options that make no sense are no machine at all", () => {
    expect(() => make({ harts: 0 })).toThrow(RangeError);
    expect(() => make({ transport: "shared" }, { canShareMemory: false })).toThrow(MachineStartError);
  });
});

describe("ending a start", () => {
  const reason = new Error("changed my mind");

  test.each(["stop", "abort"] as const)("by %s before it begins", async (how) => {
    const abort = new AbortController();
    const watched = make({ signal: abort.signal });
    const ended = how === "stop" ? watched.host.stop() : abort.abort(reason);
    const error = await failure(watched.host.start());
    await ended;
    if (how === "stop") expect(error).toBeInstanceOf(MachineStopped);
    else expect(error).toBe(reason);
    await expectEnded(watched, error as Error);
    expect(watched.workers).toEqual([]);
  });

  test.each(["stop", "abort"] as const)("by %s while the kernel is compiled: no worker is started", async (how) => {
    for (const transport of ["shared", "message"] as const) {
      const abort = new AbortController();
      const late = lateKernel();
      const watched = make({ signal: abort.signal, transport, workerUrl: OWN_SCRIPT }, late);
      const started = failure(watched.host.start());
      if (how === "stop") await watched.host.stop();
      else abort.abort(reason);
      expect(watched.host.state).toBe("ended");
      late.compiled();
      const error = await started;
      if (how === "stop") expect(error).toBeInstanceOf(MachineStopped);
      else expect(error).toBe(reason);
      expect(watched.workers).toEqual([]);
      await expectEnded(watched, error as Error);
    }
  });

  test.each(["stop", "abort"] as const)("by %s while it waits for its workers: they are ended", async (how) => {
    for (const transport of ["shared", "message"] as const) {
      const abort = new AbortController();
      const watched = make({ signal: abort.signal, transport, workerUrl: OWN_SCRIPT });
      const started = failure(watched.host.start());
      await until(() => watched.workers.length > 0);
      if (how === "stop") await watched.host.stop();
      else abort.abort(reason);
      const error = await started;
      if (how === "stop") expect(error).toBeInstanceOf(MachineStopped);
      else expect(error).toBe(reason);
      expect(watched.workers.map(({ terminated }) => terminated)).not.toContain(false);
      await expectEnded(watched, error as Error);
    }
  });

  test("a signal that is aborted later ends nothing", async () => {
    const abort = new AbortController();
    const { host } = make({ signal: abort.signal });
    await host.start();
    abort.abort(reason);
    expect(host.state).toBe("running");
  });
});

describe("ending a machine that runs", () => {
  const state = (header: MachineHeader | undefined): number | undefined => header?.bootState;

  test("by stop, while this thread runs it: calls are told, and other clients", async () => {
    const watched = make();
    const { host, workers } = watched;
    await host.start();
    const { client, header } = host;
    const pending = failure(client.request.noop());
    const stopped = host.stop();
    expect([host.state, state(header)]).toEqual(["ended", BootState.Stopping]);
    expect(host.stop()).toBe(stopped);
    await stopped;
    expect(await pending).toBe(host.error);
    expect(host.error).toBeInstanceOf(MachineStopped);
    expect(await failure(host.client.request.noop())).toBe(host.error);
    await expectEnded(watched, host.error!);
    expect(workers).toEqual([]);
  });

  test("by stop, when it has moved: workers are asked first, then ended", async () => {
    const watched = make();
    const { host, workers } = watched;
    await host.start();
    await until(() => workers.length > 0);
    move(workers);
    const stopped = host.stop();
    expect(workers.map(({ terminated }) => terminated)).toEqual([false, false, false]);
    workers[0]!.events.ended(undefined, true);
    await stopped;
    expect(workers.map(({ terminated }) => terminated)).toEqual([false, true, true]);
    workers[0]!.terminated = true;
    await expectEnded(watched, host.error!);
  });

  test("by the loss of a worker: every call gets the same failure, said once", async () => {
    const watched = make();
    const { host, workers, lines } = watched;
    await host.start();
    await until(() => workers.length > 0);
    move(workers);
    const { client, header } = host;
    const pending = failure(client.request.noop());
    workers[0]!.events.ended(new Error("out of memory"), true);
    expect([host.state, state(header)]).toEqual(["ended", BootState.Failed]);
    expect(host.error).toBeInstanceOf(MachineFailed);
    expect(host.error!.message).toBe("the kernel worker died: out of memory; none can take its place");
    expect(await pending).toBe(host.error);
    expect(await failure(host.client.request.noop())).toBe(host.error);
    // What others still look at is there until the machine is stopped.
    expect(host.memory).toBeDefined();
    workers[0]!.terminated = true;
    await expectEnded(watched, host.error!);
    expect(lines).toEqual([["error", host.error!.message]]);
  });

  test("by a worker that is lost before the machine has moved", async () => {
    const watched = make();
    const { host, workers } = watched;
    await host.start();
    await until(() => workers.length > 0);
    workers[1]!.events.message({ type: "failed", kind: "memory", message: "no memory for a stack" });
    expect(host.error).toBeInstanceOf(MachineFailed);
    expect(host.error!.message).toBe("no memory for a stack; the machine had not moved to its workers");
    // Too late: nothing moves any more.
    move(workers);
    await expectEnded(watched, host.error!);
    expect(workers).toHaveLength(2);
  });
});
