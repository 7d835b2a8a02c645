/** Runs a benchmark: sides interleaved (A B A B), warm-up until stable, then the rounds that count. */
import { type Benchmark, Unavailable } from "./benchmark.ts";
import type { BenchmarkResult, Comparison, SideResult } from "./results.ts";
import { isStable, summary } from "./stats.ts";

export interface HarnessOptions {
  readonly quick: boolean;
  /** The harness's clock, in milliseconds. */
  readonly now?: () => number;
}

const DEFAULT_ROUNDS = { full: 9, quick: 3 };
const DEFAULT_WARMUP = 6;
/** Bounds of one benchmark in milliseconds: warm-up ends, and no further round begins. */
const WARMUP_LIMIT_MS = { full: 30_000, quick: 3_000 };
const ROUNDS_LIMIT_MS = { full: 90_000, quick: 10_000 };
const MIN_ROUNDS = 3;

export async function runBenchmark(benchmark: Benchmark, options: HarnessOptions): Promise<BenchmarkResult> {
  const { name, description, unit, better } = benchmark;
  const head = { name, description, unit, better };
  try {
    const opened = await benchmark.open();
    try {
      const samples = await takeSamples(benchmark, opened.sides, options);
      const sides = opened.sides.map(
        (side, i): SideResult => ({ name: side.name, ...summary(samples[i]!), samples: samples[i]!.map(short) }),
      );
      const peer = sides.length > 1 ? { comparison: compare(samples[0]!, samples[1]!) } : {};
      const facts = opened.facts?.();
      return { ...head, sides, ...peer, ...(facts === undefined ? {} : { facts }) };
    } finally {
      await opened.close?.();
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ...head, sides: [], ...(error instanceof Unavailable ? { skipped: text } : { error: text }) };
  }
}

async function takeSamples(
  benchmark: Benchmark,
  sides: Awaited<ReturnType<Benchmark["open"]>>["sides"],
  { quick, now = () => performance.now() }: HarnessOptions,
): Promise<number[][]> {
  const mode = quick ? "quick" : "full";
  const round = async (into: number[][]): Promise<void> => {
    for (const [i, side] of sides.entries()) into[i]!.push(await side.sample());
  };
  const warm: number[][] = sides.map(() => []);
  const warmupEnd = now() + WARMUP_LIMIT_MS[mode];
  const most = Math.min(benchmark.warmup ?? DEFAULT_WARMUP, quick ? 1 : Number.POSITIVE_INFINITY);
  for (let i = 0; i < most; i++) {
    await round(warm);
    if (now() >= warmupEnd || warm.every((samples) => isStable(samples))) break;
  }
  const samples: number[][] = sides.map(() => []);
  const rounds = (benchmark.rounds ?? DEFAULT_ROUNDS)[mode];
  const end = now() + ROUNDS_LIMIT_MS[mode];
  for (let i = 0; i < rounds && (i < MIN_ROUNDS || now() < end); i++) await round(samples);
  return samples;
}

/** Of samples taken side by side: what disturbs the machine for a while disturbs both of a pair. */
export function compare(ours: readonly number[], peer: readonly number[]): Comparison {
  const pairs = ours.map((value, i): [number, number] => [value, peer[i]!]);
  return {
    ratio: summary(pairs.map(([a, b]) => a / b)),
    difference: summary(pairs.map(([a, b]) => a - b)),
  };
}

/** Six digits are more than any sample is worth. */
function short(value: number): number {
  return Number(value.toPrecision(6));
}
