import { expect, test } from "vitest";
import { type Benchmark, Unavailable } from "./benchmark.ts";
import { compare, runBenchmark } from "./harness.ts";

const base = { name: "test/one", description: "A test.", unit: "ms", better: "less" } as const;

/** A side that gives the values in turn, the last one for ever, and writes down that it was asked. */
function side(name: string, values: readonly number[], asked: string[]) {
  let at = 0;
  return {
    name,
    sample: async () => {
      asked.push(name);
      return values[Math.min(at++, values.length - 1)]!;
    },
  };
}

function benchmark(asked: string[], ours: readonly number[], peer: readonly number[], more: Partial<Benchmark> = {}) {
  return {
    ...base,
    rounds: { full: 4, quick: 2 },
    open: async () => ({ sides: [side("ours", ours, asked), side("peer", peer, asked)] }),
    ...more,
  };
}

test("sides are interleaved; warm-up ends when all are stable, and does not count", async () => {
  const asked: string[] = [];
  const result = await runBenchmark(benchmark(asked, [90, 50, 10], [5]), { quick: false });
  expect(asked).toEqual(Array.from({ length: 9 }, () => ["ours", "peer"]).flat());
  expect(result.sides.map((one) => [one.name, one.n, one.median, one.spread])).toEqual([
    ["ours", 4, 10, 0],
    ["peer", 4, 5, 0],
  ]);
  expect(result.comparison?.ratio.median).toBe(2);
  expect(result.comparison?.difference.median).toBe(5);
});

test("warm-up that never gets stable ends after its rounds, or when its time is up", async () => {
  const values = Array.from({ length: 40 }, (_, i) => 2 ** i);
  const rounds: string[] = [];
  await runBenchmark(benchmark(rounds, values, [1], { warmup: 6 }), { quick: false });
  expect(rounds).toHaveLength(2 * (6 + 4));
  let clock = 0;
  const late: string[] = [];
  await runBenchmark(benchmark(late, values, [1], { warmup: 6, rounds: { full: 50, quick: 1 } }), {
    quick: false,
    now: () => (clock += 20_000),
  });
  // The second look at the clock ends the warm-up, the fifth the rounds: at least three are taken.
  expect(late.length / 2).toBeGreaterThanOrEqual(2 + 3);
  expect(late.length / 2).toBeLessThan(15);
});

test("quick: one round to warm up, few that count; no warm-up where there is nothing to warm", async () => {
  const asked: string[] = [];
  await runBenchmark(benchmark(asked, [10], [5]), { quick: true });
  expect(asked).toHaveLength(2 * (1 + 2));
  const cold: string[] = [];
  await runBenchmark(benchmark(cold, [10], [5], { warmup: 0 }), { quick: true });
  expect(cold).toHaveLength(2 * 2);
});

test("what cannot run is skipped with its reason, what fails is an error; both are closed", async () => {
  const missing = await runBenchmark(
    { ...base, open: () => Promise.reject(new Unavailable("no qemu here")) },
    { quick: true },
  );
  expect(missing).toMatchObject({ skipped: "no qemu here", sides: [] });
  let closed = 0;
  const broken = await runBenchmark(
    {
      ...base,
      open: async () => ({
        sides: [{ name: "ours", sample: () => Promise.reject(new Error("wrong output")) }],
        close: async () => void closed++,
      }),
    },
    { quick: true },
  );
  expect(broken).toMatchObject({ error: "wrong output", sides: [] });
  expect(closed).toBe(1);
});

test("a comparison is made pair by pair", () => {
  const { ratio, difference } = compare([10, 100, 12], [5, 50, 6]);
  expect(ratio.median).toBe(2);
  expect(ratio.spread).toBe(0);
  expect(difference.median).toBe(6);
});
