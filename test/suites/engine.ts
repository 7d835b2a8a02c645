/** Where a case is run: kernel.wasm in a machine of its own, the kernel as a native program, qemu-riscv64, or Linux itself. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { directoryLayer, Machine } from "@foreshore/sdk/node";
import { runIn } from "../oracle/foreshore.ts";
import { nativeKernel, runNativeKernel } from "../oracle/native-kernel.ts";
import { guestPath, QEMU, type RunResult, runSandboxed } from "../oracle/sandbox.ts";
import type { Program } from "./suite.ts";

const BUILD = join(import.meta.dirname, "../../build");

export interface Engine {
  /** "machine-4", "native-1", "qemu": a part of the results' file name. */
  readonly name: string;
  /** Changes whenever a result may: what was found with another key is no result of this engine. */
  key(): Promise<string>;
  /** @throws when the program did not end by itself, or the machine failed */
  run(program: Program, memory: number, timeoutMs: number): Promise<RunResult>;
}

function digest(...files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

/** kernel.wasm, as the SDK runs it. */
export function machineEngine(harts: number): Engine {
  return {
    name: `machine-${harts}`,
    key: async () => digest(join(BUILD, "kernel.wasm"), join(BUILD, "worker.js")),
    async run({ file, args, options }, memory, timeoutMs) {
      const log: string[] = [];
      const machine = await Machine.create({
        harts,
        memory,
        layers: options.root === undefined ? [] : [directoryLayer(options.root)],
        log: (level, text) => log.push(`${level}: ${text}`),
      });
      try {
        const path = file.startsWith("guest:") ? file.slice(6) : guestPath(file);
        await machine.runtime.fs.mkdir("/tmp", { recursive: true, mode: 0o1777 });
        if (path !== file.slice(6)) {
          await machine.runtime.fs.mkdir("/bin", { recursive: true });
          await machine.runtime.fs.writeFile(path, readFileSync(file), { mode: 0o755 });
        }
        return await runIn(machine.runtime, path, args, { ...options, timeoutMs });
      } catch (error) {
        if (log.length > 0 && error instanceof Error) error.message += `\n${log.join("\n")}`;
        throw error;
      } finally {
        await machine.stop();
      }
    },
  };
}

export function nativeEngine(harts: number): Engine {
  return {
    name: `native-${harts}`,
    key: async () => digest(await nativeKernel()),
    run: ({ file, args, options }, memory, timeoutMs) =>
      runNativeKernel({ harts, memory }, file, args, { ...options, timeoutMs }),
  };
}

/** The oracle for riscv64 programs. */
export const qemuEngine: Engine = {
  name: "qemu",
  key: async () => digest(QEMU),
  run: ({ file, args, options }, _, timeoutMs) => runSandboxed(QEMU, file, args, { ...options, timeoutMs }),
};

/** Programs that are built for this host, on the host's own kernel. */
export const linuxEngine: Engine = {
  name: "linux",
  key: async () => release(),
  run: ({ file, args, options }, _, timeoutMs) => runSandboxed(null, file, args, { ...options, timeoutMs }),
};
