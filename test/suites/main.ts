/**
 * `node test/suites/main.ts [OPTION…] [NAME…]`: runs suites that nobody here wrote, each case as a program of its own, and compares
 * with their pinned lists. Names are suites, groups or single cases ("posix", "os/exec", "time/TestSleep", or "posix:time" where
 * two suites have a group of that name); none means all.
 *
 *   --harts N     harts of each machine (default 4)
 *   --native      on the kernel as a native program instead of kernel.wasm
 *   --jobs N      cases at a time (default 2)
 *   --fresh       forget earlier results; otherwise only what has none for this kernel is run
 *   --failed      take earlier results of any kernel, and run again only what did not pass (with --lists: on the oracle)
 *   --lists       make the lists anew: run every case on the suite's oracle (qemu-riscv64; for C guests Linux itself)
 *   --report      write docs/conformance.md of the results that are there, with --failed of any kernel; run nothing
 *   --help        this text
 *   --show        print what the cases that did not pass have said; run nothing
 *
 * Results are kept under build/conformance. A run of all on kernel.wasm writes docs/conformance.md. Exit code 1 when a case fails
 * that known-failures.json does not list, or when one passes that it lists; 3, with the reason, when a suite cannot run here.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machineEngine, nativeEngine } from "./engine.ts";
import { goSuite } from "./go.ts";
import { guestSuite } from "./guests.ts";
import { type Entry, excluded, readList, writeList } from "./list.ts";
import { posixSuite } from "./posix.ts";
import { judged, summary, writeReport } from "./report.ts";
import { forget, type Result, readResults } from "./results.ts";
import { runCases } from "./run.ts";
import { type Case, type Engine, nameOf, type Suite } from "./suite.ts";

const SUITES: readonly Suite[] = [goSuite, posixSuite, guestSuite];

/** A case that takes longer on the oracle does not count. */
const ORACLE_SECONDS = 60;
/** A machine gets so many times what the oracle took, and at least that. */
const SLOWER = 15;
const LEAST_SECONDS = 120;

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        harts: { type: "string", default: "4" },
        jobs: { type: "string", default: "2" },
        native: { type: "boolean", default: false },
        fresh: { type: "boolean", default: false },
        failed: { type: "boolean", default: false },
        lists: { type: "boolean", default: false },
        report: { type: "boolean", default: false },
        show: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    console.error(`conformance: ${(error as Error).message.split(". ")[0]}; make conformance ARGS=--help says more`);
    process.exit(2);
  }
}

const { values, positionals } = options();
if (values.help) {
  const text = readFileSync(import.meta.filename, "utf8").split("*/")[0]!;
  console.log(
    [...text.matchAll(/^ \* ?(.*)$/gm)]
      .map((line) => line[1])
      .join("\n")
      .trim(),
  );
  process.exit(0);
}
const harts = Number(values.harts);
const engine: Engine = values.native ? nativeEngine(harts) : machineEngine(harts);

const named = (suite: Suite, one: Case): boolean =>
  positionals.length === 0 ||
  positionals.some((name) => [suite.name, one.group, nameOf(one), `${suite.name}:${one.group}`].includes(name));

function progress(result: Result, left: number): void {
  const again = result.tries > 1 ? " (again)" : "";
  const why = result.verdict === "pass" ? "" : `  ${result.why}`;
  console.log(
    `${String(left).padStart(5)}  ${result.seconds.toFixed(1).padStart(6)} s  ${result.verdict.padEnd(7)} ${result.test}${again}${why}`,
  );
}

/** Runs every case on the suite's oracle and writes the list of what counts. */
async function makeList(suite: Suite): Promise<void> {
  const cases = await suite.cases();
  const key = await suite.oracle.key();
  const before = values.fresh ? new Map<string, Result>() : readResults(suite, suite.oracle);
  if (values.fresh) forget(suite, suite.oracle);
  const missing = cases.filter((one) => {
    const result = before.get(nameOf(one));
    const again = values.failed && (result?.verdict === "fail" || result?.verdict === "timeout");
    return named(suite, one) && (result?.key !== key || again);
  });
  await runCases(suite, suite.oracle, missing, {
    ...{ jobs: Number(values.jobs), tries: 2, limit: () => ORACLE_SECONDS, done: progress },
  });
  const results = readResults(suite, suite.oracle);
  const entries = cases.map((one): Entry => {
    const result = results.get(nameOf(one));
    const by = excluded.find((entry) => entry.suite === suite.name && entry.test === nameOf(one));
    const seconds = Math.floor(result?.seconds ?? 0);
    return { ...one, seconds: result?.verdict === "pass" ? seconds : 0, left: leftBecause(suite, result, by?.reason) };
  });
  writeList(suite, { version: await suite.version(), entries });
}

function leftBecause(suite: Suite, result: Result | undefined, reason: string | undefined): string {
  const where = suite.oracle.name;
  if (result === undefined) return `not run on ${where}`;
  if (result.verdict === "build") return result.why;
  if (result.verdict === "timeout") return `no end within ${ORACLE_SECONDS} s on ${where}`;
  if (result.verdict === "skip") return `skips on ${where}: ${result.why}`;
  if (result.verdict === "fail") return `fails on ${where}: ${result.why}`;
  return reason ?? "";
}

/** Runs what counts and has no result yet. */
async function runSuite(suite: Suite): Promise<void> {
  if (values.fresh) forget(suite, engine);
  const list = readList(suite);
  const here = new Set((await suite.cases()).map(nameOf));
  if (list.version !== (await suite.version())) {
    console.log(
      `${suite.title}: the list is of ${list.version}, installed is ${await suite.version()}: what both have is run`,
    );
  }
  const key = await engine.key();
  const before = readResults(suite, engine);
  const limits = new Map(list.entries.map((entry) => [nameOf(entry), Math.max(LEAST_SECONDS, SLOWER * entry.seconds)]));
  const missing = list.entries.filter((one) => {
    if (one.left !== "" || !here.has(nameOf(one)) || !named(suite, one)) return false;
    const result = before.get(nameOf(one));
    return result === undefined || (values.failed ? result.verdict !== "pass" : result.key !== key);
  });
  await runCases(suite, engine, missing, {
    ...{ jobs: Number(values.jobs), tries: 2, done: progress },
    limit: (one) => limits.get(nameOf(one)) ?? LEAST_SECONDS,
  });
}

/** What was found, and whether it is what is known. */
function conclude(suite: Suite): boolean {
  const verdicts = judged(suite, engine).filter(({ entry }) => named(suite, entry));
  if (values.show) {
    for (const { entry, result } of verdicts) {
      if (result === undefined || result.verdict === "pass") continue;
      console.log(`\n=== ${suite.name} ${nameOf(entry)}: ${result.verdict}: ${result.why}\n${result.said.trimEnd()}`);
    }
  }
  const { lines, good } = summary(suite, verdicts);
  for (const line of lines) console.log(line);
  return good;
}

async function main(): Promise<number> {
  if (values.report) {
    console.log(`${await writeReport(SUITES, engine, values.failed)} cases that count have not been run`);
    return 0;
  }
  let code = 0;
  for (const suite of SUITES) {
    const wanted = positionals.length === 0 || positionals.includes(suite.name);
    if (!wanted && !readList(suite).entries.some((one) => named(suite, one))) continue;
    const missing = await suite.missing();
    if (missing !== null) {
      console.log(`${suite.title}: not run: ${missing}`);
      code ||= 3;
      continue;
    }
    if (values.lists) await makeList(suite);
    else if (!values.show) await runSuite(suite);
    if (!values.lists && !conclude(suite)) code = 1;
  }
  if (positionals.length === 0 && !values.native && !values.lists && !values.show) {
    await writeReport(SUITES, engine, values.failed);
  }
  return code;
}

process.exitCode = await main();
