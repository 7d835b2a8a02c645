import { expect, test } from "vitest";
import { compare } from "./harness.ts";
import { historyLine } from "./history.ts";
import { summary } from "./stats.ts";

test("a line of the history holds medians and ratios, and leaves out what was not measured", () => {
  const [ours, peer] = [
    [1.23456, 1.23456],
    [2, 2],
  ] as const;
  const base = { description: "A test.", unit: "ms", better: "less" } as const;
  const line = historyLine({
    schema: "foreshore-bench/1",
    date: "2026-01-02T03:04:05.000Z",
    commit: "0123abc",
    quick: false,
    host: { cpu: "a cpu", cores: 2, system: "linux", node: "24", v8: "13", load: [0.5, 1] },
    calibration: { memcpyGbPerS: 5.00001, pingPongUs: 20, integerMopsPerS: 500, score: 1 },
    benchmarks: [
      {
        ...base,
        name: "g/a",
        sides: [{ name: "ours", ...summary(ours), samples: ours }],
        comparison: compare(ours, peer),
      },
      { ...base, name: "g/b", sides: [], skipped: "no qemu" },
    ],
  });
  expect(line).not.toContain("\n");
  expect(JSON.parse(line)).toEqual({
    date: "2026-01-02T03:04:05.000Z",
    commit: "0123abc",
    quick: false,
    load: [0.5, 1],
    calibration: { memcpyGbPerS: 5, pingPongUs: 20, integerMopsPerS: 500, score: 1 },
    figures: { "g/a": { median: 1.235, unit: "ms", ratio: 0.6173 } },
  });
});
