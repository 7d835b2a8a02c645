/** What cases left, one line of JSON each, under build/: a run that was interrupted goes on where it stopped. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Engine, Suite } from "./suite.ts";

const FOLDER = join(import.meta.dirname, "../../build/conformance/results");

export interface Result {
  /** group/name */
  readonly test: string;
  /** "timeout" also stands for a machine that failed; "build" for a case that does not compile. */
  readonly verdict: "pass" | "fail" | "skip" | "timeout" | "build";
  /** One line, stable from run to run; "" for a pass. */
  readonly why: string;
  /** The end of the output, where it is no pass. */
  readonly said: string;
  readonly seconds: number;
  /** 2 when it passed, or failed, only once it was run again by itself. */
  readonly tries: number;
  /** Of the engine, when it was run. */
  readonly key: string;
}

const pathOf = (suite: Suite, engine: Engine): string => join(FOLDER, `${suite.name}.${engine.name}.jsonl`);

/** The last result of each case, whatever its key. */
export function readResults(suite: Suite, engine: Engine): Map<string, Result> {
  const path = pathOf(suite, engine);
  const results = new Map<string, Result>();
  if (!existsSync(path)) return results;
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (!line.endsWith("}")) continue; // the last line of a run that was ended while it wrote
    const result = JSON.parse(line) as Result;
    results.set(result.test, result);
  }
  return results;
}

export function addResult(suite: Suite, engine: Engine, result: Result): void {
  mkdirSync(FOLDER, { recursive: true });
  appendFileSync(pathOf(suite, engine), `${JSON.stringify(result)}\n`);
}

export function forget(suite: Suite, engine: Engine): void {
  rmSync(pathOf(suite, engine), { force: true });
}
