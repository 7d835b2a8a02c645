/** `make bench`, `make bench-bars`: runs benchmarks, prints a table, checks bars, writes results. See README.md. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release, type } from "node:os";
import { parseArgs } from "node:util";
import { evaluateBar, readBars } from "./bars.ts";
import type { Benchmark } from "./benchmark.ts";
import { calibrate } from "./calibration.ts";
import { runBenchmark } from "./harness.ts";
import { record } from "./history.ts";
import { type BenchmarkResult, checkReport, type Report } from "./results.ts";
import { suite } from "./suite/index.ts";
import { barLines, calibrationLine, row, table } from "./table.ts";

const USAGE = `usage: npm run bench -- [--bars] [--quick] [--json FILE] [--record] [--list] [FILTER…]

  FILTER        only benchmarks whose name contains one of these
  --bars        only benchmarks that a bar names; then each bar: pass or FAIL (exit code 1 when one is missed)
  --quick       few rounds and little warm-up: to see that it works, not to quote
  --json FILE   write the report (results.schema.json)
  --record      append a line to bench/history.jsonl
  --list        names and descriptions, nothing is run`;

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        bars: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        record: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

/** The commit of the checkout; "+" when files of it differ. */
function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
    const dirty = git("status", "--porcelain", "--untracked-files=no") !== "";
    return git("rev-parse", "--short=12", "HEAD") + (dirty ? "+" : "");
  } catch {
    return "unknown"; // not a checkout
  }
}

async function main(): Promise<number> {
  const { values, positionals } = options();
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const matches = (one: Benchmark): boolean =>
    positionals.length === 0 || positionals.some((filter) => one.name.includes(filter));
  const asked = suite.filter(matches).map((one) => one.name);
  // With a filter, bars of which all benchmarks are asked for.
  const bars = values.bars ? readBars().filter((bar) => bar.benchmarks.every((name) => asked.includes(name))) : [];
  const chosen = suite.filter(
    (one) => asked.includes(one.name) && (!values.bars || bars.some((bar) => bar.benchmarks.includes(one.name))),
  );
  if (chosen.length === 0) {
    console.error(`bench: nothing is called ${positionals.join(" or ")}; --list shows all`);
    return 2;
  }
  if (values.list) {
    for (const one of chosen) console.log(`${one.name.padEnd(24)} ${one.description}`);
    return 0;
  }

  const date = new Date().toISOString();
  const before = loadavg()[0]!;
  const calibration = await calibrate();
  console.log(calibrationLine(calibration, before));
  const benchmarks: BenchmarkResult[] = [];
  for (const [i, one] of chosen.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K[${i + 1}/${chosen.length}] ${one.name}`);
    const from = performance.now();
    const result = await runBenchmark(one, values);
    benchmarks.push(result);
    if (!process.stderr.isTTY)
      console.error(`${row(result).join("  ")}  (${((performance.now() - from) / 1000).toFixed(1)} s)`);
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  const verdicts = bars.map((bar) => evaluateBar(bar, benchmarks));
  const report: Report = {
    schema: "foreshore-bench/1",
    date,
    commit: commit(),
    quick: values.quick,
    host: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: cpus().length,
      system: `${type()} ${release()}`,
      node: process.versions.node,
      v8: process.versions.v8,
      load: [round(before), round(loadavg()[0]!)],
    },
    calibration,
    benchmarks,
    ...(values.bars ? { bars: verdicts } : {}),
  };
  checkReport(JSON.parse(JSON.stringify(report)));

  console.log(["", ...table(benchmarks)].join("\n"));
  if (verdicts.length > 0) console.log(["", ...barLines(verdicts)].join("\n"));
  if (values.quick) console.log("\n--quick: these figures show that it works; they are not to be quoted.");
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  const failed = benchmarks.filter((one) => one.error !== undefined);
  if (values.record && failed.length === 0) record(report);
  else if (values.record) console.log("\nnot recorded: a benchmark failed");
  const missed = verdicts.filter((bar) => bar.verdict !== "pass");
  if (missed.length > 0) console.log(`\nmissed: ${missed.map((bar) => bar.name).join(", ")}`);
  return missed.length > 0 || failed.length > 0 ? 1 : 0;
}

function round(value: number): number {
  return Number(value.toFixed(2));
}

process.exitCode = await main();
