/** @foreshore/runtime: machines in Node and in browsers. */
import type { Platform } from "./common/platform.ts";
import { Runtime as Machine, type RuntimeOptions } from "./common/runtime.ts";

export * from "./common/index.ts";

/** A running machine. */
export type Runtime = Machine;

async function platform(): Promise<Platform> {
  const node = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined;
  if (node) return (await import("./node/platform.ts")).nodePlatform;
  return (await import("./browser/platform.ts")).browserPlatform;
}

export const Runtime = {
  /** Starts a machine: workers, shared memory, kernel. */
  create: async (options: RuntimeOptions = {}): Promise<Machine> => Machine.start(await platform(), options),
};
