/** Status rings: what each stop of a thread left, read in place. */
import type { OwnerSlot } from "../ts/machine.ts";
import { ThreadStatus, type ThreadStatusData } from "../ts/process.ts";
import { Fixed } from "../ts/version.ts";

export interface StatusRecords {
  readonly records: readonly ThreadStatusData[];
  /** Where to go on: the number of the next record. */
  readonly next: number;
  /** Records that the kernel has overwritten before they were read. */
  readonly lost: number;
}

/**
 * The records of an owner's ring from number `from` on (0: from the first that is still there). Never
 * waits: a record that the kernel is writing ends the list, one that it has overwritten counts as lost.
 */
export function readStatus(owner: OwnerSlot, from: number): StatusRecords {
  const tail = owner.statusTail;
  const there = Math.min((tail - from) >>> 0, Fixed.StatusEntries);
  let next = (tail - there) >>> 0;
  let lost = (next - from) >>> 0;
  const records: ThreadStatusData[] = [];
  const view = new ThreadStatus(owner.$mem);
  while (next !== tail) {
    view.at(owner.statusBase + (next % Fixed.StatusEntries) * ThreadStatus.SIZE);
    const number = (next + 1) >>> 0;
    const before = view.sequence;
    if (before === ~number >>> 0) break;
    const record = view.toData();
    // A read-modify-write: no load of the record may come after it.
    const after = Atomics.or(owner.$mem.u32, view.sequenceIndex(), 0);
    next = number;
    if (before === number && after === number) records.push(record);
    else lost++;
  }
  return { records, next, lost };
}
