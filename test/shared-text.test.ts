/**
 * Text and data that nobody has written to are in memory once, however many processes run a program: counted in frames of
 * the machine, from outside, and in what the kernel itself says of the processes.
 */
import { attach, type MachineView, memoryRows, processTable, Syscall } from "@foreshore/abi";
import type { Process, Runtime } from "@foreshore/runtime";
import { Machine } from "@foreshore/sdk";
import { directoryLayer } from "@foreshore/sdk/node";
import { expect, test } from "vitest";
import { allowedSkip } from "./busybox/root.ts";
import { debianEnv, unpacked } from "./debian/root.ts";

const found = await unpacked("guest-root");
if ("missing" in found) console.warn(allowedSkip("debian", found.missing));
const root = "folder" in found ? found.folder : "";
const PAGE = 4096;
/** What a process may cost beyond the pages that it has written to: translation tables, mappings, threads. */
const BEYOND = 128 * 1024;

/** Pages that the page cache reads at once. */
const READ_AHEAD = 32;

/** Says that it is there once it has started up whole, then reads its standard input, which is a pipe. */
const PROGRAMS: readonly (readonly [string, readonly string[]])[] = [
  ["/usr/bin/bash", ["-c", "echo there; read -r line"]],
  ["/usr/bin/lua5.4", ["-e", 'print("there"); io.stdout:flush(); io.read()']],
  ["/usr/bin/python3", ["-c", "import json, re; print('there', flush=True); input()"]],
];

/** The program, started and at rest: behind its first line it still has pages to write to before it waits. */
async function started(
  runtime: Runtime,
  [program, args]: (typeof PROGRAMS)[number],
  view: MachineView,
): Promise<Process> {
  const process = await runtime.spawn(program, args, { env: debianEnv, stderr: "null" });
  const reader = process.stdout!.getReader();
  const { value } = await reader.read();
  expect(Buffer.from(value!).toString()).toBe("there\n");
  reader.releaseLock();
  const threads = () =>
    memoryRows(view, "thread", { pid: process.pid }).rows.map(({ waitsFor, syscall }) => ({ waitsFor, syscall }));
  await expect
    .poll(threads, { timeout: 30_000, interval: 5 })
    .toEqual([{ waitsFor: "Pipe", syscall: Syscall.SYS_read }]);
  return process;
}

async function status(runtime: Runtime, pid: number): Promise<Record<string, number>> {
  const text = Buffer.from(await runtime.fs.readFile(`/proc/${pid}/status`)).toString();
  return Object.fromEntries(
    [...text.matchAll(/^(\w+):\t\s*(\d+) kB$/gm)].map(([, name, kib]) => [name, Number(kib) * 1024]),
  );
}

test.skipIf(root === "")("a further process costs at most 128 KiB beyond its own dirty pages", async () => {
  const machine = await Machine.create({ harts: 2, memory: 512, layers: [directoryLayer(root)] });
  try {
    const view = attach(machine.memory!);
    const { header } = view;
    // Frames that the pool has not grown to yet are as free as those that it has.
    const used = (): number => header.poolEndFrame - header.poolFirstFrame - header.freeFrames;
    for (const program of PROGRAMS) {
      const first = await started(machine, program, view);
      const usedBefore = used();
      const cachedBefore = header.cachedFrames;
      const second = await started(machine, program, view);
      const cost = (used() - usedBefore) * PAGE;
      const memory = await status(machine, second.pid);
      const own = memory["RssAnon"]!;
      const name = program[0];
      console.log(
        `${name}: ${cost / 1024} KiB for the second process, of them ${own / 1024} dirty, ${(cost - own) / 1024} beyond; resident ${memory["VmRSS"]! / 1024}`,
      );
      // Each is of use only if it is there at all: what is shared is most of what is resident.
      expect(own, name).toBeGreaterThan(0);
      expect(memory["RssFile"], name).toBeGreaterThan(own);
      // What was still being read ahead; a text of its own would be hundreds of pages.
      expect(header.cachedFrames - cachedBefore, `${name}: file pages`).toBeLessThanOrEqual(READ_AHEAD);
      expect(cost - own, name).toBeLessThanOrEqual(BEYOND);
      const rows = processTable(view).filter((row) => row.pid === first.pid || row.pid === second.pid);
      expect(rows.map((row) => row.residentPages * PAGE)).toContain(memory["VmRSS"]);
      for (const process of [first, second]) {
        await process.stdin!.close();
        expect((await process.exit).signal).toBe(null);
      }
    }
  } finally {
    await machine.stop();
  }
});
