/**
 * Views of a running machine never tear: two threads read all of its tables, this one and a worker by attachment, while four harts
 * fork, open, pipe and map, and the memory grows.
 */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { type Attachment, attach } from "@foreshore/abi";
import { Runtime } from "@foreshore/runtime";
import { describe, expect, test } from "vitest";
import { guest, missingTool } from "./guests/build.ts";
import { emptyReport, judge, readFor, type ViewReport } from "./views/readers.ts";

const READ_MS = 6000;

describe.skipIf(missingTool())("views of a machine under stress", () => {
  test("every row is of one moment", { timeout: 120_000 }, async () => {
    const file = await guest("stress_views");
    const runtime = await Runtime.create({ harts: 4, memory: 512 });
    let worker: Worker | undefined;
    try {
      const { memory } = runtime;
      if (memory === undefined) throw new Error("the machine shares no memory");
      const view = attach(memory);
      await runtime.fs.mkdir("/tmp", { recursive: true });
      await runtime.fs.writeFile("/stress_views", readFileSync(file), { mode: 0o755 });
      const process = await runtime.spawn("/stress_views", ["100000"]);
      const attachment: Attachment = { ...(await runtime.attachment()) };
      worker = new Worker(new URL("./views/node-worker.ts", import.meta.url), {
        workerData: { attachment, ms: READ_MS },
      });
      const reader = worker;
      const theirs = new Promise<ViewReport>((resolve, reject) => {
        reader.on("message", (message: ViewReport | "reads") => {
          if (message !== "reads") resolve(message);
        });
        reader.on("error", reject);
        reader.on("exit", () => reject(new Error("the worker ended without a report")));
      });
      const report = emptyReport();
      let ended = false;
      const done = theirs.finally(() => {
        ended = true;
      });
      done.catch(() => undefined);
      while (!ended) {
        readFor(view, 20, report);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const other = await done;
      expect({ here: judge(report), worker: judge(other) }).toEqual({ here: [], worker: [] });
      expect((await runtime.processes()).map(({ pid }) => pid)).toContain(process.pid);
      if (globalThis.process.env["FORESHORE_VIEWS"] !== undefined) console.log(JSON.stringify({ report, other }));
    } finally {
      await worker?.terminate();
      await runtime.stop();
    }
  });
});
