/** The host's terminal, handed on to a program of the machine, and taken back whatever happens. */

import { spawnSync } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ReadStream, WriteStream } from "node:tty";
import { type Process, TERMINAL_ENV } from "@foreshore/runtime";
import { OscFilter, oscFilterStream } from "../terminal/osc-filter.ts";
import { ExitCode } from "./exit-code.ts";
import { ProgramError } from "./program.ts";
import { pumpIn, pumpOut } from "./stdio.ts";

export class HostTerminal {
  readonly #allowOsc: boolean;
  readonly #stdin: ReadStream;
  readonly #stdout: WriteStream | undefined;
  #resized: (() => void) | undefined;
  /** How the terminal was, while it is the machine's. */
  #saved: string | undefined;

  private constructor(stdin: ReadStream, stdout: WriteStream | undefined, allowOsc: boolean) {
    this.#allowOsc = allowOsc;
    this.#stdin = stdin;
    this.#stdout = stdout;
  }

  /**
   * @param allowOsc the program may set the title and reach the clipboard
   * @throws ProgramError when standard input is no terminal
   */
  static of(stdin: Readable, stdout: Writable, allowOsc: boolean): HostTerminal {
    if (!(stdin instanceof ReadStream)) {
      throw new ProgramError("--tty: standard input is not a terminal", ExitCode.Failed);
    }
    return new HostTerminal(stdin, stdout instanceof WriteStream ? stdout : undefined, allowOsc);
  }

  /** Environment of programs on it: they drive it as the host says. */
  get env(): Readonly<Record<string, string>> {
    const term = process.env["TERM"];
    return term ? { ...TERMINAL_ENV, TERM: term } : TERMINAL_ENV;
  }

  /** Columns and rows; nothing when standard output is elsewhere. */
  get size(): { cols?: number; rows?: number } {
    return this.#stdout === undefined ? {} : { cols: this.#stdout.columns, rows: this.#stdout.rows };
  }

  /** Lines of our own: in raw mode the terminal does not return the carriage by itself. */
  text(lines: string): string {
    return this.#saved !== undefined ? lines.replaceAll("\n", "\r\n") : lines;
  }

  /**
   * Joins the terminal to a process's until the process's output ends, and then gives it back. Keys are bytes meanwhile:
   * Ctrl-C and Ctrl-Z go to the machine's terminal. A host's terminal that goes away hangs the machine's up.
   * @throws ProgramError when the terminal cannot be set; StdioError as pumpOut
   */
  async join(guest: Process, stdout: Writable): Promise<void> {
    const terminal = guest.terminal!;
    this.#resized = () => {
      const { cols, rows } = this.size;
      if (cols !== undefined && rows !== undefined) guest.resize(cols, rows).catch(() => {});
    };
    this.#saved = stty("-g").trim();
    stty(...RAW);
    this.#stdout?.on("resize", this.#resized);
    process.on("SIGCONT", this.#resume);
    // The size may have changed while the machine started.
    this.#resized();
    const ended = new AbortController();
    const gone = new AbortController();
    const input = pumpIn(this.#stdin, terminal.writable, ended.signal).then(() => {
      if (!ended.signal.aborted) gone.abort();
    });
    guest.exit.finally(() => ended.abort()).catch(() => {});
    try {
      await pumpOut(
        terminal.readable.pipeThrough(oscFilterStream(new OscFilter(this.#allowOsc ? [] : undefined)), {
          signal: gone.signal,
        }),
        stdout,
        "standard output",
      );
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    } finally {
      ended.abort();
      this.restore();
      await input;
    }
  }

  /** Gives the terminal back as it was. More than one call does no harm. */
  restore(): void {
    if (this.#saved === undefined) return;
    if (this.#resized !== undefined) this.#stdout?.off("resize", this.#resized);
    process.off("SIGCONT", this.#resume);
    const saved = this.#saved;
    this.#saved = undefined;
    stty(saved);
  }

  /** The shell that stopped us has changed the terminal. */
  readonly #resume = (): void => {
    stty(...RAW);
    this.#resized?.();
  };
}

/** Node's own raw mode leaves output processing on, which would turn each newline of the machine into two movements. */
const RAW = ["raw", "-echo", "-iexten"];

function stty(...args: string[]): string {
  const { stdout, status, error } = spawnSync("stty", args, { stdio: ["inherit", "pipe", "ignore"], encoding: "utf8" });
  if (status !== 0)
    throw new ProgramError(`--tty: stty ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`, ExitCode.Failed);
  return stdout;
}
