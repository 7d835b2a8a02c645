import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LogLimit } from "./log-limit.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("lines of one kind are told a few times in an interval, then counted; other kinds are their own", () => {
  const lines: string[] = [];
  const limit = new LogLimit((level, text) => lines.push(`${level} ${text}`));
  for (let i = 0; i < 500; i++) limit.say("disk: bytes cannot be read", "error", `disk: at ${i}`);
  limit.say("net: bytes cannot be read", "warn", "net: at 0");
  expect(lines).toEqual([...Array.from({ length: 10 }, (_, i) => `error disk: at ${i}`), "warn net: at 0"]);
  vi.advanceTimersByTime(5000);
  expect(lines.slice(11)).toEqual(["error disk: bytes cannot be read (and 490 more)"]);
  limit.say("disk: bytes cannot be read", "error", "disk: again");
  expect(lines.at(-1)).toBe("error disk: again");
  for (let i = 0; i < 20; i++) limit.say("disk: bytes cannot be read", "error", "disk: again");
  limit.close();
  vi.advanceTimersByTime(10_000);
  expect(lines).toHaveLength(22);
});
