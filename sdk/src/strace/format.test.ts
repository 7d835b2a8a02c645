/** The formatter beside strace(1) itself: the same C programs, natively under strace and in a machine. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const TIMEOUT_MS = 120_000;

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "foreshore-strace-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const built = new Map<string, string>();

/** A program of testdata, natively or for the machine. */
function program(name: string, native: boolean): string {
  const key = `${name}-${native ? "native" : "guest"}`;
  const file = built.get(key) ?? path.join(folder, key);
  if (!built.has(key)) {
    const source = path.join(import.meta.dirname, "testdata", `${name}.c`);
    const compiler = native ? "gcc" : "riscv64-linux-gnu-gcc";
    execFileSync(compiler, ["-w", "-static", "-pthread", "-o", file, source]);
    built.set(key, file);
  }
  return file;
}

let runs = 0;

/** A folder that a run may write in. */
function fresh(): string {
  const place = path.join(folder, `run-${++runs}`);
  mkdirSync(place);
  return place;
}

function native(name: string, ...args: string[]): string {
  const cwd = fresh();
  const trace = path.join(folder, `${runs}.native`);
  spawnSync("strace", ["-f", "-o", trace, program(name, true), ...args], { cwd });
  return readFileSync(trace, "utf8");
}

function machine(name: string, harts: number, ...args: string[]): { trace: string; stdout: string; stderr: string } {
  const cwd = fresh();
  const trace = path.join(folder, `${runs}.machine`);
  const { stdout, stderr } = spawnSync(
    path.join(ROOT, "bin/foreshore"),
    ["run", "--harts", String(harts), `--strace=${trace}`, program(name, false), ...args],
    { cwd, encoding: "utf8" },
  );
  return { trace: readFileSync(trace, "utf8"), stdout, stderr };
}

const UNFINISHED = " <unfinished ...>";
const RESUMED = /^<\.\.\. (\w+) resumed>/;
/** What strace says of a thread that was ended before it could be asked what it does. */
const UNKNOWN = /^(\?\?\?\(|<\.\.\. \?\?\? resumed>)/;

/** Each thread's lines in order, calls that were shown in two parts as one. */
function threads(trace: string): string[][] {
  const all = new Map<string, string[]>();
  for (const line of trace.trimEnd().split("\n")) {
    const [, tid = "", text = ""] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    expect({ line, tid }).not.toMatchObject({ tid: "" });
    const lines = all.get(tid) ?? [];
    all.set(tid, lines);
    if (UNKNOWN.test(text)) continue;
    if (text.startsWith("+++ ") && lines.at(-1)?.endsWith(UNFINISHED)) {
      // strace may learn that a thread is gone without having seen its call end.
      lines.push(`${lines.pop()!.slice(0, -UNFINISHED.length)}) = ?`);
    }
    const resumed = RESUMED.exec(text);
    const before = lines.at(-1);
    if (resumed === null) {
      expect(before?.endsWith(UNFINISHED) ?? false, `${before} before ${text}`).toBe(false);
      lines.push(text);
    } else {
      expect(before, text).toMatch(new RegExp(`^${resumed[1]}\\(.*${UNFINISHED}$`));
      lines[lines.length - 1] = before!.slice(0, -UNFINISHED.length) + text.slice(resumed[0].length);
    }
  }
  return [...all.values()];
}

/** What differs between the two machines, and says nothing of the trace. */
const DIFFERENT: readonly (readonly [RegExp, string])[] = [
  [/\) += /, ") = "],
  // x86-64's own member of struct sigaction.
  [/, sa_restorer=0x[0-9a-f]+/, ""],
  [/SA_RESTORER\|/, ""],
  [/SA_RESTORER/, "0"],
  [/0x[0-9a-f]+/g, "@"],
  [/^clone\((.*)\) = \d+$/, "clone($1) = PID"],
  [/^(gettid|getpid|getuid|getgid)\(\) = \d+$/, "$1() = PID"],
  [/^((?:t?g?kill)\()\d+(?:, \d+(?=, SIG))?/, "$1PID"],
  [/^(wait4\(|waitid\(P_PID, )\d+(.*) = (-1|0|\d+)/, "$1PID$2 = $3"],
  [/^(wait4\(.*) = [1-9]\d*$/, "$1 = PID"],
  [/\{pid=[1-9]\d*, uid=\d+, gid=\d+\}/g, "{pid=PID, uid=UID, gid=GID}"],
  [/si_pid=\d+, si_uid=\d+/, "si_pid=PID, si_uid=UID"],
  [/si_utime=.*si_stime=\d+( \/\* [\d.]+ s \*\/)?/, "si_utime=N, si_stime=N"],
  [/(ru_[us]time=\{tv_sec=)\d+, tv_usec=\d+/g, "$1N, tv_usec=N"],
  [/nodename="[^"]*"/, "nodename=NAME"],
  [/stx_mask=[^,]*/, "stx_mask=MASK"],
  [/f_fsid=\{.*?\}/, "f_fsid=ID"],
  [/left \{.*\}/, "left TIME"],
  [/(core dumped)/, ""],
  // Only root may, and only one of the two programs is.
  [/^(u?mount2?\(.*\)) = -1 .*$/, "$1 = -1"],
  [/ \(\)/, ""],
];

/** Calls whose numbers are those of the machine. */
const NUMBERS = /^(sysinfo|times|gettimeofday|clock_gettime|timerfd_settime|timerfd_gettime|getrandom)\(/;
const LEFT_OVER = /(nanosleep\(.*, )\{tv_sec=\d+, tv_nsec=\d+\}(\) = \?)/;

function normal(line: string): string {
  const text = DIFFERENT.reduce((shown, [what, by]) => shown.replace(what, by), line);
  if (!NUMBERS.test(text)) return text.replace(LEFT_OVER, "$1TIME$2");
  return text.replace(/"[^"]*"/, "BYTES").replace(/\d+/g, "N");
}

const isMark = (line: string): boolean => line.startsWith("write(-7, ");

/** What a libc does by itself. */
const OWN = /^(brk|rseq|mmap|munmap|mprotect|madvise|arch_prctl|clone3|readlink|clone\(.*CLONE_THREAD)/;

/**
 * The lines of each thread that a program makes on purpose: from the first mark, or where the
 * thread begins, and after an execve those from the next mark on.
 */
function compared(trace: string): string[][] {
  return threads(trace).map((lines, thread) => {
    const kept: string[] = [];
    let on = thread > 0;
    for (const line of lines) {
      if (isMark(line)) on = true;
      if (on && !OWN.test(line)) kept.push(normal(line));
      if (/^execve\(.* = 0$/.test(line.replace(/ += /, " = "))) on = false;
    }
    return kept;
  });
}

describe("the trace of a machine", () => {
  it.each([
    ["calls", 1],
    ["calls", 4],
    ["memory", 1],
    ["memory", 4],
    ["sockets", 1],
    ["sockets", 4],
  ] as const)(
    "has the lines of strace: %s, %i harts",
    (name, harts) => {
      const expected = compared(native(name));
      expect(expected[0]!.filter(isMark).length).toBeGreaterThanOrEqual(2);
      expect(compared(machine(name, harts).trace)).toEqual(expected);
    },
    TIMEOUT_MS,
  );

  it.each([1, 4])(
    "has strace's lines of signals, interrupted calls and threads, %i harts",
    (harts) => {
      // The second thread is ended wherever it waits.
      const lines = (trace: string) => {
        const [first = [], second = []] = compared(trace);
        const last = second.findLastIndex((line) => line.startsWith('write(6, "b"'));
        return [first, second.slice(0, last + 1)];
      };
      const { trace } = machine("signals", harts);
      // The register that rt_sigreturn restores is the argument or the result on RISC-V, the result on x86.
      const registers = (all: string[][]) =>
        all.map((part) => part.map((line) => line.replace(/^(rt_sigreturn\(.*\)) = \d+$/, "$1 = N")));
      expect(registers(lines(trace))).toEqual(registers(lines(native("signals"))));
      expect(trace).toMatch(/ read\(3, {2}<unfinished \.\.\.>$/m);
      expect(trace).toMatch(/ <\.\.\. read resumed>"x", 1\) += 1$/m);
      expect(trace).toMatch(/^\d+ +\+\+\+ exited with 5 \+\+\+$/m);
    },
    TIMEOUT_MS,
  );

  it.each([1, 4])(
    "tells of a stopped process and a sleep that goes on, %i harts",
    (harts) => {
      // The parent looks until the child sleeps: how often is chance.
      expect(compared(machine("signals", harts, "stop").trace)[1]).toEqual(compared(native("signals", "stop"))[1]);
    },
    TIMEOUT_MS,
  );

  it.each([1, 4])(
    "survives arguments that nobody should believe, %i harts",
    (harts) => {
      const { trace, stdout, stderr } = machine("hostile", harts);
      expect(stdout).toBe("still here\n");
      expect(stderr).toMatch(/^foreshore: process \d+: Syscall\(999\)\(.*\) is not supported\n$/);
      const [lines = []] = threads(trace);
      expect(lines.length).toBeGreaterThan(4000);
      expect(lines.filter((line) => !/^(\w+\(.*\) += |\+\+\+ exited with 0)/.test(line))).toEqual([]);
      const shown = lines.map(normal);
      for (const line of [
        "openat(AT_FDCWD, @, O_RDONLY) = -1 EFAULT (Bad address)",
        "write(-1, @, 8) = -1 EBADF (Bad file descriptor)",
        'write(-1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"..., 4294967296) = -1 EBADF (Bad file descriptor)',
        "writev(-1, @, 1) = -1 EBADF (Bad file descriptor)",
        "execve(@, @, @) = -1 EFAULT (Bad address)",
        "bind(-1, @, 2147483647) = -1 EBADF (Bad file descriptor)",
        "setsockopt(-1, SOL_SOCKET, SO_LINGER, @, 8) = -1 EBADF (Bad file descriptor)",
        "getsockname(-1, @, @) = -1 EBADF (Bad file descriptor)",
        "sendmsg(-1, {msg_name=NULL, msg_namelen=0, msg_iov=NULL, msg_iovlen=0, msg_control=[{cmsg_len=0, cmsg_level=SOL_IP, cmsg_type=0 /* IP_??? */}, ... /* @ */], msg_controllen=4096, msg_flags=0}, 0) = -1 EBADF (Bad file descriptor)",
      ]) {
        expect(shown).toContain(line);
      }
      expect(
        shown.filter((line) => /^execve\("\/nowhere", \[("", ){32}\.\.\.\], @ \/\* 511 vars \*\/\)/.test(line)),
      ).toHaveLength(1);
      const messages = "sendmmsg(-1, [{msg_hdr={msg_name=@, msg_namelen=-1, msg_iov=@, ";
      expect(shown.filter((line) => line.startsWith(messages))).toHaveLength(3);
      // More control messages than come along.
      expect(
        shown.filter((line) => /^sendmsg\(.*msg_control=\[(\{cmsg_len=16, [^}]*\}, ){64}\.\.\.\], /.test(line)),
      ).toHaveLength(1);
    },
    TIMEOUT_MS,
  );
});
