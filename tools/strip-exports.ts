/**
 * `node tools/strip-exports.ts FILE`: leaves kernel.wasm only the exports that abi/boundary.fbs
 * declares. TinyGo's runtime exports a few helpers of its own (fminimum…), which nothing calls.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { KERNEL_EXPORTS } from "../abi/ts/kernel_boundary.ts";
import { keepExports } from "./wasm-interface.ts";

const file = process.argv[2];
if (file === undefined) throw new Error("usage: node tools/strip-exports.ts FILE");
writeFileSync(
  file,
  keepExports(readFileSync(file), (name) => Object.hasOwn(KERNEL_EXPORTS, name)),
);
