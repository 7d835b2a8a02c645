/** The page of oracle/chromium.ts: runs one program after another, as the driver asks, each in a machine of its own. */
import { type Attachment, attach } from "@foreshore/abi";
import { Runtime } from "@foreshore/runtime";
import { applyLayer, httpLayer } from "@foreshore/sdk";
import { emptyReport, readFor, type ViewReport } from "../views/readers.ts";

export interface PageRun {
  harts: number;
  /** "message": one worker with a memory of its own, for pages that are not cross-origin isolated. */
  transport: "shared" | "message";
  program: string;
  args: string[];
  stdin: string;
  env: Record<string, string>;
  cwd: string;
  /** Guest path → path on the page's server. */
  files: Record<string, string>;
  symlinks: Record<string, string>;
  /** URL of a layer's index, applied before the files. */
  layer?: string;
  /** Runs one after the other in the same machine, instead of `args` once. */
  runs?: { args: string[]; stdin: string; cwd: string }[];
  /** While the program runs, its machine's views are read so long, here and by a worker; its output is not. */
  readViewsMs?: number;
}

export interface PageResult {
  /** Output as latin-1 text: a byte a character. */
  stdout: string;
  stderr: string;
  code: number | null;
  signal: string | null;
  /** What the readers of views saw: the page's, the worker's. */
  views?: ViewReport[];
}

declare global {
  interface Window {
    foreshoreRun?: (run: PageRun) => Promise<PageResult[]>;
    foreshoreIsolated?: boolean;
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}

/** Reads the machine's views here and in a worker that has an attachment. */
async function readViews(runtime: Runtime, ms: number): Promise<ViewReport[]> {
  const attachment: Attachment = { ...(await runtime.attachment()) };
  const worker = new Worker("/views-worker.js", { type: "module" });
  try {
    const theirs = new Promise<ViewReport>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<ViewReport>) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
    worker.postMessage({ attachment, ms });
    if (runtime.memory === undefined) throw new Error("the machine shares no memory");
    const view = attach(runtime.memory);
    const report = emptyReport();
    const until = performance.now() + ms;
    while (performance.now() < until) {
      readFor(view, 20, report);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return [report, await theirs];
  } finally {
    worker.terminate();
  }
}

window.foreshoreIsolated = crossOriginIsolated;
window.foreshoreRun = async (run) => {
  const log: string[] = [];
  const runtime = await Runtime.create({
    harts: run.harts,
    memory: 512,
    transport: run.transport,
    kernel: "/kernel.wasm",
    workerUrl: "/worker.js",
    log: (level, text) => log.push(`${level}: ${text}`),
  });
  try {
    if (run.layer) await applyLayer(runtime, httpLayer(run.layer));
    for (const [path, url] of Object.entries(run.files)) {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${url}: the server answers ${response.status}`);
      await runtime.fs.mkdir(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true });
      await runtime.fs.writeFile(path, new Uint8Array(await response.arrayBuffer()), { mode: 0o755 });
    }
    for (const [path, target] of Object.entries(run.symlinks)) await runtime.fs.symlink(target, path);
    const results: PageResult[] = [];
    const one = { stdin: run.stdin, cwd: run.cwd, args: run.args };
    for (const { args, stdin, cwd } of run.runs ?? [one]) {
      await runtime.fs.mkdir(cwd, { recursive: true });
      const process = await runtime.spawn(run.program, args, { stdin, env: run.env, cwd });
      if (run.readViewsMs !== undefined) {
        // The program runs on until the machine stops.
        const views = await readViews(runtime, run.readViewsMs);
        return [{ stdout: "", stderr: "", code: null, signal: null, views }];
      }
      const { stdout, stderr, code, signal } = await process.output();
      results.push({ stdout: latin1(stdout), stderr: latin1(stderr), code, signal });
    }
    return results;
  } catch (error) {
    throw new Error(`${error instanceof Error ? (error.stack ?? error.message) : error}\n${log.join("\n")}`);
  } finally {
    await runtime.stop();
  }
};
