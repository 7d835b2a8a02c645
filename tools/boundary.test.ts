/** build/kernel.wasm against what abi/boundary.fbs says of it: nothing more, nothing less. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BoundaryEntry, Fixed, KERNEL_EXPORTS, KERNEL_IMPORTS } from "@foreshore/abi";
import { describe, expect, test } from "vitest";
import { interfaceOf, keepExports, type ModuleEntry } from "./wasm-interface.ts";

const kernel = interfaceOf(readFileSync(join(import.meta.dirname, "../build/kernel.wasm")));

function declared(table: Readonly<Record<string, BoundaryEntry>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([name, { kind, params, results }]) => [name, { kind, params, results }]),
  );
}

function built(entries: ReadonlyMap<string, ModuleEntry>): Record<string, unknown> {
  return Object.fromEntries([...entries].map(([name, { kind, params, results }]) => [name, { kind, params, results }]));
}

describe("build/kernel.wasm", () => {
  test("imports what abi/boundary.fbs declares", () => {
    expect(built(kernel.imports)).toEqual(declared(KERNEL_IMPORTS));
    expect(kernel.imports.get("env.memory")?.flag).toBe(true);
  });

  test("exports what abi/boundary.fbs declares", () => {
    expect(built(kernel.exports)).toEqual(declared(KERNEL_EXPORTS));
    expect(kernel.exports.get("__stack_pointer")?.flag).toBe(true);
  });

  test("begins where the schema says", () => {
    const target = JSON.parse(readFileSync(join(import.meta.dirname, "../kernel-go/target.json"), "utf8"));
    expect(target.ldflags).toContain(`--global-base=${Fixed.GlobalBase}`);
  });
});

test("bytes that end early are refused", () => {
  const bytes = readFileSync(join(import.meta.dirname, "../build/kernel.wasm"));
  expect(() => interfaceOf(bytes.subarray(0, 40))).toThrow();
});

test("only declared exports are kept, the rest of the module is as it was", () => {
  const bytes = readFileSync(join(import.meta.dirname, "../build/kernel.wasm"));
  const one = interfaceOf(keepExports(bytes, (name) => name === "hart_run"));
  expect([...one.exports.keys()]).toEqual(["hart_run"]);
  expect(one.imports).toEqual(kernel.imports);
  expect(WebAssembly.validate(Uint8Array.from(keepExports(bytes, () => false)))).toBe(true);
});
