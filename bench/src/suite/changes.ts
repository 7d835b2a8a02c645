/** What it costs that viewers are told of changes: each change, and a machine in which nothing changes. */
import { readFileSync } from "node:fs";
import { changes, connect, portDuplex, SlotKind } from "@foreshore/abi";
import { RemoteMachine, Runtime } from "@foreshore/runtime";
import type { Benchmark, Opened, Side } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";
import { median } from "../stats.ts";
import { values } from "../subjects/subject.ts";
import { processorShare, sleepers } from "./sleeping.ts";

const GUEST = "/lseek";
const LOOK_MS = 500;

/** One machine; before each run of the guest, the table of what it changes is watched or not. Nobody asks what has changed. */
async function cost(): Promise<Opened> {
  const runtime = await Runtime.create({ harts: 1 });
  await runtime.fs.mkdir("/tmp", { recursive: true });
  await runtime.fs.writeFile(GUEST, readFileSync(await benchGuest("lseek")), { mode: 0o755 });
  const side = (name: string, kinds: number): Side => ({
    name,
    sample: async () => {
      // A client watches until it goes.
      const viewer = await connect(await runtime.attachment());
      if (kinds !== 0) await viewer.client.request.watchChanges({ kinds });
      const process = await runtime.spawn(GUEST, []);
      const { stdout } = await process.output();
      await viewer.close();
      return median(values(new TextDecoder().decode(stdout), "ns"));
    },
  });
  return {
    sides: [side("watched", 2 ** SlotKind.Ofd), side("not watched", 0)],
    close: () => runtime.stop(),
  };
}

/** Looks of a viewer so far, and whether it goes on. */
interface Viewer {
  looks: number;
  over: boolean;
}

/** A machine of a thousand sleepers with two viewers, one by rings and one over a control channel. */
async function viewers(watch: (machine: Runtime | RemoteMachine, viewer: Viewer) => Promise<void>): Promise<number> {
  const runtime = await Runtime.create({ harts: 2 });
  try {
    await sleepers(runtime);
    const { port1, port2 } = new MessageChannel();
    runtime.serveControl(portDuplex(port2));
    const all = [runtime, await RemoteMachine.connect(portDuplex(port1))].map((machine) => {
      const viewer: Viewer = { looks: 0, over: false };
      watch(machine, viewer).catch(() => {
        viewer.over = true;
      });
      return viewer;
    });
    const share = await processorShare();
    // One that has failed takes no time either.
    if (all.some(({ looks, over }) => looks === 0 || over)) throw new Error("a viewer does not look");
    return share;
  } finally {
    await runtime.stop();
  }
}

async function told(machine: Runtime | RemoteMachine, viewer: Viewer): Promise<void> {
  for await (const _ of changes(machine.rpc, ["process", "fd"])) {
    await machine.processes();
    viewer.looks++;
  }
}

async function polled(machine: Runtime | RemoteMachine, viewer: Viewer): Promise<void> {
  for (;;) {
    await machine.processes();
    viewer.looks++;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

export const changing: readonly Benchmark[] = [
  {
    name: "changes/cost",
    description:
      "lseek(2), which changes a slot: while its table is watched by a client that does not ask, and unwatched.",
    unit: "ns",
    better: "less",
    open: cost,
  },
  {
    name: "changes/idle",
    description:
      "Processor time of the host's process while 1,000 processes sleep and two viewers wait for changes, over two seconds; two that look each half second.",
    unit: "%",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 1,
    open: async () => ({
      sides: [
        { name: "told", sample: () => viewers(told) },
        { name: "polled", sample: () => viewers(polled) },
      ],
    }),
  },
];
