import { expect, test } from "vitest";
import { checkRetired } from "./cpu.ts";

const counts = { programs: { sieve: { retired: 1_000_000, sha256: "abc" } } };

test("retired instructions are those that qemu counted, up to start-up", () => {
  expect(checkRetired("sieve", "abc", 1_000_700, counts)).toBe("as qemu counts");
  expect(() => checkRetired("sieve", "abc", 900_000, counts)).toThrow("900000 instructions retired");
  expect(() => checkRetired("sieve", "abc", 1_100_000, counts)).toThrow("qemu counted 1000000");
});

test("a count says nothing of another program, and every program has one", () => {
  expect(checkRetired("sieve", "def", 5, counts)).toContain("not checked");
  expect(() => checkRetired("life", "abc", 5, counts)).toThrow("bench/retired/record");
});
