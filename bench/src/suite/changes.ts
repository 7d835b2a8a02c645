/** What it costs that viewers are told of changes: each change, and a machine in which nothing changes. */
import { readFileSync } from "node:fs";
import { changes, portDuplex, SlotKind } from "@foreshore/abi";
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
      await runtime.rpc.request.watchChanges({ kinds: 0 });
      if (kinds !== 0) await runtime.rpc.request.watchChanges({ kinds });
      const process = await runtime.spawn(GUEST, []);
      const { stdout } = await process.output();
      return median(values(new TextDecoder().decode(stdout), "ns"));
    },
  });
  return {
    sides: [side("watched", 2 ** SlotKind.Ofd), side("not watched", 0)],
    close: () => runtime.stop(),
  };
}

/** A machine of a thousand sleepers with two viewers, one by rings and one over a control channel, that wait for changes or look now and then. */
async function viewers(watch: (runtime: Runtime, remote: RemoteMachine) => () => void): Promise<number> {
  const runtime = await Runtime.create({ harts: 2 });
  try {
    await sleepers(runtime);
    const { port1, port2 } = new MessageChannel();
    runtime.serveControl(portDuplex(port2));
    const end = watch(runtime, await RemoteMachine.connect(portDuplex(port1)));
    const share = await processorShare();
    end();
    return share;
  } finally {
    await runtime.stop();
  }
}

function told(runtime: Runtime, remote: RemoteMachine): () => void {
  const end = new AbortController();
  const look = async (machine: Runtime | RemoteMachine): Promise<void> => {
    for await (const _ of changes(machine.rpc, ["process", "fd"], { signal: end.signal })) await machine.processes();
  };
  for (const machine of [runtime, remote]) look(machine).catch(() => undefined);
  return () => end.abort();
}

function polled(runtime: Runtime, remote: RemoteMachine): () => void {
  const timer = setInterval(() => {
    for (const machine of [runtime, remote]) machine.processes().catch(() => undefined);
  }, LOOK_MS);
  return () => clearInterval(timer);
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
