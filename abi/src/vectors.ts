/**
 * Compares generated TypeScript with the test vectors that come with it
 * (`abi/vectors.json`): same bytes, same values, in every language.
 */
import { Mem } from "./core/mem.ts";

/** 64-bit integers are decimal text. */
export type VectorValue = number | string | VectorValue[] | { [field: string]: VectorValue };

export interface Vector {
  readonly struct: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly bytes: string;
  /** By the schema's field names, without the reserved ones, whose bytes are 0. */
  readonly values: { [field: string]: VectorValue };
}

export interface Vectors {
  readonly layoutHash: string;
  readonly enums: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly structs: readonly Vector[];
}

/** The generated module, by its names. */
export type GeneratedModule = Readonly<Record<string, unknown>>;

interface View {
  at(addr: number): View;
  toData(): Record<string, unknown>;
  setData(data: unknown): void;
}
type ViewClass = (new (mem: Mem) => View) & { readonly SIZE: number };

/** Reads and writes one struct; returns a sentence per difference. */
export function checkVector(generated: GeneratedModule, vector: Vector): string[] {
  const view = generated[vector.struct] as ViewClass | undefined;
  if (view === undefined) return [`${vector.struct}: the module has no such class`];
  if (view.SIZE !== vector.size) return [`${vector.struct}: SIZE is ${view.SIZE}, the vector has ${vector.size}`];
  const mem = new Mem(new ArrayBuffer(4 * 65536));
  const [from, to] = [65536, 2 * 65536];
  mem.u8.set(fromHex(vector.bytes), from);
  const source = new view(mem).at(from);
  const data = source.toData();
  const values = ownValues(vector.values, data);
  const problems = differences(vector.struct, data, values);
  problems.push(...halfDifferences(vector.struct, source, values));

  mem.u8.fill(0xaa, to, to + vector.size + 1);
  new view(mem).at(to).setData(data);
  const written = toHex(mem.u8.subarray(to, to + vector.size));
  if (written !== vector.bytes) problems.push(`${vector.struct}: setData wrote ${written}, not ${vector.bytes}`);
  if (mem.u8[to + vector.size] !== 0xaa) problems.push(`${vector.struct}: setData wrote beyond its end`);
  return problems;
}

/** Compares one enum's numbers and names. */
export function checkEnum(
  generated: GeneratedModule,
  name: string,
  values: Readonly<Record<string, string>>,
): string[] {
  const numbers = generated[name] as Record<string, number | bigint> | undefined;
  const nameOf = generated[`${lowerFirst(name)}Name`] as ((value: number | bigint) => string) | undefined;
  if (numbers === undefined || nameOf === undefined) return [`${name}: the module has no such enum`];
  return Object.entries(values).flatMap(([key, text]) => {
    const value = numbers[key];
    if (value === undefined || String(value) !== text) return [`${name}.${key} is ${value}, not ${text}`];
    return nameOf(value) === key ? [] : [`${name}.${key} is named ${nameOf(value)}`];
  });
}

/** A ring entry's data object has its header's fields among its own. */
function ownValues(values: Vector["values"], data: Record<string, unknown>): Vector["values"] {
  const header = values["header"];
  if (!("opcode" in data) || "header" in data || typeof header !== "object" || Array.isArray(header)) return values;
  const { header: _, ...rest } = values;
  return { ...header, ...rest };
}

function differences(path: string, got: unknown, want: VectorValue): string[] {
  if (typeof want !== "object") return String(got) === String(want) ? [] : [`${path} is ${String(got)}, not ${want}`];
  if (Array.isArray(want)) {
    const list = got as ArrayLike<unknown>;
    if (list.length !== want.length) return [`${path} has ${list.length} elements, not ${want.length}`];
    return want.flatMap((value, i) => differences(`${path}[${i}]`, list[i], value));
  }
  const object = got as Record<string, unknown>;
  const names = new Map(Object.entries(want).map(([name, value]) => [camel(name), value]));
  const extra = Object.keys(object).filter((name) => !names.has(name));
  return [
    ...extra.map((name) => `${path}.${name} is not in the vector`),
    ...[...names].flatMap(([name, value]) => differences(`${path}.${name}`, object[name], value)),
  ];
}

/** The 32-bit halves of top-level 64-bit fields. */
function halfDifferences(path: string, view: View, values: Vector["values"]): string[] {
  const fields = view as unknown as Record<string, unknown>;
  return Object.entries(values).flatMap(([name, text]) => {
    const [low, high] = [fields[`${camel(name)}Lo`], fields[`${camel(name)}Hi`]];
    if (typeof text !== "string" || typeof low !== "number" || typeof high !== "number") return [];
    const value = (BigInt(high) << 32n) | BigInt(low);
    return value === BigInt(text) ? [] : [`${path}.${name}: its halves make ${value}, not ${text}`];
  });
}

function camel(name: string): string {
  return lowerFirst(name.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase()));
}

function lowerFirst(name: string): string {
  return (name[0] ?? "").toLowerCase() + name.slice(1);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
