/** The formatter beside strace(1) itself: the same C program, natively under strace and in a machine. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatCall, parseTrace, traceFormatter } from "./format.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const SOURCE = path.join(import.meta.dirname, "testdata/calls.c");
const TIMEOUT_MS = 120_000;

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "foreshore-strace-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Lines between the program's two marks, addresses as `@`. */
function between(trace: string): string[] {
  const lines = trace.split("\n").map((line) =>
    line
      .replace(/^\d+ +/, "")
      .replace(/ += /, " = ")
      // Memory that strace could read: here pointers are addresses.
      .replace(/"[^"]*"(\.\.\.)?/g, "@")
      .replace(/0x[0-9a-f]+/g, "@"),
  );
  const marks = lines.flatMap((line, at) => (line.startsWith("write(-7, ") ? [at] : []));
  expect(marks).toHaveLength(2);
  return lines.slice(marks[0]! + 1, marks[1]);
}

describe("the trace of a machine", () => {
  it.each([1, 4])(
    "has the lines of strace, with %i harts",
    (harts) => {
      const native = path.join(folder, "native");
      const guest = path.join(folder, "guest");
      execFileSync("gcc", ["-w", "-static", "-o", native, SOURCE]);
      execFileSync("riscv64-linux-gnu-gcc", ["-w", "-static", "-o", guest, SOURCE]);
      const expected = path.join(folder, "strace");
      const real = spawnSync("strace", ["-f", "-o", expected, native], { cwd: folder });
      expect(real.status).toBe(0);
      const actual = path.join(folder, `trace-${harts}`);
      const ours = spawnSync(
        path.join(ROOT, "bin/foreshore"),
        ["run", "--harts", String(harts), `--strace=${actual}`, guest],
        { cwd: folder, encoding: "utf8" },
      );
      expect({ status: ours.status, stderr: ours.stderr }).toEqual({ status: 0, stderr: "" });
      expect(between(readFileSync(actual, "utf8"))).toEqual(between(readFileSync(expected, "utf8")));
    },
    TIMEOUT_MS,
  );
});

describe("formatting", () => {
  const format = (line: string) => formatCall(parseTrace(line)!);

  it.each([
    [
      "[3] clone(0x1200011, 0x0, 0x0, 0x0, 0x7f10) = 4",
      "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f10) = 4",
    ],
    ["[3] brk(0x0) = 0x12000", "brk(NULL) = 0x12000"],
    ["[3] syscall_999(0x1, 0x2) = -1 ENOSYS", "syscall_999(0x1, 0x2) = -1 ENOSYS (Function not implemented)"],
    ["[3] getpid() = 3", "getpid() = 3"],
    ["[3] close(0xffffffffffffffff) = -1 EBADF", "close(-1) = -1 EBADF (Bad file descriptor)"],
  ])("%s", (line, expected) => {
    expect(format(line)).toBe(expected);
  });

  it("names threads once there are several, and leaves alone what is no call", () => {
    const show = traceFormatter();
    expect(show("[1] getpid() = 1\n")).toBe("getpid() = 1\n");
    expect(show("[2] getpid() = 2\n")).toBe("[pid 2] getpid() = 2\n");
    expect(show("[1] +++ exited with 0 +++\n")).toBe("[pid 1] +++ exited with 0 +++\n");
    expect(show("anything")).toBe("anything\n");
    expect(parseTrace("[1] write(rubbish) = 1")).toBeUndefined();
    expect(traceFormatter({ prefixAll: true })("[1] getpid() = 1\n")).toBe("1 getpid() = 1\n");
  });
});
