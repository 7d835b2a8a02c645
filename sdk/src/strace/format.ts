/**
 * The kernel's trace in the words of strace(1): each line is a system call, a
 * signal or the end of a thread; what pointers point at is shown where the kernel
 * could read it.
 */

import { Errno, Syscall, TracePhase } from "@foreshore/abi";
import { callName, showArguments, showResult } from "./call.ts";
import type { Call } from "./memory.ts";
import { Order } from "./order.ts";
import { Captured, decodeTrace, type TraceEvent } from "./record.ts";
import { signalDetail } from "./structs.ts";
import { signal } from "./values.ts";

export interface TraceFormatterOptions {
  /** Each line begins with its thread's id, as in a file of `strace -f -o`. Default: `[pid N]` once there are several. */
  readonly prefixAll?: boolean | undefined;
}

/** Where strace puts the result (its option -a). */
const RESULT_COLUMN = 40;
/** What strace leaves for a thread's id. */
const PID_WIDTH = 5;

/** A thread in a call. */
interface Running {
  readonly name: string;
  readonly entry: TraceEvent;
  /** Signals that reach a thread in a call are shown behind it. */
  readonly signals: string[];
}

const NEVER_RETURNS: ReadonlySet<number> = new Set([Syscall.SYS_exit, Syscall.SYS_exit_group]);

/**
 * Makes strace's lines of trace records in whatever order they come. Text is given out when it
 * can be; a call that has not returned yet is given out as far as it is known by `idle`.
 */
export class TraceFormatter {
  readonly #prefixAll: boolean;
  readonly #order = new Order<TraceEvent>();
  readonly #running = new Map<number, Running>();
  /** Threads whose last call may go on as Linux's restart_syscall: its number. */
  readonly #restarts = new Map<number, number>();
  #first: number | undefined;
  #several = false;
  /** What is ready to be given out. */
  #text = "";
  /** The line that is not at its end. */
  #line: { readonly tid: number; text: string; given: number } | undefined;

  constructor({ prefixAll = false }: TraceFormatterOptions = {}) {
    this.#prefixAll = prefixAll;
  }

  /**
   * Takes the bytes of a RuntimeEvent of type "trace".
   * @returns what can be shown now; bytes that are no record add nothing
   */
  push(record: Uint8Array): string {
    const event = decodeTrace(record);
    if (event !== undefined) for (const next of this.#order.push(event.sequence, event)) this.#show(next);
    return this.#take();
  }

  /**
   * Nothing has come for a while: what waited for a missing record is shown, and the
   * beginning of a call that lasts, without the line's end.
   */
  idle(): string {
    for (const event of this.#order.flush()) this.#show(event);
    const line = this.#line;
    if (line !== undefined) {
      this.#text += line.text.slice(line.given);
      line.given = line.text.length;
    }
    return this.#take();
  }

  /** Nothing comes any more. */
  end(): string {
    for (const event of this.#order.flush()) this.#show(event);
    this.#break();
    return this.#take();
  }

  #take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  #show(event: TraceEvent): void {
    this.#first ??= event.tid;
    this.#several ||= event.tid !== this.#first;
    switch (event.phase) {
      case TracePhase.Entry:
        this.#entry(event);
        break;
      case TracePhase.Exit:
        this.#exit(event);
        break;
      case TracePhase.Signal:
        this.#signal(event);
        break;
      case TracePhase.Stopped:
        this.#note(event.tid, `--- stopped by ${signal(Number(event.args[0]))} ---`);
        break;
      case TracePhase.Ended:
        this.#ended(event);
        break;
    }
  }

  #entry(event: TraceEvent): void {
    const { tid, number } = event;
    const name = callName(number);
    const running = { name, entry: event, signals: [] };
    const resumes = event.errno !== 0 && this.#restarts.get(tid) === number;
    this.#restarts.delete(tid);
    this.#open(tid);
    if (resumes) {
      this.#add(`restart_syscall(<... resuming interrupted ${name} ...>`);
      this.#running.set(tid, { ...running, name: "restart_syscall" });
      return;
    }
    this.#add(`${name}(${showArguments(callOf(event)).first}`);
    if (NEVER_RETURNS.has(number)) this.#close(")", "?");
    else this.#running.set(tid, running);
  }

  #exit(event: TraceEvent): void {
    const { tid, errno, number } = event;
    const running = this.#running.get(tid);
    this.#running.delete(tid);
    if (errno === Errno.ERESTARTBLOCK) this.#restarts.set(tid, number);
    else this.#restarts.delete(tid);
    if (running?.entry.number !== number) {
      // Its beginning was before the trace.
      const call = callOf(event, event);
      const { first, rest } = showArguments(call);
      this.#open(tid);
      this.#add(`${call.name}(${first}${rest}`);
      this.#close(")", showResult(call));
      return;
    }
    const call = callOf(running.entry, event);
    this.#resume(tid, running.name);
    if (running.name !== "restart_syscall") this.#add(showArguments(call).rest);
    this.#close(")", showResult(call));
    for (const line of running.signals) this.#note(tid, line);
  }

  #signal({ tid, number, args }: TraceEvent): void {
    const [code = 0n, errno = 0n, field0 = 0n, field1 = 0n, utime = 0n, stime = 0n] = args;
    const detail = signalDetail({
      signo: number,
      code: Number(BigInt.asIntN(32, code)),
      errno: Number(BigInt.asIntN(32, errno)),
      field0,
      field1,
      utime,
      stime,
    });
    const line = `--- ${signal(number)} ${detail} ---`;
    const running = this.#running.get(tid);
    if (running === undefined) this.#note(tid, line);
    else running.signals.push(line);
  }

  #ended({ tid, args }: TraceEvent): void {
    const running = this.#running.get(tid);
    this.#running.delete(tid);
    this.#restarts.delete(tid);
    if (running !== undefined) {
      this.#resume(tid, running.name);
      const { rest } = showArguments(callOf(running.entry));
      if (rest !== "" && !rest.startsWith(",")) this.#add(" <unfinished ...>");
      this.#close(")", "?");
      for (const line of running.signals) this.#note(tid, line);
    }
    const status = Number(BigInt.asUintN(32, args[0] ?? 0n));
    const killer = status & 0x7f;
    const core = (status & 0x80) === 0 ? "" : " (core dumped)";
    const how = killer === 0 ? `exited with ${(status >> 8) & 0xff}` : `killed by ${signal(killer)}${core}`;
    this.#note(tid, `+++ ${how} +++`);
  }

  /** A line of its own. */
  #note(tid: number, text: string): void {
    this.#open(tid);
    this.#add(text);
    this.#finish();
  }

  /** Ends whatever line there is and begins one. */
  #open(tid: number): void {
    this.#break();
    let prefix = "";
    if (this.#prefixAll) prefix = `${String(tid).padEnd(PID_WIDTH)} `;
    else if (this.#several) prefix = `[pid ${String(tid).padStart(PID_WIDTH)}] `;
    this.#line = { tid, text: prefix, given: 0 };
  }

  /** Goes on with a thread's line, or begins another for the same call. */
  #resume(tid: number, name: string): void {
    if (this.#line?.tid === tid) return;
    this.#open(tid);
    this.#add(`<... ${name} resumed>`);
  }

  #add(text: string): void {
    if (this.#line !== undefined) this.#line.text += text;
  }

  #close(last: string, result: string): void {
    this.#add(last);
    const column = this.#line?.text.length ?? 0;
    this.#add(`${" ".repeat(Math.max(1, RESULT_COLUMN - column))}= ${result}`);
    this.#finish();
  }

  /** Another line is to begin: the call of this one is not over. */
  #break(): void {
    if (this.#line === undefined) return;
    this.#add(" <unfinished ...>");
    this.#finish();
  }

  #finish(): void {
    const line = this.#line;
    if (line === undefined) return;
    this.#text += `${line.text.slice(line.given)}\n`;
    this.#line = undefined;
  }
}

const NOTHING = new Captured();

/** A call from the record of its beginning and, once it is over, that of its end. */
function callOf(entry: TraceEvent, exit?: TraceEvent): Call {
  return {
    number: entry.number,
    name: callName(entry.number),
    args: entry.args,
    before: entry === exit ? NOTHING : entry.memory,
    after: exit?.memory,
    errno: exit?.errno ?? 0,
    result: exit?.result ?? 0n,
  };
}
