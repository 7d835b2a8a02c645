/** The formatter with records made by hand, in and out of order, and at random. */

import {
  Errno,
  Mem,
  Signal,
  SYSCALLS,
  Syscall,
  TracePhase,
  TracePiece,
  TraceRecord,
  type TraceRecordData,
} from "@foreshore/abi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { showOf } from "./arguments.ts";
import { TraceFormatter } from "./format.ts";
import { Order } from "./order.ts";
import { quoted } from "./quote.ts";
import { decodeTrace } from "./record.ts";

interface Made {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly count?: number;
}

const BASE: TraceRecordData = {
  phase: TracePhase.Entry,
  pieces: 0,
  sequence: 0n,
  tid: 7,
  pid: 7,
  number: 0,
  errno: 0,
  result: 0n,
  args: [0n, 0n, 0n, 0n, 0n, 0n],
};

const align = (n: number): number => Math.ceil(n / 8) * 8;

/** The bytes of a record. */
function record(data: Partial<TraceRecordData>, pieces: readonly Made[] = []): Uint8Array {
  const size = pieces.reduce((sum, { bytes }) => sum + TracePiece.SIZE + align(bytes.length), TraceRecord.SIZE);
  const mem = new Mem(new ArrayBuffer(size));
  const args = [...(data.args ?? []), ...BASE.args].slice(0, 6);
  new TraceRecord(mem, 0).setData({ ...BASE, ...data, args, pieces: pieces.length });
  let at = TraceRecord.SIZE;
  for (const { address, bytes, count = 0 } of pieces) {
    new TracePiece(mem, at).setData({ address, bytes: bytes.length, count });
    mem.u8.set(bytes, at + TracePiece.SIZE);
    at += TracePiece.SIZE + align(bytes.length);
  }
  return mem.u8 as Uint8Array;
}

const text = (string: string): Uint8Array => new TextEncoder().encode(`${string}\0`);

/** Numbers records as the kernel does. */
function numbered(): (data: Partial<TraceRecordData>, pieces?: readonly Made[]) => Uint8Array {
  let sequence = 0n;
  return (data, pieces) => record({ ...data, sequence: ++sequence }, pieces);
}

const { Entry, Exit, Ended, Signal: Signalled, Stopped } = TracePhase;

/** Two threads: one reads, the other writes meanwhile. */
function conversation(): Uint8Array[] {
  const next = numbered();
  const read = { tid: 1, number: Syscall.SYS_read, args: [3n, 0x1000n, 8n] };
  const write = { tid: 2, number: Syscall.SYS_write, args: [4n, 0x2000n, 2n] };
  const open = { tid: 2, number: Syscall.SYS_openat, args: [-100n, 0x3000n, 0n] };
  const exit = { tid: 2, number: Syscall.SYS_exit_group };
  return [
    next({ ...read, phase: Entry }),
    next({ ...write, phase: Entry }, [{ address: 0x2000n, bytes: text("x") }]),
    next({ ...write, phase: Exit, result: 2n }),
    next({ ...read, phase: Exit, result: 2n }, [{ address: 0x1000n, bytes: text("x") }]),
    next({ ...open, phase: Entry }, [{ address: 0x3000n, bytes: text("/a/b") }]),
    next({ ...open, phase: Exit, errno: Errno.ENOENT }),
    next({ ...exit, phase: Entry, args: [3n] }),
    next({ tid: 2, phase: Ended, args: [0x300n] }),
  ];
}

const CONVERSATION = [
  "1     read(3,  <unfinished ...>",
  '2     write(4, "x\\0", 2)          = 2',
  '1     <... read resumed>"x\\0", 8) = 2',
  '2     openat(AT_FDCWD, "/a/b", O_RDONLY) = -1 ENOENT (No such file or directory)',
  "2     exit_group(3)                     = ?",
  "2     +++ exited with 3 +++",
  "",
].join("\n");

function format(records: readonly Uint8Array[]): string {
  const formatter = new TraceFormatter({ prefixAll: true });
  return records.map((bytes) => formatter.push(bytes)).join("") + formatter.end();
}

const squeezed = (shown: string): string => shown.replace(/ += /g, " = ");

describe("the formatter", () => {
  it("shows calls of threads as they interleave, whatever the order of the messages", () => {
    expect(squeezed(format(conversation()))).toBe(squeezed(CONVERSATION));
    fc.assert(
      fc.property(fc.shuffledSubarray(conversation(), { minLength: 8 }), (records) => {
        expect(squeezed(format(records))).toBe(squeezed(CONVERSATION));
      }),
    );
  });

  it("shows the beginning of a call that lasts when nothing comes", () => {
    const formatter = new TraceFormatter();
    const [read, , , exit] = conversation();
    expect(formatter.push(read!)).toBe("");
    expect(formatter.idle()).toBe("read(3, ");
    expect(formatter.idle()).toBe("");
    // Record 4 waits for 2 and 3, which never come.
    expect(formatter.push(exit!)).toBe("");
    expect(formatter.idle()).toMatch(/^"x\\0", 8\) += 2\n$/);
    expect(formatter.end()).toBe("");
  });

  it("shows what ends a thread, signals behind the call that they reach, and sleeps that go on", () => {
    const next = numbered();
    const sleep = { number: Syscall.SYS_nanosleep, args: [0x10n, 0n] };
    const child = [1n, 0n, 9n, 2n, 3n, 250n];
    const shown = format([
      next({ phase: Entry, number: Syscall.SYS_wait4, args: [9n, 0x20n] }),
      next({ phase: Signalled, number: Signal.SIGCHLD, args: child }),
      next({ phase: Exit, number: Syscall.SYS_wait4, args: [9n, 0x20n], result: 9n }, [
        { address: 0x20n, bytes: Uint8Array.of(0, 2, 0, 0) },
      ]),
      next({ ...sleep, phase: Entry }),
      next({ ...sleep, phase: Exit, errno: Errno.ERESTARTBLOCK }),
      next({ phase: Stopped, args: [BigInt(Signal.SIGTSTP)] }),
      next({ ...sleep, phase: Entry, errno: Errno.ERESTARTBLOCK }),
      next({ ...sleep, phase: Exit, errno: Errno.EINTR }),
      next({ phase: Entry, number: Syscall.SYS_pipe2, args: [0x30n, 0n] }),
      next({ phase: Ended, args: [BigInt(Signal.SIGKILL)] }),
    ]);
    expect(squeezed(shown).split("\n")).toEqual([
      "7     wait4(9, [{WIFEXITED(s) && WEXITSTATUS(s) == 2}], 0, NULL) = 9",
      "7     --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=9, si_uid=0, si_status=2, si_utime=3 /* 0.03 s */, si_stime=250 /* 2.50 s */} ---",
      "7     nanosleep(0x10, NULL) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
      "7     --- stopped by SIGTSTP ---",
      "7     restart_syscall(<... resuming interrupted nanosleep ...>) = -1 EINTR (Interrupted system call)",
      "7     pipe2( <unfinished ...>) = ?",
      "7     +++ killed by SIGKILL +++",
      "",
    ]);
  });

  it("names threads once there are several, and calls that have no name", () => {
    const next = numbered();
    const formatter = new TraceFormatter();
    const call = (tid: number, number: number) => [
      formatter.push(next({ phase: Entry, tid, number })),
      squeezed(formatter.push(next({ phase: Exit, tid, number, result: 5n }))),
    ];
    expect(call(1, Syscall.SYS_getpid)).toEqual(["", "getpid() = 5\n"]);
    expect(call(2, Syscall.SYS_getpid)).toEqual(["", "[pid     2] getpid() = 5\n"]);
    expect(call(1, 999)).toEqual(["", "[pid     1] syscall_0x3e7(0, 0, 0, 0, 0, 0) = 5\n"]);
  });

  it("has a way to show each argument of each call", () => {
    const calls = Object.values(SYSCALLS).filter((call) => call !== undefined);
    expect(calls.length).toBeGreaterThan(200);
    const unknown = calls.flatMap(({ name, args }) =>
      args.filter((word) => showOf(name, word) === undefined).map((word) => `${name}: ${word}`),
    );
    expect(unknown).toEqual([]);
  });

  it("quotes as C does", () => {
    expect(quoted(Uint8Array.of(0, 0x31, 1, 0x61, 9, 10, 34, 92, 255))).toBe('"\\0001\\1a\\t\\n\\"\\\\\\377"');
  });
});

describe("order", () => {
  it("keeps a bounded number of messages for one that is missing", () => {
    const order = new Order<number>();
    const shown: number[] = [];
    for (let n = 2; n <= 3000; n++) shown.push(...order.push(n, n));
    expect(shown).toEqual(Array.from({ length: 2999 }, (_, i) => i + 2));
    expect(order.push(1, 1)).toEqual([1]);
    expect(order.waits).toBe(false);
  });
});

const arbitraryPiece = fc.record({
  address: fc.oneof(fc.bigInt({ min: 0n, max: 64n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  bytes: fc.uint8Array({ maxLength: 300 }),
  count: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const known = Object.values<number>(Syscall);
const word = fc.oneof(fc.bigInt({ min: 0n, max: 64n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const arbitraryRecord = fc
  .tuple(
    fc.record({
      phase: fc.constantFrom(...Object.values(TracePhase)),
      sequence: fc.oneof(fc.bigInt({ min: 0n, max: 20n }), word),
      tid: fc.integer({ min: 1, max: 3 }),
      number: fc.oneof(fc.constantFrom(...known), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
      errno: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 600 })),
      result: word,
      args: fc.array(word, { minLength: 6, maxLength: 6 }),
    }),
    fc.array(arbitraryPiece, { maxLength: 8 }),
  )
  .map(([data, pieces]) => record(data, pieces));

describe("records at random", () => {
  it("are shown in lines, whatever they say", () => {
    fc.assert(
      fc.property(fc.array(arbitraryRecord, { maxLength: 30 }), (records) => {
        const shown = format(records);
        const lines = shown.split("\n");
        expect(lines.pop()).toBe("");
        for (const line of lines) expect(line).toMatch(/^\d+ +(<\.\.\. )?[\w+-].*$/s);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: none is let through to a terminal
        expect(shown.replaceAll("\n", "")).not.toMatch(/[\0-\x1f\x7f-\uffff]/);
        expect(shown.length).toBeLessThan(records.length * 40_000 + 1);
      }),
      { numRuns: 300 },
    );
  });

  it("that are cut or bent are records or none, and never an error", () => {
    fc.assert(
      fc.property(arbitraryRecord, fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }), (bytes, length, at, value) => {
        const bent = bytes.slice(0, length % (bytes.length + 1));
        if (bent.length > 0) bent[at % bent.length] = value;
        const event = decodeTrace(bent);
        if (bent.length < TraceRecord.SIZE) expect(event).toBeUndefined();
        expect(typeof new TraceFormatter().push(bent)).toBe("string");
      }),
      { numRuns: 1000 },
    );
  });

  it("of every system call are shown with memory of any content", () => {
    for (const number of known) {
      const pieces = [{ address: 8n, bytes: new Uint8Array(512).fill(0xff), count: 3 }];
      const args = [8n, 8n, 8n, 8n, 8n, 8n];
      const shown = squeezed(
        format([
          record({ phase: Entry, number, sequence: 1n, args }, pieces),
          record({ phase: Exit, number, sequence: 2n, args, result: 8n }, pieces),
        ]),
      );
      // exit and exit_group have no end, except in a record that lies.
      expect(shown).toMatch(/^(7 +\w+\(.*\) = .*\n){1,2}$/);
    }
  });
});
