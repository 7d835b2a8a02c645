/** bench/history.jsonl: one line per landing, so that a figure's way can be followed. */
import { appendFileSync } from "node:fs";
import type { Report } from "./results.ts";

const FILE = new URL("../history.jsonl", import.meta.url);

/** What is kept of a run: per benchmark our median, and the ratio to the peer where there is one. */
export function historyLine(report: Report): string {
  const figures = report.benchmarks
    .filter((one) => one.sides.length > 0)
    .map((one): [string, { median: number; unit: string; ratio?: number }] => [
      one.name,
      {
        median: short(one.sides[0]!.median),
        unit: one.unit,
        ...(one.comparison === undefined ? {} : { ratio: short(one.comparison.ratio.median) }),
      },
    ]);
  const { date, commit, quick, host, calibration } = report;
  const rounded = Object.fromEntries(Object.entries(calibration).map(([name, value]) => [name, short(value)]));
  return JSON.stringify({
    date,
    commit,
    quick,
    load: host.load,
    calibration: rounded,
    figures: Object.fromEntries(figures),
  });
}

export function record(report: Report): void {
  appendFileSync(FILE, `${historyLine(report)}\n`);
}

function short(value: number): number {
  return Number(value.toPrecision(4));
}
