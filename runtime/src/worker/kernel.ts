/** The kernel worker: serves rings and timers of a machine that the Runtime has booted. */
import { BootState, Fixed, MachineHeader, Mem } from "@foreshore/abi";
import { instantiate } from "../common/kernel-instance.ts";
import type { StartKernel } from "../common/worker-protocol.ts";
import { sinkOf, type WorkerPort } from "./port.ts";

/** Serves until the machine stops; blocks this worker between. */
export async function runKernel(start: StartKernel, port: WorkerPort): Promise<void> {
  const kernel = await instantiate(start.module, start.memory, start.baseMs, sinkOf(port));
  const mem = new Mem(start.memory);
  const header = new MachineHeader(mem, Fixed.HeaderAddress);
  const doorbell = header.kernelDoorbellIndex();
  port.post({ type: "ready", single: undefined });
  while (header.bootState !== BootState.Stopping) {
    // Read before the work: whoever rings after this point makes the wait below return at once.
    const seen = Atomics.load(mem.i32, doorbell);
    if (kernel.kernel_service() < 0) throw new Error("kernel_service reports a broken invariant");
    const ms = kernel.kernel_prepare_sleep();
    if (ms === 0) continue;
    Atomics.wait(mem.i32, doorbell, seen, ms < 0 ? Number.POSITIVE_INFINITY : ms);
    header.kernelSleeping = 0;
  }
}
