import { describe, expect, test } from "vitest";
import { type FakeWorker, type FakeWorkers, fakeWorkers } from "../testing/fake-workers.ts";
import type { Platform } from "./platform.ts";
import { type WorkerLoss, WorkerPool } from "./worker-pool.ts";
import type { FromWorker, StartHart, StartKernel } from "./worker-protocol.ts";

const module = {} as WebAssembly.Module;
const memory = {} as WebAssembly.Memory;
const KERNEL: StartKernel = { type: "kernel", hold: true, module, memory, baseMs: 0 };
const HART: StartHart = { type: "hart", hold: true, module, memory, baseMs: 0, hart: 0, budgetInsns: 1 };

interface Watched extends FakeWorkers {
  readonly pool: WorkerPool;
  readonly messages: FromWorker[];
  readonly losses: WorkerLoss[];
  prepared: number;
}

function open(): Watched {
  const fake = fakeWorkers();
  const messages: FromWorker[] = [];
  const losses: WorkerLoss[] = [];
  const pool = new WorkerPool(fake as unknown as Platform, undefined, {
    message: (message) => messages.push(message),
    prepared: () => {
      watched.prepared++;
    },
    lost: (loss) => losses.push(loss),
  });
  const watched: Watched = { ...fake, pool, messages, losses, prepared: 0 };
  return watched;
}

const say = (worker: FakeWorker | undefined, message: FromWorker): void => worker!.events.message(message);

describe("starting workers", () => {
  test("each is named and told what it is; a machine may move when all that are held are prepared", () => {
    const watched = open();
    const { pool, workers } = watched;
    pool.start(KERNEL);
    pool.start(HART);
    expect(workers.map(({ name, posted }) => [name, posted])).toEqual([
      ["kernel", [KERNEL]],
      ["hart 0", [HART]],
    ]);
    say(workers[1], { type: "prepared" });
    expect(watched.prepared).toBe(0);
    say(workers[0], { type: "prepared" });
    expect(watched.prepared).toBe(1);
    pool.release();
    expect(workers.map(({ posted }) => posted.at(-1))).toEqual([{ type: "go" }, { type: "go" }]);
    say(workers[0], { type: "ready", single: undefined });
    expect(watched.messages).toEqual([{ type: "ready", single: undefined }]);
  });

  test("those that come after unref() do not keep the host alive either", () => {
    const { pool, workers } = open();
    pool.start(KERNEL);
    expect(workers[0]!.unref).toBe(false);
    pool.unref();
    pool.start(HART);
    expect(workers.map(({ unref }) => unref)).toEqual([true, true]);
  });
});

describe("losing workers", () => {
  test("is told with what the worker, or the host, says of it", () => {
    const { pool, workers, losses } = open();
    pool.start(KERNEL);
    pool.start(HART);
    const died = new Error("no memory");
    workers[0]!.events.ended(died, false);
    say(workers[1], { type: "failed", kind: "machine", message: "unreachable", stack: "at hart" });
    pool.start({ ...HART, hart: 1 });
    say(workers[2], { type: "failed", kind: "abi", message: "another kernel" });
    pool.start({ ...HART, hart: 2 });
    workers[3]!.events.ended(undefined, true);
    expect(losses.map(({ what, cause, kind, gone }) => ({ what, cause, kind, gone }))).toEqual([
      { what: "the kernel worker died: no memory", cause: died, kind: undefined, gone: false },
      { what: "the hart 0 worker failed: unreachable", cause: "at hart", kind: "machine", gone: true },
      { what: "another kernel", cause: undefined, kind: "abi", gone: true },
      { what: "the hart 2 worker ended", cause: undefined, kind: undefined, gone: true },
    ]);
  });

  test("the kernel worker cannot be replaced, nor any before the machine has moved", () => {
    const { pool, workers, losses } = open();
    pool.start(KERNEL);
    pool.start(HART);
    for (const { events } of [...workers]) events.ended(undefined, true);
    const header = {} as never;
    expect(losses.map((loss) => pool.replace(loss, header))).toEqual([
      "none can take its place",
      "the machine had not moved to its workers",
    ]);
    expect(pool.replace(losses[1]!, undefined)).toBe("none can take its place");
    expect(workers).toHaveLength(2);
  });
});

describe("ending workers", () => {
  test("allEnded waits for each, and no longer", async () => {
    const { pool, workers } = open();
    pool.start(KERNEL);
    pool.start(HART);
    pool.askToStop();
    expect(workers.map(({ posted }) => posted.at(-1))).toEqual([{ type: "stop" }, { type: "stop" }]);
    let ended = false;
    const all = pool.allEnded(2 ** 31 - 1).then(() => {
      ended = true;
    });
    workers[0]!.events.ended(undefined, true);
    await Promise.resolve();
    expect(ended).toBe(false);
    workers[1]!.events.ended(undefined, true);
    await all;
    await pool.terminate();
    expect(workers.map(({ terminated }) => terminated)).toEqual([false, false]);
  });

  test("allEnded gives up after the grace time, and terminate ends who is left", async () => {
    const { pool, workers } = open();
    pool.start(KERNEL);
    pool.start(HART);
    workers[1]!.events.ended(undefined, true);
    await pool.allEnded(0);
    await pool.terminate();
    expect(workers.map(({ terminated }) => terminated)).toEqual([true, false]);
    await pool.terminate();
  });

  test("of none is at once", async () => {
    const { pool } = open();
    await pool.allEnded(2 ** 31 - 1);
    await pool.terminate();
  });
});
