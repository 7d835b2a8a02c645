/** The kernel worker: serves rings and timers of a machine that the Runtime has booted. */
import { BootState, Fixed, MachineHeader, Mem } from "@foreshore/abi";
import { instantiate } from "../common/kernel-instance.ts";
import type { StartKernel } from "../common/worker-protocol.ts";
import { sinkOf, type WorkerPort } from "./port.ts";

/**
 * How long the worker looks for the next request before it sleeps. A sleep and its wake-up cost 5 to 15 µs of the caller's
 * time; a caller that asks one thing after the other needs about as long between two.
 */
const SPIN_MS = 0.04;
/** A sleep as short as this makes looking worth while. */
const SOON_MS = 0.1;
const pause = (Atomics as { pause?: (iterations?: number) => void }).pause ?? ((): void => undefined);

/** Serves until the machine stops; blocks this worker between. */
export async function runKernel(start: StartKernel, port: WorkerPort, released: Promise<void>): Promise<void> {
  const kernel = await instantiate(start.module, start.memory, start.baseMs, sinkOf(port));
  if (start.hold) {
    port.post({ type: "prepared" });
    await released;
  }
  const mem = new Mem(start.memory);
  const header = new MachineHeader(mem, Fixed.HeaderAddress);
  const doorbell = header.kernelDoorbellIndex();
  // Whether the last doorbell came soon after the one before: only then the worker spins for the next, so that an idle machine costs nothing.
  let spin = false;
  port.post({ type: "ready", single: undefined });
  while (header.bootState !== BootState.Stopping) {
    // Read before the work: a doorbell after this point makes the wait below return at once.
    const seen = Atomics.load(mem.i32, doorbell);
    if (kernel.kernel_service() < 0) throw new Error("kernel_service reports a broken invariant");
    const since = performance.now();
    if (spin) {
      while (Atomics.load(mem.i32, doorbell) === seen && performance.now() - since < SPIN_MS) pause();
      if (Atomics.load(mem.i32, doorbell) !== seen) continue;
      spin = false;
    }
    const ms = kernel.kernel_prepare_sleep();
    if (ms === 0) continue;
    const why = Atomics.wait(mem.i32, doorbell, seen, ms < 0 ? Number.POSITIVE_INFINITY : ms);
    spin = why !== "timed-out" && performance.now() - since < SOON_MS;
    header.kernelSleeping = 0;
  }
}
