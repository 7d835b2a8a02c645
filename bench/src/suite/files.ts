/** Bytes through pipes and out of the page cache. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Runtime } from "@foreshore/runtime";
import type { Benchmark, Opened } from "../benchmark.ts";
import { guestFigure } from "./guest-figure.ts";

const FILE_MIB = 8;
const READS = 10;

/** MiB per second of reading a file of 8 MiB ten times over. */
async function readRate(read: () => Promise<Uint8Array>): Promise<number> {
  const from = performance.now();
  for (let i = 0; i < READS; i++) {
    const bytes = await read();
    if (bytes.length !== FILE_MIB << 20 || bytes.at(-1) !== 1) throw new Error("the file read is not the one written");
  }
  return (FILE_MIB * READS) / ((performance.now() - from) / 1000);
}

async function openHostRead(): Promise<Opened> {
  const contents = new Uint8Array(FILE_MIB << 20).fill(1);
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const file = join(folder, "file");
  await writeFile(file, contents);
  const runtime = await Runtime.create({ harts: 1 });
  await runtime.fs.writeFile("/file", contents);
  return {
    sides: [
      { name: "foreshore", sample: () => readRate(() => runtime.fs.readFile("/file")) },
      { name: "node", sample: () => readRate(() => readFile(file)) },
    ],
    close: async () => {
      await runtime.stop();
      await rm(folder, { recursive: true });
    },
  };
}

export const files: readonly Benchmark[] = [
  guestFigure({
    name: "file/pipe",
    description: "64 MiB through a pipe between two processes on two harts, 64 KiB at a time.",
    unit: "MiB/s",
    better: "more",
    guest: "pipe",
    args: ["64", "65536"],
    key: "mibPerS",
    harts: 2,
  }),
  guestFigure({
    name: "file/pread",
    description: "A guest reads a file of 16 MiB that is in the page cache, 64 KiB at a time (qemu: the host's /tmp).",
    unit: "MiB/s",
    better: "more",
    guest: "pread",
    args: ["16", "5", "65536"],
    key: "mibPerS",
  }),
  {
    name: "file/host-read",
    description:
      "runtime.fs.readFile of a file of 8 MiB in the machine; peer: Node's readFile of the host's page cache.",
    unit: "MiB/s",
    better: "more",
    open: openHostRead,
  },
];
