import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as abi from "./index.ts";

type Value = number | string | Value[] | { [field: string]: Value };
interface Vectors {
  readonly layoutHash: string;
  readonly enums: Record<string, Record<string, string>>;
  readonly structs: { struct: string; size: number; bytes: string; values: { [field: string]: Value } }[];
}
/** What every generated view has. */
interface View {
  at(addr: number): View;
  toData(): Record<string, unknown>;
  setData(data: unknown): void;
}
type ViewClass = (new (mem: abi.Mem) => View) & { readonly SIZE: number };

const vectors = JSON.parse(readFileSync(new URL("../vectors.json", import.meta.url), "utf8")) as Vectors;
const exported = abi as unknown as Record<string, unknown>;
const ADDRESS = 4096;

function camel(name: string): string {
  return name.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

/** A vector's values with the names that a data object has; 64-bit text stays text. */
function named(value: Value): unknown {
  if (Array.isArray(value)) return value.map(named);
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [camel(name), named(inner)]));
}

/** A data object as a vector writes it: 64-bit integers as text, bytes as a list. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

/** Bounded words are Numbers in a data object and text in a vector. */
function asText(value: unknown): unknown {
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map(asText);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asText(inner)]));
}

/** A ring entry's data object has its header's fields among its own. */
function flatten(values: Record<string, unknown>, data: Record<string, unknown>): Record<string, unknown> {
  const header = values["header"];
  if (!("opcode" in data) || typeof header !== "object" || header === null) return values;
  const { header: _, ...rest } = values;
  return { ...header, ...rest };
}

describe("abi/vectors.json", () => {
  test("has the layout hash of the generated code", () => {
    const hash = (BigInt(abi.LayoutHashHi) << 32n) | BigInt(abi.LayoutHashLo);
    expect(hash.toString(16).padStart(16, "0")).toBe(vectors.layoutHash);
  });

  test.each(vectors.structs)("$struct reads and writes every field", ({ struct, size, bytes, values }) => {
    const View = exported[struct] as ViewClass;
    expect(View.SIZE).toBe(size);
    const mem = new abi.Mem(new WebAssembly.Memory({ initial: 2, maximum: 4, shared: true }));
    const want = Buffer.from(bytes, "hex");
    mem.u8.set(want, ADDRESS);
    const view = new View(mem).at(ADDRESS);
    const data = view.toData();
    const expected = flatten(named(values) as Record<string, unknown>, data);
    expect(asText(plain(data))).toEqual(asText(expected));

    const copy = ADDRESS + 65536;
    mem.u8.fill(0xaa, copy, copy + size);
    new View(mem).at(copy).setData(data);
    expect(Buffer.from(mem.u8.slice(copy, copy + size)).toString("hex")).toBe(bytes);
  });

  test.each(vectors.structs)("$struct: halves of 64-bit fields", ({ struct, bytes, values }) => {
    const View = exported[struct] as ViewClass;
    const mem = new abi.Mem(new SharedArrayBuffer(131072));
    mem.u8.set(Buffer.from(bytes, "hex"), ADDRESS);
    const view = new View(mem).at(ADDRESS) as unknown as Record<string, unknown>;
    for (const [name, text] of Object.entries(values)) {
      const low = view[`${camel(name)}Lo`];
      if (typeof text !== "string" || low === undefined) continue;
      const high = view[`${camel(name)}Hi`];
      expect((BigInt(high as number) << 32n) | BigInt(low as number), name).toBe(BigInt(text));
    }
  });

  test.each(Object.entries(vectors.enums))("%s names its numbers", (name, values) => {
    const table = exported[name] as Record<string, number | bigint>;
    const nameOf = exported[`${name[0]?.toLowerCase()}${name.slice(1)}Name`] as (value: number | bigint) => string;
    for (const [key, text] of Object.entries(values)) {
      const value = table[key];
      expect(String(value), key).toBe(text);
      expect(nameOf(value as number | bigint)).toBe(key);
    }
  });
});
