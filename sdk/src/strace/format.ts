/**
 * The kernel's trace of system calls in the words of strace(1): names for
 * descriptors, flags, commands and errors. What pointers point at is not in the
 * kernel's trace: they are shown as strace shows memory that it cannot read.
 */

import { cloneFlags, fcntlFlags, hex, pointer, SHOW } from "./arguments.ts";
import { ERRNO_TEXT } from "./errno-text.ts";
import { SIGNATURES } from "./signatures.ts";

/** A line of the kernel's trace. */
export interface TracedCall {
  readonly tid: number;
  readonly name: string;
  readonly args: readonly bigint[];
  /** As the kernel says it: a number, `-1 ENAME`, `?`. */
  readonly result: string;
}

const LINE = /^\[(\d+)\] (.*)$/s;
const CALL = /^(\w+)\(((?:0x[0-9a-f]+(?:, )?)*)\) = (.*)$/s;

/** @returns the thread and the rest of a line of trace; undefined for anything else */
function splitLine(text: string): { tid: number; rest: string } | undefined {
  const [, who, rest] = LINE.exec(text.trimEnd()) ?? [];
  if (who === undefined || rest === undefined) return undefined;
  return { tid: Number(who), rest };
}

/** Reads the text of a RuntimeEvent of type "trace"; undefined for what is no call. */
export function parseTrace(text: string): TracedCall | undefined {
  const line = splitLine(text);
  if (line === undefined) return undefined;
  const [, name, args, result] = CALL.exec(line.rest) ?? [];
  if (name === undefined || args === undefined || result === undefined) return undefined;
  return { tid: line.tid, name, args: args === "" ? [] : args.split(", ").map(BigInt), result };
}

/** `name(arguments) = result`, without the thread. */
export function formatCall(call: TracedCall): string {
  return `${call.name}(${formatArguments(call)}) = ${formatResult(call)}`;
}

function formatArguments({ name, args }: TracedCall): string {
  if (name === "clone") return formatClone(args);
  const signature = Object.hasOwn(SIGNATURES, name) ? SIGNATURES[name] : undefined;
  if (signature === undefined) return args.map((arg) => `0x${arg.toString(16)}`).join(", ");
  const words = signature.split(" ").filter((word) => word !== "");
  const shown = words.map((word, i) => SHOW[word]?.(args[i] ?? 0n, args));
  return shown.filter((text) => text !== undefined).join(", ");
}

/** strace names clone's arguments, since their order differs between machines. */
function formatClone([flags = 0n, stack = 0n, parentTid = 0n, tls = 0n, childTid = 0n]: readonly bigint[]): string {
  const words = cloneFlags(flags);
  const parts = [`child_stack=${pointer(stack)}`, `flags=${words}`];
  if (words.includes("CLONE_PARENT_SETTID")) parts.push(`parent_tid=${pointer(parentTid)}`);
  if (words.includes("CLONE_SETTLS")) parts.push(`tls=${pointer(tls)}`);
  if (/CLONE_CHILD_(SET|CLEAR)TID/.test(words)) parts.push(`child_tidptr=${pointer(childTid)}`);
  return parts.join(", ");
}

/** Calls whose result is an address. */
const ADDRESSES: ReadonlySet<string> = new Set(["brk", "mmap", "mremap"]);

const NUMBER = /^(0x[0-9a-f]+|\d+)$/;

function formatResult({ name, args, result }: TracedCall): string {
  const error = /^-1 (E\w+)$/.exec(result)?.[1];
  if (error !== undefined) {
    const text = Object.hasOwn(ERRNO_TEXT, error) ? ERRNO_TEXT[error] : undefined;
    return text === undefined ? result : `${result} (${text})`;
  }
  if (ADDRESSES.has(name) && NUMBER.test(result)) return hex(BigInt(result));
  if (name === "fcntl" && NUMBER.test(result)) {
    const flags = fcntlFlags(args[1] ?? 0n, BigInt(result));
    if (flags !== undefined) return `${hex(BigInt(result))} (flags ${flags})`;
  }
  return result;
}

export interface TraceFormatterOptions {
  /** Each line begins with its thread's id, as in a file of `strace -f -o`. Default: `[pid N]` once there are several. */
  readonly prefixAll?: boolean | undefined;
}

/**
 * @returns a function that makes a line of strace(1), with its newline, of the
 *   text of each RuntimeEvent of type "trace"
 */
export function traceFormatter({ prefixAll = false }: TraceFormatterOptions = {}): (text: string) => string {
  let first: number | undefined;
  let several = false;
  return (text) => {
    const line = splitLine(text);
    if (line === undefined) return text.endsWith("\n") ? text : `${text}\n`;
    const { tid } = line;
    first ??= tid;
    several ||= tid !== first;
    const call = parseTrace(text);
    const shown = call === undefined ? line.rest : formatCall(call);
    if (prefixAll) return `${tid} ${shown}\n`;
    return several ? `[pid ${tid}] ${shown}\n` : `${shown}\n`;
  };
}
