/**
 * `node tools/check-fences.ts [FILE]`: fails when the kernel's memory fences did not survive
 * optimisation (binaryen's precompute passes delete them without a word; tools/wasm-opt
 * skips these). A fence point is an `atomic.fence` or a call of a function that holds one
 * and nothing else, which is what kernel-go/asm/fence.S links as.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ATOMIC_FENCE, CALL, END, scan } from "./wasm-scan.ts";

const file = process.argv[2] ?? join(import.meta.dirname, "../build/kernel.wasm");
if (!existsSync(file)) {
  console.error(`${file}: not there; run \`make kernel\``);
  process.exit(1);
}
const { importedFunctions, instructions } = scan(readFileSync(file));

const byFunction = Map.groupBy(instructions, (instruction) => instruction.func);
const wrappers = new Set<number>();
for (const [func, list] of byFunction) {
  if (list.length === 2 && list[0]?.op === ATOMIC_FENCE && list[1]?.op === END) wrappers.add(func + importedFunctions);
}
const inline = instructions.filter(
  ({ func, op }) => op === ATOMIC_FENCE && !wrappers.has(func + importedFunctions),
).length;
const calls = instructions.filter(({ op, index }) => op === CALL && wrappers.has(index)).length;

console.log(`${file}: ${inline + calls} fence points (${inline} inline, ${calls} by call)`);
if (inline + calls === 0) {
  console.error(`${file}: no atomic.fence is left: an optimisation pass has deleted them (see tools/wasm-opt)`);
  process.exitCode = 1;
}
