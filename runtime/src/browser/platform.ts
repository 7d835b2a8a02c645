/** The Runtime's host in a browser: Workers, fetch. */
import { compiled, compileResponse } from "../common/kernel-source.ts";
import type { HostWorker, HostWorkerEvents, KernelSource, Platform } from "../common/platform.ts";
import type { FromWorker } from "../common/worker-protocol.ts";

/** kernel.wasm from a checkout; a published package has it beside its modules. */
const CHECKOUT_KERNEL = "../../../build/kernel.wasm";

/** kernel.wasm as `make kernel` or the package's build leaves it. */
export function defaultKernelUrl(): URL {
  const fromSource = import.meta.url.includes("/src/browser/");
  return fromSource ? new URL(CHECKOUT_KERNEL, import.meta.url) : new URL("./kernel.wasm", import.meta.url);
}

function startWorker(url: string | URL | undefined, name: string, events: HostWorkerEvents): HostWorker {
  // Bundlers look for this very expression.
  const worker =
    url === undefined
      ? new Worker(new URL("../worker/main.ts", import.meta.url), { type: "module", name })
      : new Worker(url, { type: "module", name });
  worker.onmessage = (event: MessageEvent<FromWorker>) => {
    events.message(event.data);
    // A worker that closes itself fires no event; "stopped" is its last message.
    if (event.data.type === "stopped") events.ended(undefined, true);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    // There is no event for the end of a terminated worker.
    worker.terminate();
    events.ended(new Error(event.message || "the worker's script could not be loaded"), false);
  };
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    terminate: async () => worker.terminate(),
    unref: () => undefined,
  };
}

async function compileKernel(source: KernelSource | undefined): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof Response) return await compiled(compileResponse(source), source.url);
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source))
    return await compiled(WebAssembly.compile(source), "the given bytes");
  const url = new URL(source ?? defaultKernelUrl(), globalThis.location.href);
  return await compiled(fetch(url).then(compileResponse), url.href);
}

export const browserPlatform: Platform = {
  cores: navigator.hardwareConcurrency,
  canShareMemory: globalThis.crossOriginIsolated,
  startWorker,
  compileKernel,
  // A page lives as long as it is open.
  keepAlive: () => ({ ref: () => undefined, unref: () => undefined, close: () => undefined }),
  log: (level, text) => {
    if (level === "error") console.error(`foreshore: ${text}`);
    else if (level === "warn") console.warn(`foreshore: ${text}`);
  },
};
