/** Results beside the lists and the known failures: what is printed at the end, and docs/conformance.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, type List, readList } from "./list.ts";
import { type Result, readResults } from "./results.ts";
import { type Engine, nameOf, type Suite } from "./suite.ts";

const DOC = join(import.meta.dirname, "../../docs/conformance.md");

interface KnownFailure {
  readonly suite: string;
  /** group/name */
  readonly test: string;
  readonly reason: string;
  /** Day since when it is known. */
  readonly since: string;
}

export const knownFailures = JSON.parse(
  readFileSync(join(import.meta.dirname, "known-failures.json"), "utf8"),
) as readonly KnownFailure[];

/** A case that counts, what it left (undefined: not run yet), and the reason for which it is known to fail. */
export interface Judged {
  readonly entry: Entry;
  readonly result: Result | undefined;
  readonly known: string | undefined;
}

export function judged(suite: Suite, engine: Engine): Judged[] {
  const results = readResults(suite, engine);
  const known = new Map(knownFailures.filter((one) => one.suite === suite.name).map((one) => [one.test, one.reason]));
  return readList(suite)
    .entries.filter((entry) => entry.left === "")
    .map((entry) => ({ entry, result: results.get(nameOf(entry)), known: known.get(nameOf(entry)) }));
}

const percent = (part: number, all: number): string => (all === 0 ? "–" : `${((100 * part) / all).toFixed(2)} %`);

interface Sum {
  counted: number;
  passed: number;
}

function sumOf(verdicts: readonly Judged[]): Sum {
  return { counted: verdicts.length, passed: verdicts.filter(({ result }) => result?.verdict === "pass").length };
}

/** What is printed at the end of a suite; `good` when nothing is unexpected and nothing is missing. */
export function summary(suite: Suite, verdicts: readonly Judged[]): { lines: string[]; good: boolean } {
  const ran = verdicts.filter(({ result }) => result !== undefined);
  const { counted, passed } = sumOf(ran);
  const unexpected = ran.filter(({ result, known }) => result?.verdict !== "pass" && known === undefined);
  const mended = ran.filter(({ result, known }) => result?.verdict === "pass" && known !== undefined);
  const missing = verdicts.length - ran.length;
  const again = ran.filter(({ result }) => result?.verdict === "pass" && result.tries > 1);
  const lines = [
    ...unexpected.map(({ entry, result }) => `FAIL ${suite.name} ${nameOf(entry)}: ${result?.verdict}: ${result?.why}`),
    ...mended.map(({ entry }) => `FAIL ${suite.name} ${nameOf(entry)}: passes, and known-failures.json lists it`),
    ...again.map(({ entry }) => `note ${suite.name} ${nameOf(entry)}: passed only when it was run again by itself`),
    `${suite.title}: ${passed} of ${counted} pass (${percent(passed, counted)}), ${unexpected.length} fail unexpectedly` +
      `${again.length > 0 ? `, ${again.length} passed only by themselves` : ""}${missing > 0 ? `, ${missing} not run yet` : ""}`,
  ];
  return { lines, good: unexpected.length === 0 && mended.length === 0 && missing === 0 };
}

function table(suite: Suite, list: List, verdicts: readonly Judged[]): string[] {
  const groups = [...new Set(list.entries.map((entry) => entry.group))];
  const row = (name: string, mine: readonly Judged[], entries: readonly Entry[]): string => {
    const ran = mine.filter(({ result }) => result !== undefined);
    const { counted, passed } = sumOf(ran);
    return `| ${name} | ${entries.length} | ${mine.length} | ${counted} | ${passed} | ${percent(passed, counted)} |`;
  };
  const failing = verdicts.filter(({ result }) => result !== undefined && result.verdict !== "pass");
  return [
    `## ${suite.title}`,
    "",
    `Version ${list.version}.`,
    "",
    `| group | cases | pass on ${suite.oracle.name}, counted | run here | pass here | share |`,
    "|---|--:|--:|--:|--:|--:|",
    ...groups.map((group) =>
      row(
        group,
        verdicts.filter(({ entry }) => entry.group === group),
        list.entries.filter((entry) => entry.group === group),
      ),
    ),
    row("**all**", verdicts, list.entries),
    "",
    ...(failing.length === 0
      ? []
      : [
          "Do not pass:",
          "",
          ...failing.map(({ entry, known }) => `- \`${nameOf(entry)}\`: ${known ?? "unexplained"}`),
          "",
        ]),
  ];
}

/**
 * Writes docs/conformance.md of the results that are there; those of another kernel count as not run, unless `anyKernel`.
 * @returns how many cases that count have not been run
 */
export async function writeReport(suites: readonly Suite[], engine: Engine, anyKernel: boolean): Promise<number> {
  const key = await engine.key();
  const parts: string[] = [];
  let missing = 0;
  let earlier = 0;
  for (const suite of suites) {
    const verdicts = judged(suite, engine).map((one) =>
      one.result?.key === key || anyKernel ? one : { ...one, result: undefined },
    );
    earlier += verdicts.filter(({ result }) => result !== undefined && result.key !== key).length;
    missing += verdicts.filter(({ result }) => result === undefined).length;
    parts.push(...table(suite, readList(suite), verdicts));
  }
  const head = [
    "# Conformance",
    "",
    "Suites on kernel.wasm, each case a program of its own. Generated by `make conformance`; do not edit. A case counts",
    "when it passes on the suite's oracle (qemu-riscv64; for the project's own C programs, Linux) and needs neither sockets nor",
    "message queues; `test/suites/lists` names every case, and for each that does not count the reason. Known failures:",
    "`test/suites/known-failures.json`.",
    ...(earlier > 0 ? [`${earlier} of the results are of earlier builds of the kernel.`] : []),
    "",
  ];
  writeFileSync(DOC, `${[...head, ...parts].join("\n").trimEnd()}\n`);
  return missing;
}
