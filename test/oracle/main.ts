/** By hand: `node test/oracle/main.ts qemu|native FILE [ARG…]` runs a program in the oracle's sandbox. */
import { readFileSync } from "node:fs";
import { runNative, runQemu } from "./qemu.ts";

const [engine, file, ...args] = process.argv.slice(2);
if ((engine !== "qemu" && engine !== "native") || !file) {
  console.error("usage: main.ts qemu|native FILE [ARG…]");
  process.exit(125);
}
const stdin = process.stdin.isTTY ? "" : readFileSync(0);
const result = await (engine === "qemu" ? runQemu : runNative)(file, args, { stdin });
process.stdout.write(result.stdout);
process.stderr.write(result.stderr);
if (result.signal) console.error(`(${result.signal})`);
process.exitCode = result.code ?? 1;
