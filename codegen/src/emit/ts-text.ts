/** Small pieces of TypeScript text that the emitter's files share. */
import type { ScalarKind } from "../model.ts";

/** Typed array of `Mem` for a scalar, and how far an address is shifted to index it. */
export const ARRAY: Readonly<Record<ScalarKind, { readonly name: string; readonly shift: number }>> = {
  i8: { name: "i8", shift: 0 },
  u8: { name: "u8", shift: 0 },
  i16: { name: "i16", shift: 1 },
  u16: { name: "u16", shift: 1 },
  i32: { name: "i32", shift: 2 },
  u32: { name: "u32", shift: 2 },
  i64: { name: "i64", shift: 3 },
  u64: { name: "u64", shift: 3 },
  f32: { name: "f32", shift: 2 },
  f64: { name: "f64", shift: 3 },
};

export function docs(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [lines.join("\n").replaceAll("*/", "*\\/")];
}

/** Documentation of a row in a constant object. */
export function rowDoc(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`/** ${lines.join(" ").replaceAll("*/", "*\\/")} */`];
}

export function fitsNumber(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}

export function literal(value: bigint, big: boolean): string {
  return big ? `${value}n` : String(value);
}

/** `a + b` without a useless `+ 0`. */
export function plus(base: string, offset: number): string {
  return offset === 0 ? base : `${base} + ${offset}`;
}
