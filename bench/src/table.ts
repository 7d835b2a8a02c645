/** Results for people: one line per benchmark, one per bar. */
import type { BarVerdict, BenchmarkResult, Calibration } from "./results.ts";

/** Three digits that matter, without an exponent. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || size === 0) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
}

const percent = (value: number): string => `±${(value * 50).toFixed(0)}%`;

/** Columns aligned; the first to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

export const HEADINGS = [
  "benchmark",
  "unit",
  "n",
  "median",
  "p5",
  "p95",
  "spread",
  "peer",
  "median",
  "ratio",
  "better",
];

/** A line of the table; spread is half of (p95 - p5) / median. */
export function row(result: BenchmarkResult): string[] {
  const [ours, peer] = result.sides;
  if (ours === undefined) {
    const why = result.error === undefined ? `skipped: ${result.skipped}` : `FAILED: ${result.error}`;
    return [`${result.name}  ${why}`];
  }
  const mine = [String(ours.n), figure(ours.median), figure(ours.p5), figure(ours.p95), percent(ours.spread)];
  const ratio = result.comparison?.ratio.median;
  const theirs = peer === undefined ? ["", "", ""] : [peer.name, figure(peer.median), figure(ratio!)];
  return [result.name, result.unit, ...mine, ...theirs, result.better];
}

/** The table; lines of what was left out or failed stand under it. */
export function table(results: readonly BenchmarkResult[]): string[] {
  const measured = results.filter((one) => one.sides.length > 0);
  const rest = results.filter((one) => one.sides.length === 0);
  return [...aligned([HEADINGS, ...measured.map(row)]), ...rest.map((one) => row(one)[0]!)];
}

export function barLines(verdicts: readonly BarVerdict[]): string[] {
  const rows = verdicts.map((bar) => {
    const limit = `${bar.sense === "at most" ? "≤" : "≥"} ${figure(bar.limit)} ${bar.unit}`;
    const value = bar.value === undefined ? "-" : `${figure(bar.value)} ${bar.unit}`;
    const share = bar.ratio === undefined ? "-" : `${(bar.ratio * 100).toFixed(0)}%`;
    return [bar.verdict, bar.name, value, limit, share, bar.reason ?? bar.text];
  });
  const lines = aligned([["", "bar", "measured", "limit", "of it", ""], ...rows.map((cells) => cells.slice(0, 5))]);
  return lines.map((line, i) => (i === 0 ? line : `${line}  ${rows[i - 1]![5]}`));
}

export function calibrationLine(calibration: Calibration, load: number): string {
  const { memcpyGbPerS, pingPongUs, integerMopsPerS, score } = calibration;
  return (
    `machine: score ${figure(score)} (memcpy ${figure(memcpyGbPerS)} GB/s, ping-pong ${figure(pingPongUs)} µs, ` +
    `integer ${figure(integerMopsPerS)} Mop/s), load ${load.toFixed(2)}`
  );
}
