/** What a client is answered while it reads and awaits 1,000 programs that say nothing: by rings, in a page, over a control channel. */
import { readFileSync } from "node:fs";
import { portDuplex, type RpcClient, spawn, streamRead, waitProcess } from "@foreshore/abi";
import { RemoteMachine, Runtime } from "@foreshore/runtime";
import { defaultWorkerUrl } from "@foreshore/runtime/node";
import { chromium } from "playwright";
import { chromiumPath } from "../../../test/demo/chromium.ts";
import { serveWeb } from "../../../test/web/node/main.ts";
import { busyboxLayer } from "../../../test/web/node/root.ts";
import { type Benchmark, type Opened, Unavailable } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";

const PROGRAMS = 1_000;
const CALLS = 2_000;
const QUANTILE = 0.99;
const PROMPT_TIMEOUT_MS = 60_000;

/** Milliseconds of one request that does nothing, one at a time: p99 of 2,000. */
async function p99(noop: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const from = performance.now();
    await noop();
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b)[Math.floor(CALLS * QUANTILE)]!;
}

/** Starts the programs, reads both streams of each and waits for its end: none of these calls is answered. */
async function crowd(client: RpcClient, path: string): Promise<void> {
  for (let i = 0; i < PROGRAMS; i++) {
    const { process, streams } = await spawn(client, path, [], { stdin: "null" });
    const calls = [waitProcess(client, process), streamRead(client, streams[1]), streamRead(client, streams[2])];
    for (const call of calls) call.catch(() => undefined);
  }
}

async function machine(): Promise<Runtime> {
  const runtime = await Runtime.create({ harts: 2, workerUrl: defaultWorkerUrl() });
  await runtime.fs.writeFile("/silent", readFileSync(await benchGuest("silent")), { mode: 0o755 });
  return runtime;
}

async function byRings(): Promise<Opened> {
  const runtime = await machine();
  await crowd(runtime.rpc, "/silent");
  return { sides: [{ name: "foreshore", sample: () => p99(() => runtime.noop()) }], close: () => runtime.stop() };
}

async function byControl(): Promise<Opened> {
  const runtime = await machine();
  const { port1, port2 } = new MessageChannel();
  runtime.serveControl(portDuplex(port2));
  const remote = await RemoteMachine.connect(portDuplex(port1));
  await crowd(remote.rpc, "/silent");
  const sample = (): Promise<number> => p99(() => remote.noop());
  return {
    sides: [{ name: "foreshore", sample }],
    close: async () => {
      await remote.close();
      await runtime.stop();
    },
  };
}

async function inPage(): Promise<Opened> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Unavailable('Chromium is missing: run "make setup"');
  const root = await busyboxLayer();
  if ("missing" in root) throw new Unavailable(root.missing);
  await root.close?.();
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // Chromium has none to offer to root
  const browser = await chromium.launch({ executablePath, headless: true, args });
  const server = await serveWeb({ isolated: true });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  const page = await browser.newPage();
  try {
    await page.goto(server.url);
    await page.waitForFunction(() => window.foreshore?.promptMs, undefined, { timeout: PROMPT_TIMEOUT_MS });
    const program = readFileSync(await benchGuest("silent")).toString("base64");
    await page.evaluate(
      async ([count, base64]) => {
        // The page's own view of 1,000 processes is not what is measured.
        document.body.style.display = "none";
        const { machine } = window.foreshore!;
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        await machine.fs.writeFile("/silent", bytes, { mode: 0o755 });
        for (let i = 0; i < count; i++) {
          const one = await machine.spawn("/silent", [], { stdin: "null" });
          one.output().catch(() => undefined);
        }
      },
      [PROGRAMS, program] as const,
    );
  } catch (error) {
    await close();
    throw error;
  }
  const sample = (): Promise<number> =>
    page.evaluate(
      async ([calls, quantile]) => {
        const times: number[] = [];
        for (let i = 0; i < calls; i++) {
          const from = performance.now();
          await window.foreshore!.machine.noop();
          times.push(performance.now() - from);
        }
        return times.sort((a, b) => a - b)[Math.floor(calls * quantile)]!;
      },
      [CALLS, QUANTILE] as const,
    );
  return { sides: [{ name: "foreshore", sample }], close };
}

const WHAT = "A request that does nothing, while both streams of 1,000 silent programs are read and their ends awaited";
const figure = (name: string, where: string, open: () => Promise<Opened>): Benchmark => ({
  name: `waiting/${name}`,
  description: `${WHAT}, ${where}: p99 of 2,000.`,
  unit: "ms",
  better: "less",
  warmup: 1,
  open,
});

export const waiting: readonly Benchmark[] = [
  figure("node", "by a Runtime's client in Node", byRings),
  figure("control", "over a control channel", byControl),
  figure("page", "by a Runtime's client in a page of Chromium", inPage),
];
