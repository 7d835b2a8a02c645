import { expect, test } from "vitest";
import { guestPath, jsonLines, values } from "./subject.ts";

test("a guest's figures are its lines of JSON", () => {
  const stdout = 'started\n{"ns":1.5,"count":2}\n{"ns":2.5,"count":2}\n{"bytes":7}\n';
  expect(jsonLines(stdout)).toHaveLength(3);
  expect(values(stdout, "ns")).toEqual([1.5, 2.5]);
  expect(values(stdout, "bytes")).toEqual([7]);
  expect(() => values("nothing\n", "ns")).toThrow('printed no "ns"');
});

test("programs stand in /bin under their own name", () => {
  expect(guestPath("build/guests/bench-fork")).toBe("/bin/bench-fork");
});
