import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArenaAllocator } from "./arena.ts";

const GRANULE = 64;
const up = (bytes: number): number => Math.max(1, Math.ceil(bytes / GRANULE)) * GRANULE;

describe("ArenaAllocator", () => {
  test("hands out multiples of 64 until it is full, and all of it again after free", () => {
    const arena = new ArenaAllocator(1024);
    const offsets = Array.from({ length: 16 }, () => arena.allocate(1));
    expect([...offsets].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i * GRANULE));
    expect(arena.allocate(1)).toBe(-1);
    expect(arena.used).toBe(1024);
    for (const offset of offsets) arena.free(offset);
    expect(arena.used).toBe(0);
    expect(arena.allocate(1024)).toBe(0);
  });

  test("a size that is no multiple of 64 loses its rest", () => {
    expect(new ArenaAllocator(1000).capacity).toBe(960);
    expect(new ArenaAllocator(63).allocate(1)).toBe(-1);
  });

  test("refuses to free what is not allocated", () => {
    const arena = new ArenaAllocator(4096);
    const a = arena.allocate(256);
    const b = arena.allocate(256);
    arena.free(a);
    expect(() => arena.free(a)).toThrow(RangeError);
    expect(() => arena.free(b + GRANULE)).toThrow(RangeError);
    expect(() => arena.free(b + 1)).toThrow(RangeError);
    expect(() => arena.free(4096)).toThrow(RangeError);
    expect(() => arena.free(-64)).toThrow(RangeError);
    arena.free(b);
    expect(() => arena.free(b)).toThrow(RangeError);
  });

  test("property: blocks never overlap, frees merge, and a fit is found whenever the largest hole has room", () => {
    const step = fc.oneof(
      fc.record({ take: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 20_000 })) }),
      fc.record({ give: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 64, max: 65_536 }), fc.array(step, { maxLength: 200 }), (size, steps) => {
        const arena = new ArenaAllocator(size);
        const live = new Map<number, number>();
        for (const action of steps) {
          if ("take" in action) {
            const offset = arena.allocate(action.take);
            const hole = largestHole(live, arena.capacity);
            // A segregated fit searches its first list and every larger one: it finds any hole that is large enough.
            if (offset < 0) expect(hole).toBeLessThan(up(action.take));
            else {
              expect(offset % GRANULE).toBe(0);
              expect(offset + up(action.take)).toBeLessThanOrEqual(arena.capacity);
              for (const [start, length] of live) {
                expect(offset + up(action.take) <= start || start + length <= offset).toBe(true);
              }
              live.set(offset, up(action.take));
            }
          } else if (live.size > 0) {
            const offset = [...live.keys()][action.give % live.size]!;
            arena.free(offset);
            live.delete(offset);
          }
          expect(arena.used).toBe([...live.values()].reduce((sum, length) => sum + length, 0));
        }
        for (const offset of live.keys()) arena.free(offset);
        if (arena.capacity > 0) expect(arena.allocate(arena.capacity)).toBe(0);
      }),
      { seed: 20261122, numRuns: 300 },
    );
  });
});

/** Largest run of free bytes between the live blocks. */
function largestHole(live: ReadonlyMap<number, number>, capacity: number): number {
  let end = 0;
  let hole = 0;
  for (const [start, length] of [...live].sort(([a], [b]) => a - b)) {
    hole = Math.max(hole, start - end);
    end = start + length;
  }
  return Math.max(hole, capacity - end);
}
