/** Prints the milliseconds from Runtime.create to the first byte that a static program writes. Argument: its path. */
import { readFileSync } from "node:fs";
import { Runtime } from "@foreshore/runtime";

const from = performance.now();
const runtime = await Runtime.create();
const process_ = await runtime.spawn(readFileSync(process.argv[2]!));
const reader = process_.stdout!.getReader();
const { value } = await reader.read();
const ms = performance.now() - from;
if (value === undefined || value.length === 0) throw new Error("the program wrote nothing");
while (!(await reader.read()).done);
const { code } = await process_.exit;
if (code !== 0) throw new Error(`the program ended with ${code}`);
await runtime.stop();
console.log(ms);
