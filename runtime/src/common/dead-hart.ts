/** What becomes of a machine when the worker of one of its harts is gone. */
import {
  AddressSpaceSlot,
  BootState,
  Fixed,
  type HartSlot,
  HartState,
  type MachineHeader,
  SlotKind,
} from "@foreshore/abi";
import { hartSlot } from "./hart-slot.ts";

const STATE_MASK = 2 ** Fixed.HartStateShift - 1;

/**
 * Publishes that a hart's worker has ended, so that nobody waits for it and the kernel worker ends the process that it ran.
 *
 * @param gone the host vouches that the worker executes nothing any more. Otherwise the memory that it could write to
 *   is kept out of use, and no other worker may take the hart over.
 * @returns why this is the end of the machine; undefined when only a process dies
 */
export function markHartDead(header: MachineHeader, hart: number, gone: boolean): string | undefined {
  const { $mem: mem } = header;
  if (header.bootState === BootState.Failed) return "an invariant of the kernel is broken";
  if ((header.lock & Fixed.LockHolderMask) === hart + 1) return "it held the machine lock";
  const slot = hartSlot(mem, hart);
  // A worker that takes a hart over makes it something else first.
  if (slot.state === HartState.Dead) return "the worker that was to replace another one has never run";
  if (!gone) quarantine(header, slot);
  slot.state = HartState.Dead;
  // A shootdown may be waiting for this hart.
  Atomics.notify(mem.i32, slot.pollIndex());
  Atomics.add(mem.i32, header.kernelDoorbellIndex(), 1);
  Atomics.notify(mem.i32, header.kernelDoorbellIndex());
  return undefined;
}

/** Keeps the frames of the address space that the hart was last seen in from ever being used again. */
function quarantine(header: MachineHeader, slot: HartSlot): void {
  const state = slot.state;
  if ((state & STATE_MASK) !== HartState.InGuest) return;
  const table = header.tables(SlotKind.AddressSpace);
  const space = new AddressSpaceSlot(header.$mem, table.base + (state >>> Fixed.HartStateShift) * table.stride);
  space.live.quarantine = 1;
}
