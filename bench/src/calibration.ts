/** How fast the machine is right now at three things that have nothing to do with Foreshore. */
import { Worker } from "node:worker_threads";
import type { Calibration } from "./results.ts";
import { geometricMean, median } from "./stats.ts";

/** What scores 1: round figures of a small cloud machine with two cores, in 2026. */
const REFERENCE = { memcpyGbPerS: 5, pingPongUs: 20, integerMopsPerS: 500 };

const COPY_BYTES = 32 << 20;
const COPIES = 8;
const INTEGER_STEPS = 20_000_000;
const INTEGER_LOOPS = 5;

/** Copies of 32 MiB, which no cache holds: bytes copied per second, in 10^9. */
function memcpy(): number {
  const from = new Uint8Array(COPY_BYTES).fill(1);
  const to = new Uint8Array(COPY_BYTES).fill(2);
  const rates = Array.from({ length: COPIES }, () => {
    const start = performance.now();
    to.set(from);
    return COPY_BYTES / 1e6 / (performance.now() - start);
  });
  return median(rates);
}

/** Steps of a xorshift generator per second, in 10^6: a dependent chain of shifts and xors. */
function integerLoop(): number {
  const rates = Array.from({ length: INTEGER_LOOPS }, (_, loop) => {
    const start = performance.now();
    const end = xorshift(loop + 1, INTEGER_STEPS);
    const rate = INTEGER_STEPS / 1e3 / (performance.now() - start);
    if (end === 0) throw new Error("xorshift never becomes 0");
    return rate;
  });
  return median(rates);
}

function xorshift(seed: number, steps: number): number {
  let x = seed | 0;
  for (let i = 0; i < steps; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  return x;
}

/** Microseconds of a round trip between two workers that wait for each other with Atomics.wait. */
async function pingPong(): Promise<number> {
  const shared = new SharedArrayBuffer(8);
  const script = new URL("calibration-worker.ts", import.meta.url);
  const workers = [0, 1].map((role) => new Worker(script, { workerData: { role, shared }, execArgv: [] }));
  try {
    return await new Promise<number>((resolve, reject) => {
      for (const worker of workers) {
        worker.on("message", (us: number) => resolve(us));
        worker.on("error", reject);
      }
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

export async function calibrate(): Promise<Calibration> {
  const memcpyGbPerS = memcpy();
  const integerMopsPerS = integerLoop();
  const pingPongUs = await pingPong();
  const score = geometricMean([
    memcpyGbPerS / REFERENCE.memcpyGbPerS,
    REFERENCE.pingPongUs / pingPongUs,
    integerMopsPerS / REFERENCE.integerMopsPerS,
  ]);
  return { memcpyGbPerS, pingPongUs, integerMopsPerS, score };
}
