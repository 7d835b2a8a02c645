#!/usr/bin/env node
/** The conformance kit as a command: `foreshore-conformance [options] -- command [args…]`, or `--control SOCKET`. */
import { controlSubject } from "../control-subject.ts";
import { type CaseResult, listCases, runKit, tapLine } from "../kit.ts";
import { type Subject, SubjectError } from "../subject.ts";
import { VECTORS } from "../vectors-file.ts";
import { ANSWER_MS, childSubject } from "./child.ts";
import { connectSocket } from "./socket.ts";

const USAGE = `usage: foreshore-conformance [options] -- command [args…]
       foreshore-conformance [options] --control SOCKET

Starts the command and drives it by JSON lines on its standard streams (docs/abi/conformance.md), or puts the cases to
the machine behind a control channel, which must not be in use: it gets files in /conformance, and programs are run.

  --control SOCKET the unix socket of a control channel (foreshore run --control SOCKET)
  --list           only names the cases, a line each: family, tab, name
  --only TEXT      only cases whose "family: name" contains TEXT; may be given several times
  --json           results as JSON lines instead of TAP
  --timeout MS     how long a request may stay unanswered (default 10000); a subject
                   that is silent for 10 s more is given up
  --help           this text

Exit code: 0 when no case failed, 1 when one did, 2 for a mistake in the command line, 3 when the subject cannot be
driven.`;

interface Options {
  list: boolean;
  json: boolean;
  help: boolean;
  timeoutMs: number;
  control: string | undefined;
  readonly only: string[];
  readonly command: string[];
}

class UsageError extends Error {}

function parse(args: readonly string[]): Options {
  const options: Options = {
    list: false,
    json: false,
    help: false,
    timeoutMs: 10_000,
    control: undefined,
    only: [],
    command: [],
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    const value = (): string => {
      const next = args[++i];
      if (next === undefined) throw new UsageError(`${arg} needs a value`);
      return next;
    };
    if (arg === "--") {
      options.command.push(...args.slice(i + 1));
      break;
    }
    if (arg === "--list") options.list = true;
    else if (arg === "--json") options.json = true;
    else if (arg === "--help") options.help = true;
    else if (arg === "--only") options.only.push(value());
    else if (arg === "--control") options.control = value();
    else if (arg === "--timeout") options.timeoutMs = milliseconds(value());
    else
      throw new UsageError(arg?.startsWith("-") ? `there is no option ${arg}` : `put -- before the command "${arg}"`);
  }
  return options;
}

function milliseconds(text: string): number {
  const ms = Number(text);
  if (!Number.isFinite(ms) || ms <= 0) throw new UsageError(`--timeout takes milliseconds, not "${text}"`);
  return ms;
}

async function subjectOf({ control, timeoutMs, command: [command, ...args] }: Options): Promise<Subject> {
  if (control !== undefined && command !== undefined)
    throw new UsageError("a command and --control exclude each other");
  if (control !== undefined) return controlSubject(`the control channel at ${control}`, () => connectSocket(control));
  if (command === undefined) throw new UsageError("no command is given: what is to be tested?");
  return await childSubject(command, args, timeoutMs + ANSWER_MS);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const wanted = (family: string, name: string): boolean =>
    options.only.length === 0 || options.only.some((text) => `${family}: ${name}`.includes(text));
  const cases = listCases(VECTORS).filter(({ family, name }) => wanted(family, name));
  if (cases.length === 0) throw new UsageError(`no case contains ${options.only.join(" or ")}; --list names them`);
  if (options.list) {
    for (const { family, name } of cases) console.log(`${family}\t${name}`);
    return 0;
  }
  const subject = await subjectOf(options);
  let count = 0;
  const print = (result: CaseResult): void => {
    console.log(options.json ? JSON.stringify(result) : tapLine(result, count));
    count++;
  };
  if (!options.json) console.log(`TAP version 14\n1..${cases.length}\n# ${subject.name}`);
  try {
    const { timeoutMs } = options;
    const results = await runKit(subject, { vectors: VECTORS, only: wanted, timeoutMs, onResult: print });
    const of = (outcome: string): number => results.filter((result) => result.outcome === outcome).length;
    if (!options.json) console.log(`# ${of("passed")} passed, ${of("failed")} failed, ${of("skipped")} skipped`);
    return of("failed") === 0 ? 0 : 1;
  } finally {
    await subject.close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const usage = error instanceof UsageError;
  console.error(`foreshore-conformance: ${message}${usage ? "; --help says more" : ""}`);
  process.exitCode = usage ? 2 : 3;
  if (!usage && !(error instanceof SubjectError)) console.error(error);
}
