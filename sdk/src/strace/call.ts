/** A system call in strace(1)'s words: what is known when it begins, the rest, and its result. */

import { CloneArgs, Errno, errnoName, Pollfd, Sigset, SYSCALLS, Syscall, syscallName, Timespec } from "@foreshore/abi";
import { descriptors, isShownLate, showOf } from "./arguments.ts";
import { ERRNO_TEXT } from "./errno-text.ts";
import type { Call } from "./memory.ts";
import { SHOWN } from "./quote.ts";
import { parentTid, pollEvents, pollfds, SHAPES, words32, words64 } from "./structs.ts";
import { cloneFlags, fcntlFlags, hex, mode, pointer, signal, signalSet, uint32 } from "./values.ts";

const NUMBERS: ReadonlySet<number> = new Set(Object.values(Syscall));

/** The name of a system call; of one that has none, strace's. */
export function callName(number: number): string {
  return NUMBERS.has(number) ? syscallName(number).replace(/^SYS_/, "") : `syscall_0x${number.toString(16)}`;
}

/** Arguments: those that are known when the call begins, and those behind them. */
export interface ShownArguments {
  readonly first: string;
  readonly rest: string;
}

/** Shows the arguments; `rest` is only right once the call is over. */
export function showArguments(call: Call): ShownArguments {
  switch (call.name) {
    case "clone":
      return clone(call);
    case "clone3":
      return clone3(call);
    case "rt_sigreturn":
      return sigreturn(call);
  }
  const words = SYSCALLS[call.number]?.args;
  if (words === undefined) return { first: call.args.map((arg) => hex(arg)).join(", "), rest: "" };
  const split = words.findIndex(isShownLate);
  const show = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((word, i) => showOf(call.name, word)?.(call.args[from + i] ?? 0n, call, from + i))
      .filter((text) => text !== undefined)
      .join(", ");
  if (split < 0) return { first: show(0, words.length), rest: "" };
  const first = show(0, split);
  const rest = show(split, words.length);
  return { first: first === "" || rest === "" ? first : `${first}, `, rest };
}

/** strace names clone's arguments, since their order differs between machines. */
function clone({ args, after, errno }: Call): ShownArguments {
  const [flags = 0n, stack = 0n, parent = 0n, tls = 0n, child = 0n] = args;
  const words = cloneFlags(flags);
  const rest: string[] = [];
  if (words.includes("CLONE_PARENT_SETTID")) {
    const bytes = errno === 0 ? after?.bytes(parent, 4) : undefined;
    rest.push(`parent_tid=${bytes === undefined ? pointer(parent) : `[${words32(bytes)[0]}]`}`);
  }
  if (words.includes("CLONE_SETTLS")) rest.push(`tls=${pointer(tls)}`);
  if (/CLONE_CHILD_(SET|CLEAR)TID/.test(words)) rest.push(`child_tidptr=${pointer(child)}`);
  return {
    first: `child_stack=${pointer(stack)}, flags=${words}`,
    rest: rest.map((text) => `, ${text}`).join(""),
  };
}

function clone3({ args: [at = 0n, size = 0n], before, after, errno }: Call): ShownArguments {
  const bytes = before.bytes(at, CloneArgs.SIZE);
  if (bytes === undefined) return { first: `${pointer(at)}, ${size}`, rest: "" };
  const parent = parentTid(bytes);
  const tid = errno === 0 && parent !== undefined ? after?.bytes(parent, 4) : undefined;
  return {
    first: SHAPES["CloneArgs"]!.show(bytes),
    rest: `${tid === undefined ? "" : ` => {parent_tid=[${words32(tid)[0]}]}`}, ${size}`,
  };
}

/** The mask that the frame on the stack restores. */
function sigreturn({ before }: Call): ShownArguments {
  const bytes = before.first?.bytes;
  if (bytes?.length !== Sigset.SIZE) return { first: "", rest: "" };
  return { first: `{mask=${signalSet(words64(bytes)[0]!)}}`, rest: "" };
}

/** Linux's own errors of a call that a signal interrupted, which no program sees. */
const RESTARTS: ReadonlyMap<number, string> = new Map([
  [Errno.ERESTARTSYS, "ERESTARTSYS (To be restarted if SA_RESTART is set)"],
  [Errno.ERESTARTNOINTR, "ERESTARTNOINTR (To be restarted)"],
  [Errno.ERESTARTNOHAND, "ERESTARTNOHAND (To be restarted if no handler)"],
  [Errno.ERESTARTBLOCK, "ERESTART_RESTARTBLOCK (Interrupted by signal)"],
]);

/** Calls whose result is an address. */
const ADDRESSES: ReadonlySet<string> = new Set(["brk", "mmap", "mremap"]);
const MAX_ERRNO = 4095n;

function failed(number: number): string {
  const name = errnoName(number);
  const text = Object.hasOwn(ERRNO_TEXT, name) ? ERRNO_TEXT[name] : undefined;
  return text === undefined ? `-1 ${name}` : `-1 ${name} (${text})`;
}

/** What a call came to. */
export function showResult(call: Call): string {
  const { name, args, errno, result } = call;
  const restart = RESTARTS.get(errno);
  if (restart !== undefined) return `? ${restart}`;
  if (errno !== 0) return failed(errno);
  const signed = BigInt.asIntN(64, result);
  // What rt_sigreturn restores may be another call's error.
  if (name === "rt_sigreturn" && signed < 0n && signed >= -MAX_ERRNO) return failed(Number(-signed));
  if (ADDRESSES.has(name)) return hex(result);
  if (name === "umask") return mode(result);
  const flags = name === "fcntl" ? fcntlFlags(args[1] ?? 0n, result) : undefined;
  if (flags !== undefined) return `${hex(result)} (flags ${flags})`;
  return `${signed}${remark(call)}`;
}

/** What strace adds to a result. */
function remark(call: Call): string {
  const { name, result } = call;
  switch (name) {
    case "rt_sigtimedwait":
      return ` (${signal(Number(result))})`;
    case "ppoll":
      return polled(call);
    case "pselect6":
      return selected(call);
    case "recvmmsg": {
      if (result === 0n) return " (Timeout)";
      const time = left(call, 4);
      return time.length === 0 ? "" : ` (${time.join("")})`;
    }
    default:
      return "";
  }
}

function left({ args, after }: Call, i: number): string[] {
  const bytes = after?.bytes(args[i] ?? 0n, Timespec.SIZE);
  return bytes === undefined ? [] : [`left ${SHAPES["Timespec"]!.show(bytes)}`];
}

function polled(call: Call): string {
  if (call.result === 0n) return " (Timeout)";
  const [at = 0n, count = 0n] = call.args;
  const bytes = call.after?.bytes(at, Math.min(uint32(count), SHOWN) * Pollfd.SIZE);
  if (bytes === undefined) return "";
  const ready = pollfds(bytes)
    .filter(({ fd, revents }) => fd >= 0 && (revents & 0xffff) !== 0)
    .map(({ fd, revents }) => `{fd=${fd}, revents=${pollEvents(revents)}}`);
  return ` (${[`[${ready.join(", ")}]`, ...left(call, 2)].join(", ")})`;
}

function selected(call: Call): string {
  if (call.result === 0n) return " (Timeout)";
  const [limit = 0n, ...sets] = call.args;
  const parts = ["in", "out", "except"].flatMap((name, i) => {
    const found = descriptors(call.after, sets[i] ?? 0n, limit);
    return found === undefined || found.length === 0 ? [] : [`${name} [${found.join(" ")}]`];
  });
  return ` (${[...parts, ...left(call, 4)].join(", ")})`;
}
