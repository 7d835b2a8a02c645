import { expect, test } from "vitest";
import { geometricMean, isStable, median, quantile, summary } from "./stats.ts";

test("quantiles are interpolated between ranks", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([0, 10, 20, 30], 0)).toBe(0);
  expect(quantile([0, 10, 20, 30], 1)).toBe(30);
  expect(quantile([0, 10], 0.05)).toBeCloseTo(0.5);
  expect(quantile([7], 0.95)).toBe(7);
  expect(() => quantile([], 0.5)).toThrow("no samples");
});

test("a summary does not depend on the samples' order and leaves them alone", () => {
  const samples = [5, 1, 4, 2, 3];
  const got = summary(samples);
  expect(got).toEqual(summary([1, 2, 3, 4, 5]));
  expect(got.n).toBe(5);
  expect(got.median).toBe(3);
  expect(got.p5).toBeCloseTo(1.2);
  expect(got.p95).toBeCloseTo(4.8);
  expect(got.spread).toBeCloseTo(1.2);
  expect(samples).toEqual([5, 1, 4, 2, 3]);
  expect(summary([0, 0]).spread).toBe(0);
});

test("geometric mean", () => {
  expect(geometricMean([2, 8])).toBeCloseTo(4);
  expect(geometricMean([5])).toBeCloseTo(5);
  expect(() => geometricMean([1, 0])).toThrow("positive");
  expect(() => geometricMean([])).toThrow("no values");
});

test("stable: the last samples agree, whatever came before", () => {
  expect(isStable([100, 50, 10, 10.5, 10.2])).toBe(true);
  expect(isStable([10, 10.5])).toBe(false);
  expect(isStable([10, 10, 12])).toBe(false);
  expect(isStable([10, 10, 12], 3, 0.25)).toBe(true);
});
