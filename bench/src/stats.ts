/** Statistics of samples. */

export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly p5: number;
  readonly p95: number;
  /** (p95 - p5) / median: how much the samples are worth; 0 when the median is 0. */
  readonly spread: number;
}

/** Quantile `q` from 0 to 1, interpolated between the nearest ranks (as R's type 7). */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError("no samples");
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

export function summary(samples: readonly number[]): Summary {
  const middle = median(samples);
  const p5 = quantile(samples, 0.05);
  const p95 = quantile(samples, 0.95);
  return { n: samples.length, median: middle, p5, p95, spread: middle === 0 ? 0 : (p95 - p5) / Math.abs(middle) };
}

export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no values");
  if (values.some((value) => !(value > 0))) throw new RangeError("a geometric mean needs positive values");
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Whether the last `window` samples lie within `tolerance` of their median: warm-up may end. */
export function isStable(samples: readonly number[], window = 3, tolerance = 0.1): boolean {
  if (samples.length < window) return false;
  const last = samples.slice(-window);
  const middle = median(last);
  return middle !== 0 && (Math.max(...last) - Math.min(...last)) / Math.abs(middle) <= tolerance;
}
