/** The one difference between a Node worker thread and a browser's Worker. */
import type { KernelSink } from "../common/kernel-instance.ts";
import type { FromWorker, ToWorker } from "../common/worker-protocol.ts";

export interface WorkerPort {
  post(message: FromWorker, transfer?: ArrayBuffer[]): void;
  onMessage(handler: (message: ToWorker) => void): void;
  /** The worker has nothing left to do. */
  close(): void;
}

interface ThreadPort {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  on(event: "message", handler: (message: ToWorker) => void): void;
  close(): void;
}

interface ProcessLike {
  getBuiltinModule?(name: string): { parentPort: ThreadPort | null } | undefined;
}

interface WorkerScope {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { data: ToWorker }) => void) | null;
  close(): void;
}

export function openPort(): WorkerPort {
  // process.getBuiltinModule (Node 22.3) keeps bundlers for browsers from seeing an import.
  const threads = (globalThis as { process?: ProcessLike }).process?.getBuiltinModule?.("node:worker_threads");
  const parent = threads?.parentPort;
  if (parent) {
    return {
      post: (message, transfer = []) => parent.postMessage(message, transfer),
      onMessage: (handler) => parent.on("message", handler),
      close: () => parent.close(),
    };
  }
  const scope = globalThis as unknown as WorkerScope;
  return {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    onMessage: (handler) => {
      scope.onmessage = (event) => handler(event.data);
    },
    close: () => scope.close(),
  };
}

/** The kernel's log, trace and kicks as messages. */
export function sinkOf(port: WorkerPort): KernelSink {
  return {
    log: (level, text) => port.post({ type: "log", level, text }),
    trace: (record) => port.post({ type: "trace", record }, [record.buffer]),
    kick: (client) => port.post({ type: "kick", client }),
  };
}
