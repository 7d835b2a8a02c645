/** What processes send to one another: bytes, single bytes there and back, descriptors, and many connections. */
import type { Benchmark, Opened } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";
import { median } from "../stats.ts";
import { Foreshore } from "../subjects/foreshore.ts";
import { values } from "../subjects/subject.ts";
import { guestFigure } from "./guest-figure.ts";

const NS_TO_US = 1e-3;
const MIB = 1 << 20;
const CHUNK = 65536;
const COPIED = 256 * MIB;

/** MiB per second of copying 64 KiB pieces within a shared memory, through all of 16 MiB: what bytes could move at without a kernel. */
function sharedCopyRate(memory: WebAssembly.Memory): number {
  const bytes = new Uint8Array(memory.buffer);
  const half = bytes.length / 2;
  const from = performance.now();
  for (let done = 0; done < COPIED; done += CHUNK) {
    const at = done % half;
    bytes.copyWithin(half + at, at, at + CHUNK);
  }
  return COPIED / MIB / ((performance.now() - from) / 1000);
}

/** 64 KiB writes from one process to another, against a plain copy of the same kind of memory. */
function stream(kind: string, description: string): Benchmark {
  const open = async (): Promise<Opened> => {
    const file = await benchGuest("ipc");
    const machine = await Foreshore.open({ harts: 2 });
    const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
    const sample = async () => median(values((await machine.run(file, ["stream", kind, "256"])).stdout, "mibPerS"));
    return {
      sides: [
        { name: "foreshore", sample },
        { name: "memcpy", sample: () => Promise.resolve(sharedCopyRate(memory)) },
      ],
      close: () => machine.close(),
    };
  };
  return { name: `ipc/${kind}-stream`, description, unit: "MiB/s", better: "more", open };
}

const ping = (kind: string, harts: number): Benchmark =>
  guestFigure({
    name: `ipc/${kind}-ping-${harts === 1 ? "one-hart" : "two-harts"}`,
    description: `One byte to another process and back, ${kind === "pipe" ? "by two pipes" : "by a unix socket"}: a round trip of ${harts === 1 ? 20_000 : 5000}.`,
    unit: "µs",
    better: "less",
    guest: "ipc",
    args: ["ping", kind, harts === 1 ? "20000" : "5000"],
    key: "ns",
    scale: NS_TO_US,
    harts,
  });

const rights = (bytes: number, name: string): Benchmark =>
  guestFigure({
    name: `ipc/rights-${name}`,
    description: `A descriptor by SCM_RIGHTS to oneself and its close, of a pipe with ${bytes} bytes in it: the mean of 20,000.`,
    unit: "µs",
    better: "less",
    guest: "ipc",
    args: ["rights", String(bytes), "20000"],
    key: "ns",
    scale: NS_TO_US,
  });

export const ipc: readonly Benchmark[] = [
  stream(
    "pipe",
    "256 MiB through a pipe between two processes on two harts, 64 KiB writes; peer: memcpy in shared memory.",
  ),
  stream(
    "unix",
    "256 MiB through a unix stream between two processes on two harts, 64 KiB writes; peer: memcpy in shared memory.",
  ),
  stream(
    "tcp",
    "256 MiB through TCP inside the machine, two processes on two harts, 64 KiB writes; peer: memcpy in shared memory.",
  ),
  guestFigure({
    name: "ipc/tcp-stream-qemu",
    description: "The same, 64 MiB; peer: qemu-user over the host's loopback.",
    unit: "MiB/s",
    better: "more",
    guest: "ipc",
    args: ["stream", "tcp", "64"],
    key: "mibPerS",
    harts: 2,
  }),
  ping("pipe", 1),
  ping("unix", 1),
  ping("pipe", 2),
  ping("unix", 2),
  rights(1, "1-byte"),
  rights(MIB, "1-mib"),
  guestFigure({
    name: "ipc/echo",
    description:
      "A server that echoes 64 bytes by epoll, to a client with 1,000 connections, on two harts: time for one of 100,000 messages.",
    unit: "µs",
    better: "less",
    guest: "ipc",
    args: ["echo", "1000", "100000"],
    key: "ns",
    scale: NS_TO_US,
    harts: 2,
  }),
];
