/** A thread worker: the host's loop around hart_run. */
import { HartExit, Mem } from "@foreshore/abi";
import { openClock } from "../common/clock.ts";
import { hartSlot, untilWakeMs } from "../common/hart-slot.ts";
import { instantiate } from "../common/kernel-instance.ts";
import type { StartHart } from "../common/worker-protocol.ts";
import { sinkOf, type WorkerPort } from "./port.ts";

export async function runHart(start: StartHart, port: WorkerPort, released: Promise<void>): Promise<void> {
  const kernel = await instantiate(start.module, start.memory, start.baseMs, sinkOf(port));
  if (start.hold) {
    port.post({ type: "prepared" });
    await released;
  }
  const mem = new Mem(start.memory);
  const slot = hartSlot(mem, start.hart);
  kernel.__stack_pointer.value = slot.stackTop;
  const now = openClock(start.baseMs);
  const doorbell = slot.doorbellIndex();
  for (;;) {
    const exit = kernel.hart_run(start.hart, start.budgetInsns);
    switch (exit) {
      case HartExit.Budget:
        break;
      case HartExit.Idle:
        // The doorbell value that the hart saw while it still held the lock: a ring since then is not slept through.
        Atomics.wait(mem.i32, doorbell, slot.doorbellSeen | 0, untilWakeMs(slot, now()));
        break;
      case HartExit.Stop:
        return;
      default:
        throw new Error(`hart ${start.hart} stopped with exit ${exit}: an invariant of the kernel is broken`);
    }
  }
}
