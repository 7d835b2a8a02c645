/** A hart's slot as the host's loops use it. */
import { Fixed, HartSlot, MachineHeader, type Mem, SlotKind } from "@foreshore/abi";

export function hartSlot(mem: Mem, hart: number): HartSlot {
  const table = new MachineHeader(mem, Fixed.HeaderAddress).tables(SlotKind.Hart);
  return new HartSlot(mem, table.base + hart * table.stride);
}

const NS_PER_MS = 1e6;
const TWO_32 = 2 ** 32;
/** wakeAtNs values above this mean "no timer" (it is ~0). */
const NEVER_NS = 2 ** 62;

/** Milliseconds until the hart's timer, at least 0. */
export function untilWakeMs(slot: HartSlot, nowNs: number): number {
  const wakeAtNs = slot.wakeAtNsHi * TWO_32 + slot.wakeAtNsLo;
  return wakeAtNs > NEVER_NS ? Number.POSITIVE_INFINITY : Math.max(0, (wakeAtNs - nowNs) / NS_PER_MS);
}
