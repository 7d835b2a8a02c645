/** By hand: `node test/oracle/main.ts qemu|native|foreshore[:HARTS]|native-kernel[:HARTS] FILE [ARG…]` runs a program as the tests do. */
import { readFileSync } from "node:fs";
import { runForeshore } from "./foreshore.ts";
import { runNativeKernel } from "./native-kernel.ts";
import { runNative, runQemu } from "./qemu.ts";

const [engine = "", file, ...args] = process.argv.slice(2);
const [, name, harts] = /^(qemu|native|foreshore|native-kernel)(?::(\d+))?$/.exec(engine) ?? [];
if (!name || !file) {
  console.error("usage: main.ts qemu|native|foreshore[:HARTS]|native-kernel[:HARTS] FILE [ARG…]");
  process.exit(125);
}
const options = { stdin: process.stdin.isTTY ? "" : readFileSync(0), timeoutMs: 60_000 };
const machine = { harts: Number(harts ?? 2) };
const started = performance.now();
const result = await {
  qemu: () => runQemu(file, args, options),
  native: () => runNative(file, args, options),
  foreshore: () => runForeshore(machine, file, args, options),
  "native-kernel": () => runNativeKernel(machine, file, args, options),
}[name as "qemu"]();
process.stdout.write(result.stdout);
process.stderr.write(result.stderr);
if ("unsupported" in result && Array.isArray(result.unsupported) && result.unsupported.length > 0)
  console.error(`(unsupported: ${result.unsupported.join(", ")})`);
if ("log" in result && Array.isArray(result.log)) for (const line of result.log) console.error(`(${line})`);
if (result.signal) console.error(`(${result.signal})`);
if (process.env["TIME"]) console.error(`(${(performance.now() - started).toFixed(0)} ms)`);
process.exitCode = result.code ?? 1;
