import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ATOMIC_FENCE, CALL, END, scan } from "./wasm-scan.ts";

const binaryen = (tool: string) => join(import.meta.dirname, "../node_modules/binaryen/bin", tool);

function assemble(text: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "foreshore-scan-"));
  try {
    writeFileSync(join(folder, "in.wat"), text);
    execFileSync(process.execPath, [
      binaryen("wasm-as"),
      "--enable-threads",
      "--enable-bulk-memory",
      "--enable-simd",
      "-o",
      join(folder, "out.wasm"),
      join(folder, "in.wat"),
    ]);
    return readFileSync(join(folder, "out.wasm"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("fences and calls are found; the same bytes in a constant are not", () => {
  const { importedFunctions, functions, instructions } = scan(
    assemble(`(module
      (import "env" "memory" (memory 1 2 shared))
      (import "env" "f" (func $f))
      (func $fence (atomic.fence))
      (func (export "a") (result i32)
        (call $f) (call $fence) (atomic.fence)
        (i32.const 0x000103fe))
      (func (export "b") (param i32) (result i64)
        (block $x (block $y (br_table $x $y $x (local.get 0))))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 8))
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
        (drop (v128.const i32x4 0x000103fe 0 0 0))
        (drop (f64.const 1.5))
        (i64.atomic.rmw.add (i32.const 8) (i64.const 1))))`),
  );
  expect(importedFunctions).toBe(1);
  expect(functions).toBe(3);
  expect(instructions.filter(({ op }) => op === ATOMIC_FENCE).map(({ func }) => func)).toEqual([0, 1]);
  expect(instructions.filter(({ op }) => op === CALL).map(({ index }) => index)).toEqual([0, 1]);
  expect(instructions.at(-1)?.op).toBe(END);
});

test("what is no module, or ends early, is refused", () => {
  expect(() => scan(new Uint8Array([1, 2, 3]))).toThrow("not a WebAssembly module");
  const whole = assemble('(module (func (export "a") (result i32) (i32.const 7)))');
  expect(() => scan(whole.subarray(0, whole.length - 2))).toThrow("ends in the middle");
});
