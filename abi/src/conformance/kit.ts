/** Runs the cases against a subject. */
import type { Vectors } from "../vectors.ts";
import { HANDLE_CASES } from "./handle-cases.ts";
import { OPCODE_CASES } from "./opcode-cases.ts";
import { CaseFailure, Peer } from "./peer.ts";
import { PLACE_CASES } from "./place-cases.ts";
import { RING_CASES } from "./ring-cases.ts";
import { type OpenOptions, type Subject, SubjectError, type SubjectMachine } from "./subject.ts";
import { type Case, CaseSkipped, type Family, SetupFailure, Trial } from "./trial.ts";
import { type VectorCase, vectorCases } from "./vector-cases.ts";
import { VERSION_CASES } from "./version-cases.ts";

/** passed; failed: the subject broke the ABI; skipped: it does not offer what the case needs. */
export type Outcome = "passed" | "failed" | "skipped";

export interface CaseResult {
  readonly family: Family;
  readonly name: string;
  readonly outcome: Outcome;
  /** What went wrong, or why it was skipped; empty for what passed. */
  readonly detail: string;
}

export interface KitOptions {
  /** abi/vectors.json; absent: that family is left out. */
  readonly vectors?: Vectors | undefined;
  /** Only cases for which this is true. */
  readonly only?: ((family: Family, name: string) => boolean) | undefined;
  /** How long one answer may take, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Nothing more is run after a case that failed. Default false. */
  readonly bail?: boolean | undefined;
  /** Called for each result as it comes. */
  readonly onResult?: ((result: CaseResult) => void) | undefined;
}

const MACHINE_CASES: readonly Case[] = [
  ...VERSION_CASES,
  ...RING_CASES,
  ...HANDLE_CASES,
  ...OPCODE_CASES,
  ...PLACE_CASES,
];
const DEFAULT_TIMEOUT_MS = 10_000;

/** All cases, in the order in which they run. */
export function listCases(vectors?: Vectors): { readonly family: Family; readonly name: string }[] {
  const list: readonly (Case | VectorCase)[] = [
    ...(vectors === undefined ? [] : vectorCases(vectors)),
    ...MACHINE_CASES,
  ];
  return list.map(({ family, name }) => ({ family, name }));
}

/** Machines of a subject: one for all cases that go well, a new one after a case that did not. */
class Machines {
  readonly #subject: Subject;
  readonly #timeoutMs: number;
  #shared: { readonly machine: SubjectMachine; readonly peer: Peer } | undefined;

  constructor(subject: Subject, timeoutMs: number) {
    this.#subject = subject;
    this.#timeoutMs = timeoutMs;
  }

  async #open(options: OpenOptions) {
    const machine = await this.#subject.open(options);
    return { machine, peer: new Peer(machine, machine.client, this.#timeoutMs) };
  }

  async run(item: Case): Promise<void> {
    this.#shared ??= await this.#open({});
    // What is missing is asked of the machine that is there, before one is opened in vain.
    const missing = (item.needs ?? []).find((feature) => !this.#shared?.machine.features.has(feature));
    if (missing !== undefined) throw new CaseSkipped(`the subject does not offer "${missing}"`);
    const own = item.fresh === undefined ? undefined : await this.#open(item.fresh);
    const { machine, peer } = own ?? this.#shared;
    const trial = new Trial(machine, peer, this.#timeoutMs);
    try {
      try {
        await item.run(trial);
      } catch (error) {
        if (!(error instanceof CaseSkipped)) throw error;
        await trial.finish();
        throw error;
      }
      await trial.finish();
    } catch (error) {
      if (!(error instanceof CaseSkipped) && own === undefined) await this.close();
      throw aboutItself(error, item);
    } finally {
      await own?.machine.close();
    }
  }

  async close(): Promise<void> {
    const shared = this.#shared;
    this.#shared = undefined;
    await shared?.machine.close();
  }
}

/** Where what a case could not be set up with is what it is about, that alone is told. */
function aboutItself(error: unknown, { name }: Case): unknown {
  if (!(error instanceof SetupFailure) || !(error.cause instanceof CaseFailure)) return error;
  const [opcode = ""] = name.split(":");
  return error.cause.message.startsWith(`${opcode} `) ? error.cause : error;
}

function judged(error: unknown): { outcome: Outcome; detail: string } {
  if (error instanceof CaseSkipped) return { outcome: "skipped", detail: error.message };
  if (error instanceof CaseFailure) return { outcome: "failed", detail: error.message };
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { outcome: "failed", detail: `${name}: ${message}` };
}

/**
 * Runs the kit.
 * @throws SubjectError when the subject broke its own protocol, so that nothing more can be judged
 */
export async function runKit(subject: Subject, options: KitOptions = {}): Promise<CaseResult[]> {
  const { vectors, only = () => true } = options;
  const machines = new Machines(subject, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const results: CaseResult[] = [];
  const run = async (item: { family: Family; name: string }, work: () => Promise<void>): Promise<void> => {
    if (!only(item.family, item.name) || (options.bail === true && results.at(-1)?.outcome === "failed")) return;
    let judgement: { outcome: Outcome; detail: string } = { outcome: "passed", detail: "" };
    try {
      await work();
    } catch (error) {
      if (error instanceof SubjectError) throw error;
      judgement = judged(error);
    }
    const result = { family: item.family, name: item.name, ...judgement };
    results.push(result);
    options.onResult?.(result);
  };
  try {
    for (const item of vectors === undefined ? [] : vectorCases(vectors)) {
      await run(item, async () => {
        if (subject.codec === undefined) throw new CaseSkipped("the subject has no codec");
        await item.run(subject.codec);
      });
    }
    for (const item of MACHINE_CASES) await run(item, () => machines.run(item));
  } finally {
    await machines.close();
  }
  return results;
}

/** The results in TAP version 14. */
export function tapLines(results: readonly CaseResult[]): string[] {
  return ["TAP version 14", `1..${results.length}`, ...results.map(tapLine)];
}

/** One result as a line of TAP, with a diagnostic line where it failed. */
export function tapLine({ family, name, outcome, detail }: CaseResult, index: number): string {
  const text = `${family}: ${name}`.replaceAll("#", "\\#");
  const line = `${outcome === "failed" ? "not ok" : "ok"} ${index + 1} - ${text}`;
  if (outcome === "skipped") return `${line} # SKIP ${detail}`;
  return outcome === "failed" ? `${line}\n# ${detail.replaceAll("\n", "\n# ")}` : line;
}
