/** The control channel: a machine used by another process, over a unix socket. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Runtime } from "@foreshore/runtime";
import { controlSocket } from "@foreshore/sdk/node/socket";
import type { Benchmark, Opened } from "../benchmark.ts";
import { median } from "../stats.ts";
import { PROCESSES, sleepers } from "./sleeping.ts";

const TIMES = 20;
const CHILD = fileURLToPath(new URL("../child/control-ps.ts", import.meta.url));

async function open(): Promise<Opened> {
  const runtime = await Runtime.create({ harts: 2 });
  await sleepers(runtime);
  const folder = mkdtempSync(join(tmpdir(), "foreshore-bench-"));
  const path = join(folder, "socket");
  const socket = await controlSocket(runtime, path, (text) => process.stderr.write(`${text}\n`));
  const child = spawn(process.execPath, [CHILD, path], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ps = async (): Promise<number> => {
    child.stdin.write("\n");
    const { ms, processes } = JSON.parse((await lines.next()).value as string) as { ms: number; processes: number };
    // Process 1 is listed, too.
    if (processes !== PROCESSES + 1) throw new Error(`${processes} processes were listed instead of ${PROCESSES + 1}`);
    return ms;
  };
  const sample = async (): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < TIMES; i++) times.push(await ps());
    return median(times);
  };
  return {
    sides: [{ name: "foreshore", sample }],
    close: async () => {
      child.kill();
      socket.close();
      await runtime.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const control: readonly Benchmark[] = [
  {
    name: "control/ps-1000",
    description:
      "The table of 1,000 processes of a machine, asked for by another process over a unix socket: connecting, both hellos, records, rows and text; p50 of 20.",
    unit: "ms",
    better: "less",
    open,
  },
];
