/** By hand: `node test/oracle/main.ts qemu|native|foreshore[:HARTS] FILE [ARG…]` runs a program as the tests do. */
import { readFileSync } from "node:fs";
import { runForeshore } from "./foreshore.ts";
import { runNative, runQemu } from "./qemu.ts";

const [engine = "", file, ...args] = process.argv.slice(2);
const [, name, harts] = /^(qemu|native|foreshore)(?::(\d+))?$/.exec(engine) ?? [];
if (!name || !file) {
  console.error("usage: main.ts qemu|native|foreshore[:HARTS] FILE [ARG…]");
  process.exit(125);
}
const options = { stdin: process.stdin.isTTY ? "" : readFileSync(0), timeoutMs: 60_000 };
const started = performance.now();
const result =
  name === "foreshore"
    ? await runForeshore({ harts: Number(harts ?? 2) }, file, args, options)
    : await (name === "qemu" ? runQemu : runNative)(file, args, options);
process.stdout.write(result.stdout);
process.stderr.write(result.stderr);
if ("unsupported" in result && Array.isArray(result.unsupported) && result.unsupported.length > 0)
  console.error(`(unsupported: ${result.unsupported.join(", ")})`);
if (result.signal) console.error(`(${result.signal})`);
if (process.env["TIME"]) console.error(`(${(performance.now() - started).toFixed(0)} ms)`);
process.exitCode = result.code ?? 1;
