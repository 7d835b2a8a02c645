/** Requests to the kernel worker; the peer is postMessage to a worker that answers, which is what pages have without. */
import { Worker } from "node:worker_threads";
import { Runtime } from "@foreshore/runtime";
import { defaultWorkerUrl } from "@foreshore/runtime/node";
import type { Benchmark, Opened, Side } from "../benchmark.ts";
import { median } from "../stats.ts";

const CALLS = 2_000;
const IN_FLIGHT = 64;
const BATCHES = 200;

/** Microseconds of one call, made when the one before has been answered: the median of 2,000. */
async function oneAtATime(call: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const from = performance.now();
    await call();
    times.push((performance.now() - from) * 1000);
  }
  return median(times);
}

/** Microseconds for each of 64 calls that are made at once: the median of 200 such batches. */
async function manyAtOnce(call: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < BATCHES; i++) {
    const from = performance.now();
    await Promise.all(Array.from({ length: IN_FLIGHT }, call));
    times.push(((performance.now() - from) * 1000) / IN_FLIGHT);
  }
  return median(times);
}

const ECHO =
  'const { parentPort } = require("node:worker_threads"); parentPort.on("message", (m) => parentPort.postMessage(m));';

/** A worker that sends every message back. */
function echo(): { call(): Promise<void>; close(): Promise<void> } {
  const worker = new Worker(ECHO, { eval: true, execArgv: [] });
  const waiting = new Map<number, () => void>();
  let last = 0;
  worker.on("message", (id: number) => {
    waiting.get(id)?.();
    waiting.delete(id);
  });
  return {
    call: () =>
      new Promise<void>((resolve) => {
        last++;
        waiting.set(last, resolve);
        worker.postMessage(last);
      }),
    close: async () => void (await worker.terminate()),
  };
}

async function open(measure: (call: () => Promise<void>) => Promise<number>): Promise<Opened> {
  // With a script named, create waits for the workers: until then requests are served on this thread.
  const runtime = await Runtime.create({ harts: 1, workerUrl: defaultWorkerUrl() });
  const worker = echo();
  const sides: Side[] = [
    { name: "foreshore", sample: () => measure(() => runtime.noop()) },
    { name: "postMessage", sample: () => measure(worker.call) },
  ];
  return {
    sides,
    close: async () => {
      await runtime.stop();
      await worker.close();
    },
  };
}

export const rpc: readonly Benchmark[] = [
  {
    name: "rpc/noop",
    description: "A request that does nothing, one at a time, answered: p50 of 2,000.",
    unit: "µs",
    better: "less",
    open: () => open(oneAtATime),
  },
  {
    name: "rpc/noop-64",
    description: "The same with 64 in flight: time per request, p50 of 200 batches.",
    unit: "µs",
    better: "less",
    open: () => open(manyAtOnce),
  },
];
