import { expect, test } from "vitest";
import { enumName, flagNames } from "./names.ts";

test("an enum's first name counts, an unknown number shows itself", () => {
  const Errno = { EAGAIN: 11, EWOULDBLOCK: 11, ENOENT: 2 } as const;
  expect(enumName("Errno", Errno, 11)).toBe("EAGAIN");
  expect(enumName("Errno", Errno, 4711)).toBe("Errno(4711)");
});

test("flags are joined, what is unknown follows in hexadecimal", () => {
  const Flags = { Read: 1, Write: 2, Top: 0x80000000 } as const;
  expect(flagNames(Flags, 3)).toBe("Read|Write");
  expect(flagNames(Flags, 0x80000000)).toBe("Top");
  expect(flagNames(Flags, 0x12)).toBe("Write|0x10");
  expect(flagNames(Flags, 0)).toBe("0x0");
});
