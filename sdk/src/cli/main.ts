#!/usr/bin/env node

/** The `foreshore` command. */

import { ABI, layoutText } from "@foreshore/abi";
import manifest from "../../package.json" with { type: "json" };
import { LayerError } from "../layers/entry.ts";
import { parseCommand, UsageError } from "./arguments.ts";
import { examine, formatFindings } from "./doctor.ts";
import { ExitCode } from "./exit-code.ts";
import type { RunIo } from "./launch.ts";
import { ps, top } from "./processes.ts";
import { ProgramError } from "./program.ts";
import { exec, kill } from "./remote.ts";
import { run } from "./run.ts";
import { StdioError } from "./stdio.ts";
import { HELP, usageLine } from "./usage.ts";

const STDIO: RunIo = {
  /** Opened when it is wanted: an open one may keep the process alive. */
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  elapsedMs: () => performance.now(),
};

/** How long the last messages may take to be read. */
const FLUSH_MS = 500;

async function main(argv: readonly string[]): Promise<number> {
  try {
    const command = parseCommand(argv);
    switch (command.command) {
      case "help":
        return await print(HELP[command.topic]);
      case "version":
        return await print(version(command.json));
      case "doctor": {
        const findings = await examine(command.url);
        const colour = process.stdout.isTTY === true && !process.env["NO_COLOR"];
        await print(command.json ? `${JSON.stringify(findings, null, 2)}\n` : formatFindings(findings, colour));
        return findings.some(({ state }) => state === "fail") ? 1 : 0;
      }
      case "run":
        return await run(command, STDIO);
      case "exec":
        return await exec(command, STDIO);
      case "kill":
        return await kill(command, STDIO);
      case "ps":
        return await ps(command, STDIO);
      case "top":
        return await top(command, STDIO);
    }
  } catch (error) {
    return complain(error, argv[0]);
  }
}

function version(json: boolean): string {
  const abi = { major: ABI.abiMajor, minor: ABI.abiMinor, layout: layoutText(ABI) };
  if (json) return `${JSON.stringify({ version: manifest.version, abi })}\n`;
  return `foreshore ${manifest.version} (ABI ${abi.major}.${abi.minor}, layout ${abi.layout})\n`;
}

/** Says on standard error what went wrong, in one line where it is not our own mistake. */
function complain(error: unknown, command: string | undefined): number {
  if (error instanceof UsageError) {
    process.stderr.write(`foreshore: ${error.message}; ${usageLine(command)}\n`);
    return ExitCode.Failed;
  }
  if (error instanceof ProgramError) {
    process.stderr.write(`foreshore: ${error.message}\n`);
    return error.exitCode;
  }
  const expected = error instanceof LayerError || error instanceof StdioError || hasCode(error);
  const text = expected || !(error instanceof Error) ? String((error as Error).message ?? error) : error.stack;
  process.stderr.write(`foreshore: ${text}\n`);
  return ExitCode.Failed;
}

/** Errors of the Runtime and of Node name what happened; their stack says nothing to a user. */
function hasCode(error: unknown): boolean {
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string";
}

function print(text: string): Promise<number> {
  return new Promise((resolve) => {
    process.stdout.on("error", () => resolve(0));
    process.stdout.write(text, () => resolve(0));
  });
}

/** Gives what was said last the time to get out, but not to a reader that is stuck. */
async function flushed(): Promise<void> {
  const written = new Promise<void>((resolve) => {
    process.stderr.on("error", () => resolve());
    process.stderr.write("", () => resolve());
  });
  const late = new Promise<void>((resolve) => {
    setTimeout(resolve, FLUSH_MS);
  });
  await Promise.race([written, late]);
}

const code = await main(process.argv.slice(2));
await flushed();
// Ends at once, whatever still waits: a program's output that nobody reads, standard input.
process.exit(code);
