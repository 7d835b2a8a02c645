/** Where a case is run: kernel.wasm in a machine of its own, the kernel as a native program, qemu-riscv64, or Linux itself. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { directoryLayer, Machine } from "@foreshore/sdk/node";
import { runIn } from "../oracle/foreshore.ts";
import { nativeKernel, runNativeKernel } from "../oracle/native-kernel.ts";
import { guestPath, QEMU, runSandboxed } from "../oracle/sandbox.ts";
import type { Engine } from "./suite.ts";

const BUILD = join(import.meta.dirname, "../../build");

function digest(...files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

/** Cases that one machine runs, one after the other, as long as all of them pass. */
const CASES_PER_MACHINE = 25;

interface Running {
  readonly machine: Machine;
  /** What every case of it shares. */
  readonly kind: string;
  readonly log: string[];
  cases: number;
}

/** kernel.wasm, as the SDK runs it. */
export function machineEngine(harts: number): Engine {
  const idle: Running[] = [];
  const start = async (kind: string, root: string | undefined, memory: number): Promise<Running> => {
    const log: string[] = [];
    const machine = await Machine.create({
      harts,
      memory,
      layers: root === undefined ? [] : [directoryLayer(root)],
      log: (level, text) => log.push(`${level}: ${text}`),
    });
    await machine.fs.mkdir("/tmp", { recursive: true, mode: 0o1777 });
    await machine.fs.mkdir("/bin", { recursive: true });
    return { machine, kind, log, cases: 0 };
  };
  return {
    name: `machine-${harts}`,
    key: async () => digest(join(BUILD, "kernel.wasm"), join(BUILD, "worker.js")),
    async run({ file, args, options }, memory, timeoutMs, fresh) {
      const kind = `${options.root ?? ""} ${memory}`;
      const at = fresh ? -1 : idle.findIndex((one) => one.kind === kind);
      const one = at >= 0 ? (idle.splice(at, 1)[0] as Running) : await start(kind, options.root, memory);
      const { machine } = one;
      let reusable = false;
      try {
        const path = file.startsWith("guest:") ? file.slice(6) : guestPath(file);
        if (file !== `guest:${path}`) await machine.fs.writeFile(path, readFileSync(file), { mode: 0o755 });
        const result = await runIn(machine, path, args, { ...options, timeoutMs });
        reusable =
          result.code === 0 &&
          !fresh &&
          ++one.cases < CASES_PER_MACHINE &&
          (await cleaned(one.machine).catch(() => false));
        return result;
      } catch (error) {
        if (one.log.length > 0 && error instanceof Error) error.message += `\n${one.log.join("\n")}`;
        throw error;
      } finally {
        if (reusable) idle.push(one);
        else await one.machine.stop();
      }
    },
    async close() {
      await Promise.all(idle.splice(0).map((one) => one.machine.stop()));
    },
  };
}

/** Ends what a case has left running and removes what it left in /tmp and /dev/shm; true, or throws. */
async function cleaned(machine: Machine): Promise<true> {
  await machine.kill(-1, 9).catch(() => {}); // ESRCH: nothing was left
  for (const folder of ["/tmp", "/dev/shm"]) {
    for (const { name } of await machine.fs.readdir(folder)) {
      await machine.fs.rm(`${folder}/${name}`, { recursive: true });
    }
  }
  return true;
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
