// Runs a static riscv64 program on the bare interpreter (kernel-go/riscv/internal/flatwasm):
// node run-flat.mjs WASM ELF. Prints what the program prints, then a line of JSON on
// stderr: { exit, ms, instructions, mips }.
import { readFileSync } from "node:fs";

const [wasmPath, elfPath, budgetText] = process.argv.slice(2);
const budget = Number(budgetText ?? 500_000);
const memory = new WebAssembly.Memory({ initial: 4096, maximum: 65536, shared: true });
const elf = readFileSync(elfPath);
const out = [];
const { instance } = await WebAssembly.instantiate(readFileSync(wasmPath), {
  env: { memory, kernel_fence() {} },
  host: {
    write: (fd, addr, n) => out.push(Buffer.from(new Uint8Array(memory.buffer, addr >>> 0, n >>> 0))),
    now: () => performance.now(), log() {}, entropy() {}, trace() {}, kick() {},
  },
});
const e = instance.exports;
e._initialize?.();
const at = e.base() >>> 0;
new Uint8Array(memory.buffer).set(elf, at);
e.boot(at, elf.length, memory.buffer.byteLength);
const start = process.threadCpuUsage();
while (e.run(budget)) {}
const ms = process.threadCpuUsage(start).user / 1000;
const instructions = Number(e.instret());
for (const chunk of out) process.stdout.write(chunk);
console.error(JSON.stringify({ exit: e.exited(), pc: e.pc().toString(16), ms: +ms.toFixed(1), instructions, mips: +(instructions / ms / 1000).toFixed(1) }));
