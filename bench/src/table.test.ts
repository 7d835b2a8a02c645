import { expect, test } from "vitest";
import { aligned, barLines, figure, row } from "./table.ts";

test("figures have three digits that matter", () => {
  expect([0, 0.0123, 0.25, 1.234, 45.67, 1234.5].map(figure)).toEqual(["0", "0.0123", "0.250", "1.23", "45.7", "1235"]);
  expect(figure(-45.67)).toBe("-45.7");
});

test("columns are aligned", () => {
  expect(aligned([["a", "b"], ["long", "12"], ["x"]])).toEqual(["a      b", "long  12", "x"]);
});

test("what did not run says why", () => {
  const base = { name: "a/b", description: "A test.", unit: "ms", better: "less", sides: [] } as const;
  expect(row({ ...base, skipped: "no qemu" })).toEqual(["a/b  skipped: no qemu"]);
  expect(row({ ...base, error: "wrong" })).toEqual(["a/b  FAILED: wrong"]);
});

test("a bar's line has the verdict, the figure, the limit and how much of it was used", () => {
  const base = {
    name: "fork",
    text: "fork ≤ 2 ms",
    statistic: "median",
    sense: "at most",
    limit: 2,
    unit: "ms",
  } as const;
  const lines = barLines([
    { ...base, value: 1, ratio: 0.5, verdict: "pass" },
    { ...base, verdict: "not measured", reason: "no busybox" },
  ]);
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(/^pass +fork +1\.00 ms +≤ 2\.00 ms +50% {2}fork ≤ 2 ms$/);
  expect(lines[2]).toMatch(/^not measured +fork +- +≤ 2\.00 ms +- {2}no busybox$/);
});
