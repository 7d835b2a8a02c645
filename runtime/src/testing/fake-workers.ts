/** Workers that do only what a test has them do. */
import type { HostWorkerEvents, Platform } from "../common/platform.ts";
import type { ToWorker } from "../common/worker-protocol.ts";

export interface FakeWorker {
  /** "kernel", "hart 0"… */
  readonly name: string;
  readonly events: HostWorkerEvents;
  /** The messages that it got. */
  readonly posted: ToWorker[];
  terminated: boolean;
  unref: boolean;
}

export interface FakeWorkers {
  /** In the order of their starts. */
  readonly workers: FakeWorker[];
  readonly startWorker: Platform["startWorker"];
}

/** A worker that is terminated says so in the end, as those of Node do. */
export function fakeWorkers(): FakeWorkers {
  const workers: FakeWorker[] = [];
  return {
    workers,
    startWorker(_url, name, events) {
      const worker: FakeWorker = {
        name: name.replace("foreshore ", ""),
        events,
        posted: [],
        terminated: false,
        unref: false,
      };
      workers.push(worker);
      return {
        post: (message) => void worker.posted.push(message),
        terminate: async () => {
          worker.terminated = true;
          events.ended(undefined, true);
        },
        unref: () => {
          worker.unref = true;
        },
      };
    },
  };
}
