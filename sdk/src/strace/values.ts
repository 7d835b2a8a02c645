/** Numbers in strace(1)'s words: names of values and of bits. */

import { AtFlag, CloneFlag, FcntlCmd, FdFlag, OpenFlag, Signal } from "@foreshore/abi";

export type Names = Readonly<Record<string, number>>;

export function int32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

export function uint32(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}

export function pointer(value: bigint): string {
  return value === 0n ? "NULL" : `0x${value.toString(16)}`;
}

export function hex(value: bigint | number): string {
  return BigInt(value) === 0n ? "0" : `0x${value.toString(16)}`;
}

function weight(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
}

/** Names of the bits in ascending order, then what has no name in hexadecimal. */
export function bits(names: Names, value: bigint | number, zero = "0", without: readonly string[] = []): string {
  let rest = Number(BigInt.asUintN(32, BigInt(value)));
  if (rest === 0) return zero;
  const found: [number, string][] = [];
  // Widest first: O_SYNC holds O_DSYNC.
  const known = Object.entries(names).filter(([name, bit]) => bit > 0 && !without.includes(name));
  for (const [name, bit] of known.sort((a, b) => weight(b[1]) - weight(a[1]))) {
    if ((rest & bit) >>> 0 !== bit >>> 0) continue;
    found.push([bit, name]);
    rest = (rest & ~bit) >>> 0;
  }
  const words = found.sort((a, b) => a[0] - b[0]).map(([, name]) => name);
  if (rest !== 0) words.push(`0x${rest.toString(16)}`);
  return words.join("|");
}

/** Puts names that are joined by `|` into an order; those that it lacks come last. */
export function inOrder(words: string, order: readonly string[]): string {
  const place = (word: string) => (order.includes(word) ? order.indexOf(word) : order.length);
  return words
    .split("|")
    .sort((a, b) => place(a) - place(b))
    .join("|");
}

/** The name of a number, if one of the tables has it. */
export function nameOf(value: number, ...tables: readonly Names[]): string | undefined {
  for (const names of tables) {
    for (const [name, number] of Object.entries(names)) if ((number | 0) === (value | 0)) return name;
  }
  return undefined;
}

export function openFlags(value: bigint): string {
  const mode = value & BigInt(OpenFlag.O_ACCMODE);
  const access = mode === 0n ? "O_RDONLY" : mode === 1n ? "O_WRONLY" : mode === 2n ? "O_RDWR" : "O_ACCMODE";
  const rest = bits(OpenFlag, value & ~3n, "", ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"]).split("|");
  // strace's list ends with it.
  const last = rest.filter((name) => name === "O_DIRECTORY");
  return [access, ...rest.filter((name) => name !== "O_DIRECTORY" && name !== ""), ...last].join("|");
}

/** Permission bits. */
export function mode(value: bigint): string {
  const number = value & 0xffffffffn;
  return number < 0o100n ? `0${number.toString(8).padStart(2, "0")}` : `0${number.toString(8)}`;
}

export function dirfd(value: bigint): string {
  return int32(value) === AtFlag.AT_FDCWD ? "AT_FDCWD" : String(int32(value));
}

/** What fcntl's result means, where it is flags. */
export function fcntlFlags(cmd: bigint, result: bigint): string | undefined {
  switch (int32(cmd)) {
    case FcntlCmd.F_GETFD:
      return result === 0n ? undefined : bits(FdFlag, result);
    case FcntlCmd.F_GETFL:
      return openFlags(result);
    default:
      return undefined;
  }
}

const LOCKS: readonly number[] = [
  FcntlCmd.F_GETLK,
  FcntlCmd.F_SETLK,
  FcntlCmd.F_SETLKW,
  FcntlCmd.F_OFD_GETLK,
  FcntlCmd.F_OFD_SETLK,
  FcntlCmd.F_OFD_SETLKW,
];

/** Whether a command of fcntl takes a struct flock. */
export function isLockCommand(cmd: bigint): boolean {
  return LOCKS.includes(int32(cmd));
}

/** Whether it writes one. */
export function isLockQuery(cmd: bigint): boolean {
  return int32(cmd) === FcntlCmd.F_GETLK || int32(cmd) === FcntlCmd.F_OFD_GETLK;
}

const REALTIME = 32;
const SIGNALS = 64;
const SIGNAL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Signal)
    .filter(([, number]) => number > 0 && number < REALTIME)
    .map(([name, number]): [number, string] => [number, name]),
);

export function signal(number: number): string {
  if (number === REALTIME) return "SIGRTMIN";
  if (number > REALTIME && number <= SIGNALS) return `SIGRT_${number - REALTIME}`;
  return SIGNAL_NAMES.get(number) ?? String(number);
}

/** A set of signals; strace shows what is not in it where that is less. */
export function signalSet(set: bigint): string {
  const inside = Array.from({ length: SIGNALS }, (_, i) => i + 1).filter((n) => (set >> BigInt(n - 1)) & 1n);
  if (inside.length < Math.floor((SIGNALS * 2) / 3)) return `[${inside.map(shortSignal).join(" ")}]`;
  const outside = Array.from({ length: SIGNALS }, (_, i) => i + 1).filter((n) => !inside.includes(n));
  return `~[${outside.map(shortSignal).join(" ")}]`;
}

function shortSignal(number: number): string {
  return signal(number).replace(/^SIG/, "");
}

/** clone's first argument: flags, and the signal that the parent gets at the end. */
export function cloneFlags(value: bigint): string {
  const exit = value & BigInt(CloneFlag.CSIGNAL);
  const words = bits(CloneFlag, value & ~BigInt(CloneFlag.CSIGNAL), "", ["CSIGNAL"]);
  return [words, exit === 0n ? "" : signal(Number(exit))].filter((word) => word !== "").join("|") || "0";
}

const STOPPED = 0x7f;
const CONTINUED = 0xffff;

/** A wait status, in the macros that ask for its parts. */
export function waitStatus(status: number): string {
  if (status === CONTINUED) return "{WIFCONTINUED(s)}";
  const low = status & STOPPED;
  const high = (status >> 8) & 0xff;
  if ((status & 0xff) === STOPPED) return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signal(high)}}`;
  if (low === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${high}}`;
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signal(low)}${(status & 0x80) === 0 ? "" : " && WCOREDUMP(s)"}}`;
}
