/** The bars: figures that the project must reach, as data (bars.json), and how results are held against them. */
import { readFileSync } from "node:fs";
import type { BarVerdict, BenchmarkResult } from "./results.ts";
import { geometricMean } from "./stats.ts";

/**
 * median: of our samples. ratio, difference: median of ours / peer, ours - peer, pair by pair. speedup: 1 / ratio.
 * geomean-ratio, worst-ratio: over several benchmarks, of their ratios.
 */
export type Statistic = "median" | "ratio" | "speedup" | "difference" | "geomean-ratio" | "worst-ratio";

export interface Bar {
  readonly name: string;
  /** What must be reached, in the words of the issue. */
  readonly text: string;
  readonly benchmarks: readonly string[];
  readonly statistic: Statistic;
  readonly sense: "at most" | "at least";
  readonly limit: number;
  /** "×" for ratios. */
  readonly unit: string;
}

export function readBars(): Bar[] {
  return JSON.parse(readFileSync(new URL("../bars.json", import.meta.url), "utf8")) as Bar[];
}

export function evaluateBar(bar: Bar, results: readonly BenchmarkResult[]): BarVerdict {
  const { name, text, statistic, sense, limit, unit } = bar;
  const head = { name, text, statistic, sense, limit, unit };
  const found: BenchmarkResult[] = [];
  for (const wanted of bar.benchmarks) {
    const result = results.find((one) => one.name === wanted);
    const why = result === undefined ? "was not run" : (result.error ?? result.skipped);
    if (result === undefined || why !== undefined)
      return { ...head, verdict: "not measured", reason: `${wanted}: ${why}` };
    found.push(result);
  }
  const value = statisticOf(statistic, found);
  const pass = sense === "at most" ? value <= limit : value >= limit;
  return { ...head, value, ratio: value / limit, verdict: pass ? "pass" : "FAIL" };
}

function statisticOf(statistic: Statistic, results: readonly BenchmarkResult[]): number {
  switch (statistic) {
    case "geomean-ratio":
      return geometricMean(results.map(ratio));
    case "worst-ratio":
      return Math.max(...results.map(ratio));
    case "ratio":
      return ratio(only(results));
    case "speedup":
      return 1 / ratio(only(results));
    case "difference":
      return comparison(only(results)).difference.median;
    case "median":
      return only(results).sides[0]!.median;
  }
}

function only(results: readonly BenchmarkResult[]): BenchmarkResult {
  if (results.length !== 1) throw new Error(`this statistic is of one benchmark, not of ${results.length}`);
  return results[0]!;
}

function comparison(result: BenchmarkResult) {
  if (result.comparison === undefined) throw new Error(`${result.name} has no peer to compare with`);
  return result.comparison;
}

function ratio(result: BenchmarkResult): number {
  return comparison(result).ratio.median;
}
