/** What a system call's arguments point at, in strace(1)'s words. */

import { Iovec, type IovecData } from "@foreshore/abi";
import { quoted, SHOWN } from "./quote.ts";
import type { Captured } from "./record.ts";
import { iovecs, list } from "./structs.ts";
import { bits, hex, int32, type Names, nameOf, pointer } from "./values.ts";

/** A call as far as it is known: at its beginning without what it came to. */
export interface Call {
  readonly number: number;
  readonly name: string;
  readonly args: readonly bigint[];
  /** Memory when it began. */
  readonly before: Captured;
  /** When it was over; undefined at its beginning. */
  readonly after?: Captured | undefined;
  readonly errno: number;
  readonly result: bigint;
}

/** How argument `i` is shown. Undefined: the call does not use it, or strace does not show it. */
export type Show = (value: bigint, call: Call, i: number) => string | undefined;

export const named =
  (...tables: readonly Names[]): Show =>
  (value) =>
    nameOf(int32(value), ...tables) ?? hex(BigInt.asUintN(32, value));

/** The same, of which strace names the family where it does not know the number. */
export const unknownAs =
  (family: string, names: Names): Show =>
  (value) =>
    nameOf(int32(value), names) ?? `${hex(BigInt.asUintN(32, value))} /* ${family} */`;

export const flags =
  (names: Names, zero?: string, without?: readonly string[]): Show =>
  (value) =>
    bits(names, value, zero, without);

export const argument = (call: Call, i: number): bigint => call.args[i] ?? 0n;
export const count = (value: bigint): number => Number(value < 0n || value > 0x7fffffffn ? 0x7fffffffn : value);

/** Bytes of memory, of which the kernel took the first SHOWN. */
export function buffer(memory: Captured, value: bigint, length: bigint, quote = quoted): string {
  if (value === 0n) return "NULL";
  if (length === 0n) return '""';
  const bytes = memory.bytes(value, Math.min(count(length), SHOWN));
  return bytes === undefined ? pointer(value) : `${quote(bytes)}${length > SHOWN ? "..." : ""}`;
}

/** Structures one behind the other. */
export interface Elements {
  readonly at: bigint;
  /** Of each. */
  readonly size: number;
  /** How many there are. */
  readonly length: bigint;
}

/** Structures as far as they can be read. */
export function elements(
  memory: Captured,
  { at, size, length }: Elements,
  show: (bytes: Uint8Array) => string,
): string {
  const most = Math.min(count(length), SHOWN);
  const bytes = memory.some(at, most * size);
  const found = Math.floor(bytes.length / size);
  if (found === 0) return pointer(at);
  const shown = Array.from({ length: found }, (_, i) => show(bytes.subarray(i * size, (i + 1) * size)));
  if (found === most) return list(shown, length);
  return `[${shown.join(", ")}, ... /* ${pointer(at + BigInt(found * size))} */]`;
}

const ADDRESSABLE = 2n ** 64n / BigInt(Iovec.SIZE);

/** Iovecs; of `left` bytes in them, or all. */
export function vectors(
  memory: Captured | undefined,
  value: bigint,
  length: bigint,
  left?: bigint,
  isFilled = true,
): string {
  if (length === 0n) return "[]";
  // strace multiplies in 64 bits.
  if (memory === undefined || length >= ADDRESSABLE) return pointer(value);
  let rest = left;
  const all = { at: value, size: Iovec.SIZE, length };
  return elements(memory, all, (bytes) => {
    const [{ base, len }] = iovecs(bytes) as [IovecData];
    const used = rest === undefined || len < rest ? len : rest;
    if (rest !== undefined) rest -= used;
    const contents = isFilled ? buffer(memory, base, used) : pointer(base);
    return `{iov_base=${contents}, iov_len=${len}}`;
  });
}
