import { describe, expect, test } from "vitest";
import { Fixed, Mem, OwnerSlot, readStatus, ThreadStatus, ThreadStop } from "./index.ts";

const OWNER = 64;
const RING = 4096;

/** A memory with a ring into which `count` records were written. */
function ring(count: number, start = 0): { owner: OwnerSlot; record(n: number): ThreadStatus } {
  const mem = new Mem(new SharedArrayBuffer(3 * 4096));
  const owner = new OwnerSlot(mem, OWNER);
  owner.statusBase = RING;
  const record = (n: number): ThreadStatus =>
    new ThreadStatus(mem, RING + (n % Fixed.StatusEntries) * ThreadStatus.SIZE);
  for (let n = start; n < start + count; n++) {
    const view = record(n);
    view.stop = ThreadStop.Blocked;
    view.tid = n >>> 0;
    view.sequence = (n + 1) >>> 0;
  }
  owner.statusTail = (start + count) >>> 0;
  return { owner, record };
}

const tids = (result: ReturnType<typeof readStatus>): number[] => result.records.map(({ tid }) => tid);

describe("a status ring", () => {
  test("is read from where its reader was", () => {
    const { owner } = ring(5);
    expect(tids(readStatus(owner, 0))).toEqual([0, 1, 2, 3, 4]);
    expect(tids(readStatus(owner, 3))).toEqual([3, 4]);
    expect(readStatus(owner, 5)).toEqual({ records: [], next: 5, lost: 0 });
  });

  test("a reader that fell behind is told how many records are gone", () => {
    const { owner } = ring(Fixed.StatusEntries + 10);
    const result = readStatus(owner, 4);
    expect(result).toMatchObject({ next: Fixed.StatusEntries + 10, lost: 6 });
    expect(tids(result)).toHaveLength(Fixed.StatusEntries);
  });

  test("a record that is being written ends the list, one that was overwritten is lost", () => {
    const { owner, record } = ring(4);
    record(2).sequence = ~3 >>> 0;
    expect(readStatus(owner, 0)).toMatchObject({ next: 2, lost: 0 });
    record(2).sequence = 3 + Fixed.StatusEntries;
    expect(readStatus(owner, 0)).toMatchObject({ next: 4, lost: 1 });
    expect(tids(readStatus(owner, 0))).toEqual([0, 1, 3]);
  });

  test("counts on past 2^32", () => {
    const start = 2 ** 32 - 2;
    const { owner } = ring(4, start);
    expect(tids(readStatus(owner, start))).toEqual([start, start + 1, 0, 1]);
    expect(readStatus(owner, start).next).toBe(2);
  });
});
