/** Attachments in another thread: one that is ended without closing, and a machine that ends under it. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { type Attachment, Limit } from "@foreshore/abi";
import { afterEach, describe, expect, test } from "vitest";
import { MachineHost } from "../common/machine-host.ts";
import type { HostWorker, Platform } from "../common/platform.ts";
import { Runtime } from "../index.ts";
import { cat } from "../testing/guests.ts";
import { nodePlatform } from "./platform.ts";

const SCRIPT = new URL("../testing/node/attached-worker.ts", import.meta.url);

let machine: Runtime | undefined;
const peers: Worker[] = [];
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.terminate()));
  await machine?.stop();
});

/** A machine whose workers the test can end. */
async function start(): Promise<{ machine: Runtime; workers: HostWorker[] }> {
  const workers: HostWorker[] = [];
  const platform: Platform = {
    ...nodePlatform,
    startWorker: (...args) => {
      const host = nodePlatform.startWorker(...args);
      workers.push(host);
      return host;
    },
  };
  machine = new Runtime(await MachineHost.start(platform, { harts: 2, memory: 128, log: () => undefined }));
  await machine.fs.writeFile("/cat", cat(), { mode: 0o755 });
  return { machine, workers };
}

/** A thread that has a program started, and what it says from then on. */
async function peer(attachment: Attachment): Promise<{ worker: Worker; pid: number; said: unknown[] }> {
  const worker = new Worker(SCRIPT, { workerData: { ...attachment } });
  peers.push(worker);
  const said: unknown[] = [];
  const [first] = await once(worker, "message");
  worker.on("message", (message) => said.push(message));
  expect(first).toMatchObject({ command: "cat" });
  return { worker, pid: (first as { pid: number }).pid, said };
}

describe("a thread with an attachment", () => {
  test("that is ended without closing is detached by the Runtime", async () => {
    const { machine } = await start();
    // More often than there are places.
    for (let i = 0; i < Limit.Clients + 1; i++) {
      const attachment = await machine.attachment();
      const { worker, pid } = await peer(attachment);
      await worker.terminate();
      expect((await machine.processes()).map((row) => row.pid)).toContain(pid);
      await attachment.detach();
      // Its input's other end is closed: cat ends, and nobody is needed to reap it.
      while ((await machine.processes()).some((row) => row.pid === pid)) await new Promise(setImmediate);
    }
    const { live } = await machine.diagnostics();
    expect(live?.slots.find(({ kind }) => kind === "PendingRequest")?.inUse).toBeLessThanOrEqual(1);
  });

  test.each([
    ["stops", "MachineStopped", (running: Runtime) => running.stop()],
    [
      "fails",
      "MachineFailed",
      async (_: Runtime, workers: HostWorker[]) => {
        // The kernel worker: nothing goes on without it.
        await workers[0]?.terminate();
      },
    ],
  ] as const)("hears that the machine %s, and ends by itself", async (_, name, end) => {
    const { machine, workers } = await start();
    const { worker, said } = await peer(await machine.attachment());
    const exit = once(worker, "exit");
    while (workers.length < 3) await new Promise(setImmediate);
    await end(machine, workers);
    await exit;
    expect(said).toHaveLength(2);
    expect(said).toEqual(expect.arrayContaining([{ read: name }, { end: name }]));
  });
});
