import { describe, expect, test } from "vitest";
import { copyBytes, element, fixedElement, Mem } from "./mem.ts";

function shared(pages: number, maximum: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum, shared: true });
}

describe("Mem", () => {
  test("sees a shared memory that grew", () => {
    const memory = shared(1, 3);
    const mem = new Mem(memory);
    expect(() => mem.check(65536, 64, 8)).toThrow(RangeError);
    memory.grow(1);
    mem.check(65536, 64, 8);
    expect(mem.u8.length).toBe(131072);
  });

  test("sees a private memory whose buffer was detached by growing", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
    const mem = new Mem(memory);
    mem.u32[4] = 7;
    memory.grow(1);
    expect(mem.u8.length).toBe(0);
    mem.check(16, 4, 4);
    expect(mem.u32[4]).toBe(7);
  });

  test.each([-8, 4, 0.5, Number.NaN, 2 ** 32, 65536 - 8, 65536])("refuses address %d", (addr) => {
    expect(() => new Mem(shared(1, 1)).check(addr, 16, 8)).toThrow(RangeError);
  });

  test.each([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52 + 12345, Number.MAX_SAFE_INTEGER])(
    "keeps %d in a u64",
    (value) => {
      const mem = new Mem(shared(1, 1));
      mem.setU53(16, value);
      expect(mem.u64[2]).toBe(BigInt(value));
      expect(mem.u53(16)).toBe(value);
      expect(mem.atomicU53(16)).toBe(value);
    },
  );

  test.each([0, -1, -(2 ** 31), -(2 ** 32), -(2 ** 32) - 1, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])(
    "keeps %d in an i64",
    (value) => {
      const mem = new Mem(shared(1, 1));
      mem.setI53(16, value);
      expect(mem.i64[2]).toBe(BigInt(value));
      expect(mem.i53(16)).toBe(value);
      expect(mem.atomicI53(16)).toBe(value);
    },
  );

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d as a u64", (value) => {
    expect(() => new Mem(shared(1, 1)).setU53(16, value)).toThrow(RangeError);
  });

  test("reads text up to its NUL, or all of it", () => {
    const mem = new Mem(new SharedArrayBuffer(64));
    mem.u8.set(new TextEncoder().encode("busybox"), 8);
    expect(mem.cString(8, 16)).toBe("busybox");
    expect(mem.cString(8, 4)).toBe("busy");
  });
});

describe("fixed arrays", () => {
  test("an index is an element or an error", () => {
    expect(element(3, 4)).toBe(3);
    for (const index of [4, -1, 1.5, Number.NaN]) expect(() => element(index, 4)).toThrow(RangeError);
  });

  test("bytes that are too short are filled with zeros, longer ones refused", () => {
    const to = new Uint8Array([9, 9, 9]);
    copyBytes(to, new Uint8Array([1]));
    expect([...to]).toEqual([1, 0, 0]);
    expect(() => copyBytes(to, new Uint8Array(4))).toThrow(RangeError);
  });

  test("values must be as many as the array has", () => {
    expect(fixedElement([5, 6], 1, 2)).toBe(6);
    expect(() => fixedElement([5], 0, 2)).toThrow(RangeError);
  });
});
