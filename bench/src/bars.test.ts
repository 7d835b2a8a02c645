import { expect, test } from "vitest";
import { type Bar, evaluateBar, readBars } from "./bars.ts";
import { compare } from "./harness.ts";
import type { BenchmarkResult } from "./results.ts";
import { summary } from "./stats.ts";
import { suite } from "./suite/index.ts";

function result(name: string, ours: number[], peer?: number[]): BenchmarkResult {
  const sides = [{ name: "foreshore", ...summary(ours), samples: ours }];
  if (peer) sides.push({ name: "peer", ...summary(peer), samples: peer });
  const comparison = peer ? { comparison: compare(ours, peer) } : {};
  return { name, description: "A test.", unit: "ms", better: "less", sides, ...comparison };
}

function bar(statistic: Bar["statistic"], limit: number, more: Partial<Bar> = {}): Bar {
  return { name: "b", text: "t", benchmarks: ["g/a"], statistic, sense: "at most", limit, unit: "ms", ...more };
}

test("a median that is the limit passes, one above it does not", () => {
  const results = [result("g/a", [1, 5, 9])];
  expect(evaluateBar(bar("median", 5), results)).toMatchObject({ verdict: "pass", value: 5, ratio: 1 });
  expect(evaluateBar(bar("median", 4), results)).toMatchObject({ verdict: "FAIL", value: 5, ratio: 1.25 });
  expect(evaluateBar(bar("median", 4, { sense: "at least" }), results).verdict).toBe("pass");
});

test("ratios, speed-ups and differences are against the peer", () => {
  const results = [result("g/a", [10, 20], [20, 40])];
  expect(evaluateBar(bar("ratio", 0.7), results)).toMatchObject({ verdict: "pass", value: 0.5 });
  expect(evaluateBar(bar("speedup", 1.7, { sense: "at least" }), results)).toMatchObject({ verdict: "pass", value: 2 });
  expect(evaluateBar(bar("difference", 0), results)).toMatchObject({ verdict: "pass", value: -15 });
});

test("several benchmarks: geometric mean and the worst", () => {
  const results = [result("g/a", [2], [1]), result("g/b", [8], [1])];
  const both = { benchmarks: ["g/a", "g/b"] };
  expect(evaluateBar(bar("geomean-ratio", 4.01, both), results).verdict).toBe("pass");
  expect(evaluateBar(bar("geomean-ratio", 3.9, both), results).verdict).toBe("FAIL");
  expect(evaluateBar(bar("worst-ratio", 7, both), results)).toMatchObject({ verdict: "FAIL", value: 8 });
});

test("what was not measured does not pass, and says why", () => {
  const skipped = { ...result("g/a", [1]), sides: [], skipped: "no qemu here" };
  const failed = { ...result("g/a", [1]), sides: [], error: "wrong output" };
  expect(evaluateBar(bar("median", 5), [])).toMatchObject({ verdict: "not measured", reason: "g/a: was not run" });
  expect(evaluateBar(bar("median", 5), [skipped]).reason).toBe("g/a: no qemu here");
  expect(evaluateBar(bar("median", 5), [failed])).toMatchObject({
    verdict: "not measured",
    reason: "g/a: wrong output",
  });
});

test("a statistic that the results cannot give is an error of the table", () => {
  expect(() => evaluateBar(bar("ratio", 1), [result("g/a", [1])])).toThrow("no peer");
  const two = bar("median", 1, { benchmarks: ["g/a", "g/b"] });
  expect(() => evaluateBar(two, [result("g/a", [1]), result("g/b", [1])])).toThrow("one benchmark");
});

test("every bar names benchmarks that there are, and units agree", () => {
  const names = suite.map((one) => one.name);
  expect(new Set(names).size).toBe(names.length);
  const bars = readBars();
  expect(new Set(bars.map((one) => one.name)).size).toBe(bars.length);
  for (const one of bars) {
    for (const name of one.benchmarks) expect(names).toContain(name);
    const plain = one.statistic === "median" || one.statistic === "difference";
    expect(one.unit).toBe(plain ? suite.find((b) => b.name === one.benchmarks[0])?.unit : "×");
  }
});
