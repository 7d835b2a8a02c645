/**
 * The pinned list of a suite: every case of one version, those that count and those that do not, and why not. What counts is
 * what passes on the suite's oracle; a list is written by `make conformance-lists`, never by hand.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Case, nameOf, type Suite } from "./suite.ts";

const FOLDER = join(import.meta.dirname, "lists");

export interface Entry extends Case {
  /** What it took on the oracle, in whole seconds: 0 for all that is quick. */
  readonly seconds: number;
  /** Why it does not count; "" when it does. */
  readonly left: string;
}

export interface List {
  readonly version: string;
  readonly entries: readonly Entry[];
}

interface Excluded {
  readonly suite: string;
  readonly test: string;
  readonly reason: string;
}

/** Cases that pass on the oracle and yet do not count: what they need is no part of what is measured. By hand. */
export const excluded = JSON.parse(readFileSync(join(FOLDER, "excluded.json"), "utf8")) as readonly Excluded[];

const pathOf = (suite: Suite): string => join(FOLDER, `${suite.name}.txt`);

export function readList(suite: Suite): List {
  const path = pathOf(suite);
  if (!existsSync(path)) return { version: "", entries: [] };
  let version = "";
  const entries: Entry[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line.startsWith("# version: ")) version = line.slice("# version: ".length);
    if (line === "" || line.startsWith("#")) continue;
    const [test = "", seconds = "", left = ""] = line.split("\t");
    const slash = splitAt(suite, test);
    entries.push({ group: test.slice(0, slash), name: test.slice(slash + 1), seconds: Number(seconds), left });
  }
  return { version, entries };
}

/** Go's packages have slashes in their names, POSIX cases in theirs. */
function splitAt(suite: Suite, test: string): number {
  return suite.name === "go" ? test.lastIndexOf("/") : test.indexOf("/");
}

export function writeList(suite: Suite, list: List): void {
  const lines = list.entries.map((entry) =>
    [nameOf(entry), String(entry.seconds), ...(entry.left === "" ? [] : [entry.left])].join("\t"),
  );
  const head = [
    `# ${suite.title}: the cases of one version, what each took on ${suite.oracle.name} in seconds, and why it does not count.`,
    '# Written by "make conformance-lists".',
    `# version: ${list.version}`,
  ];
  writeFileSync(pathOf(suite), `${[...head, ...lines].join("\n")}\n`);
}
