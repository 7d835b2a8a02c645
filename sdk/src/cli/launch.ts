/** Starting a program of a machine, here or elsewhere, and joining its streams to ours. */

import type { Readable, Writable } from "node:stream";
import { DEFAULT_ENV, type Process, type SpawnOptions, SystemError } from "@foreshore/runtime";
import { errorCode, reason } from "../node/host-file.ts";
import type { RunCommand } from "./arguments.ts";
import { ExitCode } from "./exit-code.ts";
import { type HasFiles, ProgramError } from "./program.ts";
import { pumpIn, pumpOut } from "./stdio.ts";
import type { HostTerminal } from "./terminal.ts";

export interface RunIo {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  /** Milliseconds since the command was started. */
  elapsedMs(): number;
}

/** The program is ended, whatever it does: `--timeout`, or a third Ctrl-C. */
export class Ended extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`ended with ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** A machine here or elsewhere. */
export interface Spawner {
  spawn(program: string, args: readonly string[], options: SpawnOptions): Promise<Process>;
}

/** What is usual, and over it what the command line says. */
export function environment(
  command: Pick<RunCommand, "env">,
  terminal: HostTerminal | undefined,
): Record<string, string> {
  return { ...(terminal?.env ?? DEFAULT_ENV), ...Object.fromEntries(command.env) };
}

export async function joinPipes(process: Process, io: RunIo, stop: AbortSignal): Promise<void> {
  const input = pumpIn(io.stdin, process.stdin!, stop);
  await Promise.all([
    pumpOut(process.stdout!, io.stdout, "standard output"),
    pumpOut(process.stderr!, io.stderr, "standard error"),
  ]);
  await input;
}

export async function checkCwd(machine: HasFiles, cwd: string): Promise<void> {
  if (cwd === "/") return;
  try {
    if ((await machine.fs.stat(cwd)).kind === "directory") return;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new ProgramError(`--cwd ${cwd}: ${reason(error)}`, ExitCode.Failed);
  }
  throw new ProgramError(`--cwd ${cwd}: not a directory`, ExitCode.Failed);
}

/** Starts the program; what execve(2) refuses becomes the exit code of shells. */
export async function start(
  machine: Spawner,
  program: string,
  command: Pick<RunCommand, "program" | "args" | "cwd">,
  env: Record<string, string>,
  terminal: HostTerminal | undefined,
): Promise<Process> {
  const name = command.program ?? program;
  const streams = terminal === undefined ? {} : { stdio: "pty" as const, ...terminal.size };
  try {
    return await machine.spawn(program, command.args, { argv0: name, env, cwd: command.cwd, ...streams });
  } catch (error) {
    switch (errorCode(error)) {
      case "ENOENT":
      case "ENOTDIR":
        throw new ProgramError(`${name}: ${reason(error)}`, ExitCode.NotFound);
      case "EACCES":
      case "ENOEXEC":
      case "EISDIR":
      case "ELOOP":
      case "ENOMEM":
      case "E2BIG":
      case "ELIBBAD":
        throw new ProgramError(`${name}: ${whyNot(error)}`, ExitCode.NotExecutable);
      default:
        throw error;
    }
  }
}

function whyNot(error: unknown): string {
  switch (errorCode(error)) {
    case "ENOEXEC":
      return "an ELF program that cannot be loaded (its segments overlap, wrap or lie outside the file)";
    case "ENOMEM":
      return "does not fit into the machine's memory";
    case "E2BIG":
      return "arguments and environment are too long";
    default:
      return reason(error);
  }
}
