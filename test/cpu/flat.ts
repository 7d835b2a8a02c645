/**
 * The bare interpreter in V8: builds kernel-go/riscv/internal/flatwasm into build/flat.wasm and runs static riscv64
 * programs on it, without the kernel. `node test/cpu/flat.ts ELF…` prints what each program prints, how it ended, the
 * processor time that it took and, where qemu-riscv64-static is installed, qemu's for the same file.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");
const WASM = join(ROOT, "build/flat.wasm");
/** Guest instructions per call into wasm: V8 swaps in optimised code only between calls. */
const BUDGET_INSNS = 500_000;
const MEMORY_PAGES = 4096;

export interface FlatRun {
  readonly output: Buffer;
  /** Exit code, or -1 - riscv.Exit where the program did not exit. */
  readonly exit: number;
  readonly instructions: bigint;
  /** Processor time of this thread. */
  readonly cpuMs: number;
}

interface FlatExports {
  _initialize?: () => void;
  base(): number;
  boot(elf: number, elfBytes: number, end: number): void;
  run(budget: number): number;
  exited(): number;
  instret(): bigint;
}

/** Compiles the module with the kernel's own target and flags. */
export function buildFlat(): WebAssembly.Module {
  const library = execFileSync("tinygo", ["env", "TINYGOROOT"], { encoding: "utf8" }).trim();
  const target = JSON.parse(readFileSync(join(ROOT, "kernel-go/target.json"), "utf8")) as { "extra-files": string[] };
  // Paths of extra-files are relative to TINYGOROOT.
  target["extra-files"] = target["extra-files"].map((file) =>
    file.startsWith("kernel-go/") ? join(relative(library, ROOT), file) : file,
  );
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "build/flat."));
  try {
    const targetFile = join(folder, "target.json");
    writeFileSync(targetFile, JSON.stringify(target));
    const flags = ["-panic", "trap", "-opt", "2", "-gc", "none", "-scheduler", "none", "-no-debug"];
    execFileSync("tinygo", ["build", "-target", targetFile, ...flags, "-o", WASM, "./riscv/internal/flatwasm"], {
      cwd: join(ROOT, "kernel-go"),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return new WebAssembly.Module(readFileSync(WASM));
}

/** Runs one program to its end in a fresh instance. */
export function runFlat(module: WebAssembly.Module, elf: Uint8Array): FlatRun {
  const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: 65536, shared: true });
  const output: Buffer[] = [];
  const instance = new WebAssembly.Instance(module, {
    env: { memory },
    host: {
      write: (_fd: number, addr: number, n: number) =>
        output.push(Buffer.from(new Uint8Array(memory.buffer, addr >>> 0, n >>> 0))),
    },
  });
  const exports = instance.exports as unknown as FlatExports;
  exports._initialize?.();
  const at = exports.base() >>> 0;
  new Uint8Array(memory.buffer).set(elf, at);
  exports.boot(at, elf.length, memory.buffer.byteLength);
  const start = process.cpuUsage();
  while (exports.run(BUDGET_INSNS) !== 0);
  const cpuMs = process.cpuUsage(start).user / 1000;
  return { output: Buffer.concat(output), exit: exports.exited(), instructions: exports.instret(), cpuMs };
}

if (import.meta.filename === process.argv[1]) {
  const module = buildFlat();
  for (const path of process.argv.slice(2)) {
    if (!existsSync(path)) throw new Error(`flat: no such file: ${path}`);
    const run = runFlat(module, readFileSync(path));
    process.stdout.write(run.output);
    const mips = Number(run.instructions) / run.cpuMs / 1000;
    const qemu = spawnSync("bash", ["-c", 'TIMEFORMAT=%U; time qemu-riscv64-static "$1" >/dev/null', "bash", path]);
    const seconds = Number.parseFloat(qemu.stderr.toString());
    const against =
      qemu.status === 0 ? `, qemu ${seconds.toFixed(2)} s, ratio ${(run.cpuMs / 1000 / seconds).toFixed(2)}` : "";
    console.error(
      `exit ${run.exit}, ${run.instructions} instructions, ${(run.cpuMs / 1000).toFixed(2)} s, ${mips.toFixed(0)} MIPS${against}`,
    );
  }
}
