/** What a machine's memory says of its end, and who is woken to read it. */
import { type BootState, ClientSlot, clientAddress, HartSlot, type MachineHeader, SlotKind } from "@foreshore/abi";

/** For clients in other workers, which only see the memory: the state, and a wake-up to look at it. */
export function publishEnd(header: MachineHeader, state: typeof BootState.Failed | typeof BootState.Stopping): void {
  header.bootState = state;
  const { $mem: mem } = header;
  for (let i = 1; i < header.clientCount; i++) {
    const slot = new ClientSlot(mem, clientAddress(header, i));
    Atomics.notify(mem.i32, slot.completionTailIndex());
    Atomics.notify(mem.i32, slot.stateIndex());
  }
}

/** Wakes every worker that may sleep, to see that the machine stops, and makes guests leave their slice. */
export function askToStop(header: MachineHeader): void {
  const { $mem: mem } = header;
  const harts = header.tables(SlotKind.Hart);
  for (let i = 0; i < header.hartCount; i++) {
    const hart = new HartSlot(mem, harts.base + i * harts.stride);
    hart.poll = 1;
    Atomics.add(mem.i32, hart.doorbellIndex(), 1);
    Atomics.notify(mem.i32, hart.doorbellIndex());
  }
  Atomics.add(mem.i32, header.kernelDoorbellIndex(), 1);
  Atomics.notify(mem.i32, header.kernelDoorbellIndex());
}
