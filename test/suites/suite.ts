/** What a suite is: cases, each a run of a program, and how such a run's end is judged. */

import type { RunOptions, RunResult } from "../oracle/sandbox.ts";

/** One case, named as its suite names it. */
export interface Case {
  /** Go package, POSIX interface, or C program. */
  readonly group: string;
  readonly name: string;
}

export type Verdict = "pass" | "fail" | "skip";

export interface Program {
  /** A host path, or "guest:/path" below `options.root`. */
  readonly file: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
}

/** Where cases are run: see engine.ts. */
export interface Engine {
  /** "machine-4", "native-1", "qemu": a part of the results' file name. */
  readonly name: string;
  /** Changes whenever a result may: what was found with another key is no result of this engine. */
  key(): Promise<string>;
  /**
   * @param fresh in a machine of its own, not one that has run other cases
   * @throws when the program did not end by itself, or the machine failed
   */
  run(program: Program, memory: number, timeoutMs: number, fresh: boolean): Promise<RunResult>;
  /** Stops the machines that wait for a next case. */
  close?(): Promise<void>;
}

export interface Suite {
  /** Names its list and its results. */
  readonly name: string;
  readonly title: string;
  /** Machine memory in MiB. */
  readonly memory: number;
  /** What a case passes on before it counts. */
  readonly oracle: Engine;
  /** Why it cannot run on this machine, or null: then `version`, `cases` and `program` may be called. */
  missing(): Promise<string | null>;
  /** Of what is installed here: a list is made for one version. */
  version(): Promise<string>;
  /** All cases of the installed version, in a stable order. */
  cases(): Promise<Case[]>;
  /** Builds what the case runs, when it is not there yet. @throws BuildError */
  program(one: Case, engine: Engine): Promise<Program>;
  /** What the end of the program means, and in one line why, where it is no pass. */
  judge(one: Case, run: RunResult): { verdict: Verdict; why: string };
}

/** The case's own source does not compile or link: a fault of the suite, of no machine. */
export class BuildError extends Error {}

/** The name by which lists, results and the command line know a case. */
export const nameOf = (one: Case): string => `${one.group}/${one.name}`;

/** The first line of a text that matches, without what differs from run to run: long numbers and addresses. */
export function lineOf(text: string, pattern: RegExp): string {
  const line = text.split("\n").find((each) => pattern.test(each)) ?? "";
  return line
    .replace(/0x[0-9a-f]+|\d{5,}/g, "N")
    .trim()
    .slice(0, 160);
}

/** How a run ended, in words. */
export function endOf(run: RunResult): string {
  return run.signal === null ? `ends with exit code ${run.code}` : `ended by ${run.signal}`;
}
