import { expect, test } from "vitest";
import { checkReport, type Report } from "./results.ts";
import { summary } from "./stats.ts";

function report(): Report {
  const samples = [1, 2, 3];
  return {
    schema: "foreshore-bench/1",
    date: new Date(0).toISOString(),
    commit: "0123abc+",
    quick: true,
    host: { cpu: "a cpu", cores: 2, system: "linux", node: "24", v8: "13", load: [0, 0.5] },
    calibration: { memcpyGbPerS: 5, pingPongUs: 20, integerMopsPerS: 500, score: 1 },
    benchmarks: [
      {
        name: "group/one",
        description: "A sentence.",
        unit: "ms",
        better: "less",
        sides: [
          { name: "foreshore", ...summary(samples), samples },
          { name: "qemu", ...summary(samples), samples },
        ],
        comparison: { ratio: summary(samples), difference: summary([-1, 1]) },
        facts: { instructions: 5, note: "a word" },
      },
      { name: "group/two", description: "A sentence.", unit: "ms", better: "less", sides: [], skipped: "no qemu" },
    ],
    bars: [
      {
        name: "one",
        text: "≤ 1 ms",
        statistic: "median",
        sense: "at most",
        limit: 1,
        unit: "ms",
        value: 2,
        ratio: 2,
        verdict: "FAIL",
      },
    ],
  };
}

test("a report of a run is as the schema says", () => {
  expect(() => checkReport(JSON.parse(JSON.stringify(report())))).not.toThrow();
});

test.each<[string, (string | number)[], unknown, string]>([
  ["a missing field", ["commit"], undefined, "commit"],
  ["an unknown field", ["host", "colour"], "blue", "/host"],
  ["an unknown unit", ["benchmarks", 0, "unit"], "furlong", "/benchmarks/0/unit"],
  ["a side without samples", ["benchmarks", 0, "sides", 0, "samples"], [], "/sides/0/samples"],
  ["no sides, and no reason", ["benchmarks", 1, "skipped"], undefined, "/benchmarks/1/sides"],
  ["a figure that is no number", ["calibration", "score"], null, "/calibration/score"],
  ["an unknown verdict", ["bars", 0, "verdict"], "maybe", "/bars/0/verdict"],
])("%s is refused", (_, path, value, where) => {
  const bad: unknown = JSON.parse(JSON.stringify(report()));
  let at = bad as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1)!] = value;
  expect(() => checkReport(JSON.parse(JSON.stringify(bad)))).toThrow(where);
});
