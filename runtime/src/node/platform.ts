/** The Runtime's host in Node: worker threads, files, a timer that keeps the process alive. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { KeepAlive } from "@foreshore/abi";
import { compiled, compileResponse } from "../common/kernel-source.ts";
import type { HostWorker, HostWorkerEvents, KernelSource, Platform } from "../common/platform.ts";
import type { FromWorker } from "../common/worker-protocol.ts";

/** Running from sources (types stripped by Node), not from a built package. */
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const BUILD = "../../../build/";
/** A timer's longest delay; it never matters when it fires. */
const LONG_MS = 2 ** 31 - 1;

/** kernel.wasm as `make kernel` or the package's build leaves it. */
export function defaultKernelUrl(): URL {
  return new URL(FROM_SOURCE ? `${BUILD}kernel.wasm` : "./kernel.wasm", import.meta.url);
}

/**
 * The workers' script. From sources, the bundle that `make build` made is
 * taken when no source is newer: stripping types costs each worker 100 ms.
 */
export function defaultWorkerUrl(): URL {
  if (!FROM_SOURCE) return new URL("./worker.js", import.meta.url);
  const bundle = new URL(`${BUILD}worker.js`, import.meta.url);
  return isFresh(bundle) ? bundle : new URL("../worker/main.ts", import.meta.url);
}

/** Sources of the workers' script, beside its own folder; `platform.test.ts` compares this with the imports. */
export const WORKER_SOURCES = [
  "../worker/",
  "../common/boot.ts",
  "../common/clock.ts",
  "../common/cooperative.ts",
  "../common/hart-slot.ts",
  "../common/kernel-instance.ts",
  "../../../abi/ts/",
  "../../../abi/src/",
  "../../../abi/src/client/",
  "../../../abi/src/files/",
  "../../../abi/src/control/",
  "../../../abi/src/core/",
] as const;

function isFresh(bundle: URL): boolean {
  if (!existsSync(bundle)) return false;
  const made = statSync(bundle).mtimeMs;
  const old = (url: URL): boolean => statSync(url).mtimeMs <= made;
  return WORKER_SOURCES.every((place) => {
    const url = new URL(place, import.meta.url);
    return place.endsWith("/") ? readdirSync(url).every((name) => old(new URL(name, url))) : old(url);
  });
}

function startWorker(url: string | URL | undefined, name: string, events: HostWorkerEvents): HostWorker {
  // execArgv: what the application loads at start (hooks, test runners) is not for the kernel's workers.
  const worker = new Worker(url ?? defaultWorkerUrl(), { name, execArgv: [], stdin: false });
  let failure: Error | undefined;
  worker.on("message", (message: FromWorker) => events.message(message));
  worker.on("error", (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  worker.on("exit", () => events.ended(failure, true));
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    terminate: async () => {
      await worker.terminate();
    },
    unref: () => worker.unref(),
  };
}

async function compileKernel(source: KernelSource | undefined): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source))
    return await compiled(WebAssembly.compile(source), "the given bytes");
  // Looked at last, and only if it may be one: the first mention of Response has Node load its whole fetch, 45 ms.
  if (source !== undefined && typeof source !== "string" && !(source instanceof URL) && source instanceof Response)
    return await compiled(compileResponse(source), source.url);
  const url = toUrl(source ?? defaultKernelUrl());
  if (url.protocol !== "file:") return await compiled(fetch(url).then(compileResponse), url.href);
  const bytes = readFile(url).then((file) => WebAssembly.compile(file));
  return await compiled(bytes, fileURLToPath(url));
}

/** A URL, or a path of the host. */
function toUrl(place: string | URL): URL {
  if (place instanceof URL) return place;
  return URL.canParse(place) ? new URL(place) : new URL(place, `file://${process.cwd()}/`);
}

/** A pending Atomics.waitAsync does not keep Node alive; a referenced timer does. */
function keepAlive(): KeepAlive {
  const timer = setInterval(() => undefined, LONG_MS);
  timer.unref();
  return { ref: () => timer.ref(), unref: () => timer.unref(), close: () => clearInterval(timer) };
}

export const nodePlatform: Platform = {
  cores: availableParallelism(),
  canShareMemory: true,
  startWorker,
  compileKernel,
  keepAlive,
  log: (level, text) => {
    if (level !== "info") process.stderr.write(`foreshore: ${text}\n`);
  },
};
