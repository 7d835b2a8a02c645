/** Whole machines on the real kernel, through shared rings and through messages, in Node and in Chromium. */
import {
  AbiVersion,
  BootState,
  LayoutHashHi,
  LayoutHashLo,
  Mem,
  SlotKind,
  SyncEffect,
  Syscall,
  ThreadStop,
  TracePhase,
  TraceRecord,
} from "@foreshore/abi";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { collect } from "./common/streams.ts";
import {
  DEFAULT_ENV,
  encodeText,
  type LayerEntry,
  type LogLevel,
  MachineStopped,
  type Process,
  Runtime,
  type RuntimeEvent,
  SystemError,
  TERMINAL_ENV,
} from "./index.ts";
import { cat, crash, flood, hello, printArguments, rawCat, spin, unsupported, windowSizes } from "./testing/guests.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Bytes that look random and are the same each time. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let x = 0x12345678;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** Compares without vitest's walk over each element, which takes seconds for megabytes. */
function expectBytes(bytes: Uint8Array, expected: Uint8Array): void {
  expect(bytes.length).toBe(expected.length);
  expect(bytes.findIndex((byte, i) => byte !== expected[i])).toBe(-1);
}

/** The next bytes of a stream, exactly so many. */
async function readBytes(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ends after ${at} of ${length} bytes`);
    all.set(value, at);
    at += value.length;
  }
  return all;
}

const CODE = (code: string): unknown => expect.objectContaining({ name: "SystemError", code });

describe.each(["shared", "message"] as const)("a machine by %s", (transport) => {
  let machine: Runtime;
  const events: RuntimeEvent[] = [];
  const lines: [LogLevel, string][] = [];
  const running: Process[] = [];

  beforeAll(async () => {
    machine = await Runtime.create({
      harts: 2,
      memory: 256,
      transport,
      log: (level, line) => lines.push([level, line]),
      onEvent: (event) => events.push(event),
    });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((process) => process.kill("SIGKILL")));
  });
  afterAll(async () => {
    await machine?.stop();
    expect(lines.filter(([level]) => level === "error").filter(([, line]) => !line.includes("EIO"))).toEqual([]);
  });

  const spawn = async (...args: Parameters<Runtime["spawn"]>): Promise<Process> => {
    const process = await machine.spawn(...args);
    running.push(process);
    return process;
  };

  test("no answer is slept through in thousands of calls", async () => {
    for (let i = 0; i < 4000; i++) {
      // One at a time and in small groups: the client goes to sleep in between, each time a little differently.
      await Promise.all(Array.from({ length: 1 + (i % 3) }, () => machine.noop({ timeoutMs: 5000 })));
    }
    expect(machine.rpc.inFlight).toBe(0);
  });

  describe("processes", () => {
    test("say hello", async () => {
      const process = await spawn(hello());
      expect(process.pid).toBeGreaterThan(0);
      const { stdout, stderr, code, signal } = await process.output();
      expect([text(stdout), text(stderr), code, signal]).toEqual(["hello, world\n", "", 0, null]);
    });

    test("give their exit code", async () => {
      expect(await (await spawn(hello("", 42))).exit).toMatchObject({ code: 42, signal: null });
    });

    test("get arguments and environment", async () => {
      await machine.fs.writeFile("/print", printArguments(), { mode: 0o755 });
      const process = await spawn("/print", ["one", "", "ü"], { env: { HOME: "/x", EMPTY: "" } });
      expect(text((await process.output()).stdout).split("\n")).toEqual([
        "/print",
        "one",
        "",
        "ü",
        "HOME=/x",
        "EMPTY=",
        "",
      ]);
      const named = await spawn("/print", [], { argv0: "other", env: {} });
      expect(text((await named.output()).stdout)).toBe("other\n");
    });

    test("that are given no environment get one default, whoever starts them", async () => {
      const lines = (env: Readonly<Record<string, string>>): string[] => [
        "program",
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
        "",
      ];
      const said = async (process: Process): Promise<string[]> => text((await process.output()).stdout).split("\n");
      const print = printArguments();
      expect(await said(await spawn(print))).toEqual(lines(DEFAULT_ENV));
      expect(await said(await spawn(print, [], { env: {} }))).toEqual(lines({}));
      const owner = await machine.createOwner();
      expect(await said(await owner.spawn(print))).toEqual(lines(DEFAULT_ENV));
      await owner.close();
      const { terminal } = await spawn(print, [], { stdio: "pty" });
      expect(text(await collect(terminal!.readable)).split("\r\n")).toEqual(lines(TERMINAL_ENV));
      expect(TERMINAL_ENV).toEqual({ ...DEFAULT_ENV, TERM: "xterm-256color" });
    });

    test("pass a megabyte through, unchanged", async () => {
      const input = noise(1_000_003);
      const process = await spawn(cat(), [], { stdin: input });
      const { stdout, code } = await process.output();
      expect(code).toBe(0);
      expectBytes(stdout, input);
    });

    test("take stdin as a stream, and stop when nobody reads their output", async () => {
      const process = await spawn(cat());
      const writer = process.stdin!.getWriter();
      const chunk = noise(50_000);
      // A pipe in, a pipe out and the program's buffer: what is beyond waits for a reader.
      let written = 0;
      const writing = (async () => {
        for (let i = 0; i < 20; i++) {
          await writer.write(chunk);
          written += chunk.length;
        }
        await writer.close();
      })();
      // Held back: the program executes nothing although more is on its way to it.
      const seen = async (): Promise<string> => {
        const row = (await machine.processes()).find(({ pid }) => pid === process.pid);
        return `${row?.instructions} ${written}`;
      };
      let before = "";
      for (let now = await seen(); now !== before || written === 0; now = await seen()) {
        before = now;
        await machine.noop();
        await machine.noop();
      }
      expect(written).toBeLessThan(400_000);
      const { stdout } = await process.output();
      await writing;
      expect(stdout.length).toBe(1_000_000);
      expectBytes(stdout.subarray(950_000), chunk);
    });

    test("write into streams of the caller", async () => {
      const parts: Uint8Array[] = [];
      const sink = new WritableStream<Uint8Array>({
        write: (part) => {
          parts.push(part);
        },
      });
      const process = await spawn(hello("forwarded"), [], { stdout: sink, stderr: "null", stdin: "null" });
      expect([process.stdin, process.stdout, process.stderr]).toEqual([null, null, null]);
      await process.exit;
      await process.forwarded;
      expect(parts.map(text).join("")).toBe("forwarded");
    });

    test("cannot be spawned from what is no program", async () => {
      await machine.fs.writeFile("/plain", "hello", { mode: 0o644 });
      await machine.fs.writeFile("/garbage", "\u0001\u0002 not an ELF", { mode: 0o755 });
      expect(await failure(machine.spawn("/no/such"))).toEqual(CODE("ENOENT"));
      expect(await failure(machine.spawn("/plain"))).toEqual(CODE("EACCES"));
      expect(await failure(machine.spawn("/garbage"))).toEqual(CODE("ENOEXEC"));
      expect(await failure(machine.spawn("/"))).toEqual(CODE("EACCES"));
      expect(await failure(machine.spawn("/print", [], { cwd: "/nowhere" }))).toEqual(CODE("ENOENT"));
      expect(await failure(machine.spawn("/print", ["a\0b"]))).toBeInstanceOf(TypeError);
    });

    test("are killed", async () => {
      const process = await spawn(spin());
      await process.kill("SIGKILL");
      expect(await process.exit).toMatchObject({ code: null, signal: "SIGKILL", signalNumber: 9 });
      await process.kill();
      const second = await spawn(spin());
      await second.kill();
      expect(await second.exit).toMatchObject({ signal: "SIGTERM" });
    });

    test("are killed by an abort signal", async () => {
      const abort = new AbortController();
      const process = await spawn(spin(), [], { signal: abort.signal });
      abort.abort();
      expect(await process.exit).toMatchObject({ signal: "SIGKILL" });
      expect(await failure(machine.spawn(spin(), [], { signal: AbortSignal.abort(new Error("no")) }))).toMatchObject({
        message: "no",
      });
    });

    test("crash alone", async () => {
      expect(await (await spawn(crash())).exit).toMatchObject({ code: null, signal: "SIGSEGV" });
      expect(text((await (await spawn(hello())).output()).stdout)).toBe("hello, world\n");
    });

    test("that flood their output leave the host responsive, and end when it is cancelled", async () => {
      const process = await spawn(flood());
      const reader = process.stdout!.getReader();
      let seen = 0;
      while (seen < 300_000) seen += (await reader.read()).value!.length;
      await machine.noop({ timeoutMs: 1000 });
      await reader.cancel();
      expect(await process.exit).toMatchObject({ signal: "SIGPIPE" });
    });

    test("that make an unknown system call get ENOSYS, and the host is told", async () => {
      const process = await spawn(unsupported(1999));
      expect(await process.exit).toMatchObject({ code: 38 });
      const event = events.find((each) => each.type === "unsupported-syscall");
      expect(event).toMatchObject({ pid: process.pid, number: 1999 });
      expect(event?.type === "unsupported-syscall" && event.args.slice(0, 2)).toEqual([11n, 22n]);
    });

    test("have a terminal that edits lines, echoes and sends signals", async () => {
      const process = await spawn(cat(), [], { stdio: "pty" });
      expect([process.stdin, process.stdout, process.stderr]).toEqual([null, null, null]);
      const writer = process.terminal!.writable.getWriter();
      const reader = process.terminal!.readable.getReader();
      await writer.write(encodeText("ab\x7fc\r"));
      expect(text(await readBytes(reader, 12))).toBe("ab\b \bc\r\nac\r\n");
      await writer.write(encodeText("\x03"));
      expect(await process.exit).toMatchObject({ signal: "SIGINT" });
      expect(text(await readBytes(reader, 2))).toBe("^C");
      expect(await reader.read()).toMatchObject({ done: true });
      expect(await failure(writer.write(encodeText("x")))).toEqual(CODE("EPIPE"));
      await process.resize(1, 1);
    });

    test("see the end of what is typed, and are hung up when both sides of the terminal are closed", async () => {
      const ended = await spawn(cat(), [], { stdio: "pty" });
      await ended.terminal!.writable.getWriter().write(encodeText("\x04"));
      expect(await ended.exit).toMatchObject({ code: 0 });
      const hung = await spawn(spin(), [], { stdio: "pty" });
      await hung.terminal!.writable.close();
      await hung.terminal!.readable.cancel();
      expect(await hung.exit).toMatchObject({ signal: "SIGHUP" });
    });

    test("get ten megabytes that are pasted into a raw terminal, each byte", async () => {
      const input = noise(10 * 1024 * 1024);
      const process = await spawn(rawCat(), [], { stdio: "pty" });
      const reader = process.terminal!.readable.getReader();
      expect(text(await readBytes(reader, 3))).toBe("raw");
      const writing = process.terminal!.writable.getWriter().write(input);
      expectBytes(await readBytes(reader, input.length), input);
      await writing;
    });

    test("that read nothing hold a paste back, which ends with them", async () => {
      const process = await spawn(spin(), [], { stdio: "pty" });
      const writing = failure(process.terminal!.writable.getWriter().write(encodeText("line\n".repeat(100_000))));
      await machine.noop({ timeoutMs: 1000 });
      await process.kill("SIGKILL");
      expect(await writing).toEqual(CODE("EPIPE"));
    });

    test("hear of their terminal's size", async () => {
      const process = await spawn(windowSizes(), [], { stdio: "pty", cols: 10_000, rows: 0 });
      const reader = process.terminal!.readable.getReader();
      const size = async (): Promise<number[]> => [...new Uint16Array((await readBytes(reader, 8)).buffer)];
      expect(await size()).toEqual([0, 10_000, 0, 0]);
      await process.resize(0, 0);
      expect(await size()).toEqual([0, 0, 0, 0]);
      await process.resize(65_535, 65_535);
      expect(await size()).toEqual([65_535, 65_535, 0, 0]);
      expect(await failure(process.resize(65_536, 1))).toBeInstanceOf(RangeError);
      expect(await failure(process.resize(1, -1))).toBeInstanceOf(RangeError);
      expect(await failure(machine.spawn(spin(), [], { stdio: "pty", cols: 1.5 }))).toBeInstanceOf(RangeError);
      expect(await failure(machine.spawn(spin(), [], { stdio: "pty", stdin: "null" }))).toBeInstanceOf(TypeError);
      const plain = await spawn(hello());
      expect(await failure(plain.resize(1, 1))).toBeInstanceOf(TypeError);
    });

    test("run side by side", async () => {
      const all = Array.from({ length: 40 }, (_, i) =>
        machine.spawn(hello(`number ${i}`, i)).then((process) => process.output()),
      );
      const results = await Promise.all(all);
      expect(results.map(({ stdout, code }) => [text(stdout), code])).toEqual(
        results.map((_, i) => [`number ${i}`, i]),
      );
    });

    test("are listed, each under its owner", async () => {
      const owner = await machine.createOwner({ budget: 2 });
      const mine = await owner.spawn(cat());
      const other = await spawn(cat());
      const row = (await machine.processes()).find(({ pid }) => pid === mine.pid);
      expect(row).toMatchObject({ state: "running", threads: 1, fds: 3 });
      expect((await machine.processes()).map(({ pid }) => pid)).toEqual(expect.arrayContaining([mine.pid, other.pid]));
      expect((await owner.processes()).map(({ pid }) => pid)).toEqual([mine.pid]);
      await owner.close();
      expect(await mine.exit).toMatchObject({ signal: "SIGKILL" });
      await other.kill();
    });

    test("leave a record of each stop with their owner", async () => {
      const owner = await machine.createOwner();
      expect(owner.threadStatus() === undefined).toBe((await machine.diagnostics()).live === undefined);
      const first = owner.threadStatus();
      if (first === undefined) return;
      expect(first).toEqual({ records: [], next: 0, lost: 0 });
      const process = await owner.spawn(cat());
      const output = process.output();
      // It waits for its input first; only then is there some.
      while ((owner.threadStatus()?.records.length ?? 0) === 0) await machine.diagnostics();
      const writer = process.stdin?.getWriter();
      await writer?.write(new TextEncoder().encode("abc"));
      await writer?.close();
      expect(text((await output).stdout)).toBe("abc");
      await process.exit;
      const { records, lost } = owner.threadStatus(first.next) ?? { records: [], lost: -1 };
      expect(lost).toBe(0);
      expect(records[0]).toMatchObject({ stop: ThreadStop.Blocked, pid: process.pid, syscall: Syscall.SYS_read });
      expect(records.map(({ sequence }) => sequence)).toEqual(records.map((_, i) => i + 1));
      const [last, end] = records.slice(-2);
      expect(last).toMatchObject({ stop: ThreadStop.Exited, tid: process.pid, status: 0 });
      // Whether it waits once more before its input ends is a race, and so is which of its stops tells of the pipes.
      const effects = records.slice(1, -1).reduce((sum, record) => sum | record.effects, 0);
      expect(effects & SyncEffect.Pipe).toBe(SyncEffect.Pipe);
      expect(effects & (SyncEffect.Memory | SyncEffect.Fs)).toBe(0);
      expect(end).toMatchObject({ stop: ThreadStop.ProcessExited, pid: process.pid, status: 0 });
      expect(end?.effects).toBe(SyncEffect.ChildExit);
      const again = owner.threadStatus(records.length);
      expect(again).toEqual({ records: [], next: records.length, lost: 0 });
      await (await owner.spawn(hello("", 3))).exit;
      expect(owner.threadStatus(records.length)?.records.slice(-2)).toMatchObject([
        { stop: ThreadStop.Exited, status: 3 << 8 },
        { stop: ThreadStop.ProcessExited, status: 3 << 8 },
      ]);
      await owner.close();
      expect(owner.threadStatus()).toBeUndefined();
    });

    test("are counted in what the kernel says of itself", async () => {
      const before = await machine.kernelState();
      expect(before).toMatchObject({
        abiMajor: AbiVersion.Major,
        abiMinor: AbiVersion.Minor,
        bootState: BootState.Ready,
      });
      expect(before.layoutHash).toBe((BigInt(LayoutHashHi) << 32n) | BigInt(LayoutHashLo));
      expect(before.tables).toHaveLength(Math.max(...Object.values(SlotKind)) + 1);
      const used = before.tables?.flatMap((table, kind) => (table.capacity > 0 ? [[table.kind, kind]] : [])) ?? [];
      expect(used.length).toBeGreaterThan(20);
      for (const [kind, index] of used) expect(kind).toBe(index);
      await (await spawn(hello("counted"))).exit;
      const after = await machine.kernelState();
      expect((after.counters?.execs ?? 0) - (before.counters?.execs ?? 0)).toBe(1);
    });

    test("are traced when asked for", async () => {
      await machine.setTrace(true);
      await (await spawn(hello("traced"))).exit;
      await machine.setTrace(false);
      const traced = events.flatMap((event) => (event.type === "trace" ? [event.record] : []));
      const records = traced.map((bytes) => new TraceRecord(new Mem(bytes.slice().buffer), 0).toData());
      const written = records.filter(({ number }) => number === Syscall.SYS_write);
      expect(written.map(({ phase }) => phase)).toEqual([TracePhase.Entry, TracePhase.Exit]);
      // The text itself came along.
      expect(traced.some((bytes) => new TextDecoder("latin1").decode(bytes).includes("traced"))).toBe(true);
      const sequence = records.map((record) => Number(record.sequence)).sort((a, b) => a - b);
      expect(sequence).toEqual(Array.from(sequence, (_, i) => i + 1));
    });

    test("leave nothing behind", async () => {
      const before = await machine.diagnostics();
      for (let i = 0; i < 10; i++) await (await spawn(hello())).output();
      const after = await machine.diagnostics();
      expect(after.counters.execs - before.counters.execs).toBe(10);
      expect(after.counters.instret).toBeGreaterThan(before.counters.instret);
      for (const slots of after.live?.slots ?? []) {
        const earlier = before.live?.slots.find(({ kind }) => kind === slots.kind);
        // Less is right, too: streams of earlier tests that nobody read are closed when they are collected.
        expect(slots.inUse, slots.kind).toBeLessThanOrEqual(earlier?.inUse ?? 0);
      }
    });
  });

  describe("files", () => {
    test.each([0, 1, 4095, 4096, 4097, 16_384, 16_385, 300_000, 5_000_000])(
      "of %i bytes come back as they were written",
      async (size) => {
        const bytes = noise(size);
        await machine.fs.writeFile("/file", bytes);
        expect((await machine.fs.stat("/file")).size).toBe(size);
        expectBytes(await machine.fs.readFile("/file"), bytes);
        expectBytes(await machine.fs.readFile("/file"), bytes);
        expectBytes(
          await machine.fs.readFileRange("/file", Math.max(0, size - 3), 10),
          bytes.slice(Math.max(0, size - 3)),
        );
      },
    );

    test("are seen anew after each change", async () => {
      for (let i = 0; i < 200; i++) {
        const content = `${"x".repeat(i * 37)} ${i}`;
        await machine.fs.writeFile("/changing", content);
        expect(await machine.fs.readFile("/changing", { encoding: "utf8" })).toBe(content);
      }
      await machine.fs.unlink("/changing");
      expect(await failure(machine.fs.readFile("/changing"))).toEqual(CODE("ENOENT"));
    });

    test("are read without a request where the memory is shared", async () => {
      await machine.fs.writeFile("/view", "seen");
      const before = (await machine.diagnostics()).publishedReads;
      for (let i = 0; i < 10; i++) await machine.fs.readFile("/view");
      const after = (await machine.diagnostics()).publishedReads;
      expect(after.hits - before.hits).toBe(transport === "shared" ? 10 : 0);
    });

    test("are never read torn while they are replaced and rewritten", async () => {
      const size = 60_000;
      const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value % 250);
      await machine.fs.writeFile("/torn", filled(size, 0));
      let writing = true;
      const seen = new Set<number>();
      const write = async (): Promise<void> => {
        // Until the reader has seen enough of it; the name is there all the time.
        for (let i = 1; seen.size < 8 && i < 5000; i++) {
          await machine.fs.writeFile("/next", filled(size, i));
          await machine.fs.rename("/next", "/torn");
          await machine.fs.writeFile("/torn", filled(size / 2, i + 100));
        }
        writing = false;
      };
      const read = async (): Promise<void> => {
        while (writing) {
          const bytes = await machine.fs.readFile("/torn");
          // One writer's bytes, perhaps not all of them yet.
          expect(bytes.findIndex((byte) => byte !== bytes[0])).toBe(-1);
          if (bytes.length > 0) seen.add(bytes[0]!);
          await machine.noop();
        }
      };
      await Promise.all([write(), read()]);
      expect(seen.size).toBeGreaterThanOrEqual(8);
    });

    test("append, exclusive, modes", async () => {
      await machine.fs.writeFile("/log", "one\n", { mode: 0o600 });
      await machine.fs.writeFile("/log", "two\n", { append: true });
      expect(await machine.fs.readFile("/log", { encoding: "utf8" })).toBe("one\ntwo\n");
      expect(await failure(machine.fs.writeFile("/log", "", { exclusive: true }))).toEqual(CODE("EEXIST"));
      expect((await machine.fs.stat("/log")).mode & 0o7777).toBe(0o600);
      await machine.fs.chmod("/log", 0o4755);
      expect((await machine.fs.stat("/log")).mode & 0o7777).toBe(0o4755);
    });

    test("owners, times, lengths", async () => {
      const { fs } = machine;
      await fs.writeFile("/mine", "contents");
      await fs.symlink("mine", "/to-mine");
      await fs.chown("/to-mine", 7, 8);
      await fs.lchown("/to-mine", 9, -1);
      expect(await fs.stat("/mine")).toMatchObject({ uid: 7, gid: 8 });
      expect(await fs.lstat("/to-mine")).toMatchObject({ uid: 9, gid: 0 });
      await fs.utimes("/to-mine", -1500.25, 1_700_000_000_123.456);
      await fs.lutimes("/to-mine", 0, 5);
      expect(await fs.stat("/mine")).toMatchObject({ atimeMs: -1500.25, mtimeMs: 1_700_000_000_123.456 });
      expect(await fs.lstat("/to-mine")).toMatchObject({ atimeMs: 0, mtimeMs: 5 });
      await fs.truncate("/to-mine", 3);
      await fs.truncate("/mine", 5);
      expect(await fs.readFile("/mine", { encoding: "utf8" })).toBe("con\0\0");
      for (const wrong of [
        () => fs.utimes("/mine", Number.NaN, 0),
        () => fs.utimes("/mine", 0, 1e15),
        () => fs.chown("/mine", Number.NaN, 0),
        () => fs.lchown("/mine", 0, 1e10),
        () => fs.truncate("/mine", -1),
        () => fs.truncate("/mine", 2 ** 60),
        () => fs.truncate("/mine", Number.NaN),
        // A typed array would make 0, 0 and 4,294,967,295 of these.
        () => fs.chmod("/mine", Number.NaN),
        () => fs.chmod("/mine", 2 ** 32),
        () => fs.mkdir("/new", { mode: -1 }),
        () => fs.writeFile("/new", "", { mode: 0.5 }),
      ])
        expect(await failure(wrong())).toBeInstanceOf(RangeError);
      expect(await fs.exists("/new")).toBe(false);
      expect(await failure(fs.chmod("/a\0b", 0))).toBeInstanceOf(TypeError);
      for (const [what, call] of [
        ["chown", fs.chown("/none", 0, 0)],
        ["lchown", fs.lchown("/none", 0, 0)],
        ["utimes", fs.utimes("/none", 0, 0)],
        ["lutimes", fs.lutimes("/none", 0, 0)],
        ["truncate", fs.truncate("/none", 0)],
        ["lstat", fs.lstat("/none")],
        ["rmdir", fs.rmdir("/none")],
      ] as const)
        expect(await failure(call)).toMatchObject({ code: "ENOENT", syscall: what, path: "/none" });
      expect(await failure(fs.truncate("/mine", 2 ** 52))).toEqual(CODE("EFBIG"));
      expect(await failure(fs.truncate("/dev/null", 0))).toEqual(CODE("EINVAL"));
    });

    test("numbers of nonsense cost their own call alone", async () => {
      const { fs, rpc } = machine;
      await fs.writeFile("/x", "hello");
      // More than may be in flight, so that what is wrong is found when it is its turn.
      const many = Array.from({ length: 600 }, () => fs.stat("/x"));
      const wrong = [-1, 1.5, Number.NaN, 2 ** 60].map((size) => failure(fs.truncate("/x", size)));
      const reads = [Number.NaN, -8, 0.5, 2 ** 60].map((replyBytes) =>
        failure(rpc.request.readFile({ path: "/x", replyBytes })),
      );
      expect((await Promise.all(many)).every(({ size }) => size === 5)).toBe(true);
      for (const error of await Promise.all([...wrong, ...reads])) expect(error).toBeInstanceOf(RangeError);
      await machine.noop({ timeoutMs: 5000 });
      expect({ used: rpc.arenaUsed, inFlight: rpc.inFlight, queued: rpc.queued }).toEqual({
        used: 0,
        inFlight: 0,
        queued: 0,
      });
    });

    test("directories, links, renames", async () => {
      await machine.fs.mkdir("/d/e/f", { recursive: true });
      await machine.fs.mkdir("/d/e/f", { recursive: true });
      expect(await failure(machine.fs.mkdir("/d"))).toEqual(CODE("EEXIST"));
      expect(await failure(machine.fs.mkdir("/no/parent"))).toEqual(CODE("ENOENT"));
      await machine.fs.writeFile("/d/e/file", "content");
      await machine.fs.symlink("e/file", "/d/link");
      expect(await machine.fs.readlink("/d/link")).toBe("e/file");
      expect(await machine.fs.readFile("/d/link", { encoding: "utf8" })).toBe("content");
      expect((await machine.fs.lstat("/d/link")).kind).toBe("symlink");
      expect((await machine.fs.stat("/d/link")).kind).toBe("file");
      const items = await machine.fs.readdir("/d");
      expect(items.map(({ name, kind }) => [name, kind]).sort()).toEqual([
        ["e", "directory"],
        ["link", "symlink"],
      ]);
      await machine.fs.rename("/d/e/file", "/d/moved");
      expect(await machine.fs.exists("/d/e/file")).toBe(false);
      expect(await machine.fs.exists("/d/link/x")).toBe(false);
      expect(await failure(machine.fs.readFile("/d/link"))).toEqual(CODE("ENOENT"));
      expect(await failure(machine.fs.readFile("/d"))).toEqual(CODE("EISDIR"));
      expect(await failure(machine.fs.readFile("/d/moved/"))).toEqual(CODE("ENOTDIR"));
      expect(await failure(machine.fs.rmdir("/d"))).toEqual(CODE("ENOTEMPTY"));
      expect(await failure(machine.fs.rm("/d"))).toEqual(CODE("ENOTEMPTY"));
      await machine.fs.rm("/d", { recursive: true });
      expect(await machine.fs.exists("/d")).toBe(false);
      await machine.fs.rm("/d", { force: true });
      expect(await failure(machine.fs.rm("/d"))).toEqual(CODE("ENOENT"));
    });

    test("a directory of a thousand names", async () => {
      const entries = Array.from({ length: 1000 }, (_, i): LayerEntry => ({ path: `/many/name-${i}`, data: `${i}` }));
      await machine.fs.mkdir("/many");
      expect(await machine.fs.writeFiles(entries)).toBe(1000);
      const names = (await machine.fs.readdir("/many")).map(({ name }) => name);
      expect(new Set(names)).toEqual(new Set(entries.map(({ path }) => String(path).slice(6))));
      expect(await machine.fs.readFile("/many/name-999", { encoding: "utf8" })).toBe("999");
      await machine.fs.rm("/many", { recursive: true });
    });

    test("names are told with the error", async () => {
      const error = await failure(machine.fs.readFile("/not/here"));
      expect(error).toBeInstanceOf(SystemError);
      expect(error).toMatchObject({ code: "ENOENT", errno: 2, path: "/not/here", syscall: "open" });
      expect(await failure(machine.fs.readFile(""))).toEqual(CODE("ENOENT"));
      expect(await failure(machine.fs.readFile(`/${"n".repeat(300)}`))).toEqual(CODE("ENAMETOOLONG"));
      expect(await failure(machine.fs.readFile("/a\0b"))).toBeInstanceOf(TypeError);
    });
  });

  describe("layers", () => {
    test("bring files, directories and links of all kinds", async () => {
      const big = noise(3_000_000);
      await machine.fs.applyFileLayer(
        [
          { kind: "directory", path: "bin", mode: 0o755 },
          { path: "bin/hello", data: hello("from a layer\n"), mode: 0o755 },
          { kind: "symlink", path: "sbin", target: "bin" },
          { kind: "hardlink", path: "bin/again", target: "bin/hello" },
          { path: "deep/without/directories", data: "text", mode: 0o640, uid: 5, gid: 6, mtimeMs: 1_000_000_000_000 },
          { path: "big", data: big },
        ],
        { prefix: "/layer" },
      );
      expect(text((await (await spawn("/layer/sbin/again")).output()).stdout)).toBe("from a layer\n");
      const stat = await machine.fs.stat("/layer/deep/without/directories");
      expect(stat).toMatchObject({ uid: 5, gid: 6, mtimeMs: 1_000_000_000_000 });
      expect(stat.mode & 0o7777).toBe(0o640);
      expect((await machine.fs.stat("/layer/bin/again")).nlink).toBe(2);
      expectBytes(await machine.fs.readFile("/layer/big"), big);
    });

    test("are all or nothing", async () => {
      const bad: LayerEntry[] = [
        { path: "fine", data: "x" },
        { path: "fine/below-a-file", data: "y" },
      ];
      expect(await failure(machine.fs.applyFileLayer(bad, { prefix: "/whole" }))).toBeInstanceOf(SystemError);
      expect(await machine.fs.exists("/whole/fine")).toBe(false);

      async function* breaks(): AsyncGenerator<LayerEntry> {
        for (let i = 0; i < 3000; i++) yield { path: `part-${i}`, data: "x" };
        throw new Error("the archive ends early");
      }
      expect(await failure(machine.fs.applyFileLayer(breaks(), { prefix: "/whole" }))).toMatchObject({
        message: "the archive ends early",
      });
      expect(await machine.fs.exists("/whole/part-0")).toBe(false);
      await machine.fs.applyFileLayer([{ path: "after", data: "fine" }], { prefix: "/whole" });
      expect((await machine.fs.readdir("/whole")).map(({ name }) => name)).toEqual(["after"]);
    });

    test("have lazy files, whose bytes come when they are touched", async () => {
      const bytes = noise(1_000_000);
      const asked: [number, number][] = [];
      const source = machine.addBlobSource({
        name: "test source",
        read: async (position, length, into) => {
          asked.push([position, length]);
          await Promise.resolve();
          // Fewer bytes than asked for are no error.
          const part = bytes.subarray(position, position + Math.min(length, 10_000));
          into.set(part);
          return part.length;
        },
      });
      await machine.fs.applyFileLayer([
        { kind: "lazy", path: "/lazy/file", source, position: 1000, size: 500_000 },
        { kind: "lazy", path: "/lazy/tail", source, position: 999_990, size: 10 },
      ]);
      expect(asked).toEqual([]);
      expect((await machine.fs.stat("/lazy/file")).size).toBe(500_000);
      expect(asked).toEqual([]);
      expectBytes(await machine.fs.readFileRange("/lazy/file", 200_000, 100), bytes.slice(201_000, 201_100));
      expect(asked.every(([position]) => position >= 1000 + 196_000)).toBe(true);
      const reader = await spawn(cat(true), ["/lazy/file"]);
      expectBytes((await reader.output()).stdout, bytes.slice(1000, 501_000));
      expectBytes(await machine.fs.readFile("/lazy/tail"), bytes.slice(999_990));
    });

    test("whose source fails give EIO to guests and host, and one line", async () => {
      const source = machine.addBlobSource({
        name: "broken source",
        read: () => {
          throw new Error("no such disk");
        },
      });
      const short = machine.addBlobSource({ name: "short source", read: () => 0 });
      await machine.fs.applyFileLayer([
        { kind: "lazy", path: "/broken/file", source, size: 10 },
        { kind: "lazy", path: "/broken/short", source: short, size: 10 },
      ]);
      expect(await failure(machine.fs.readFile("/broken/file"))).toEqual(CODE("EIO"));
      expect(await failure(machine.fs.readFile("/broken/short"))).toEqual(CODE("EIO"));
      const reader = await spawn(cat(true), ["/broken/file"]);
      expect(await reader.exit).toMatchObject({ code: 1 });
      expect(
        lines.some(
          ([level, line]) => level === "error" && line.includes("broken source") && line.includes("no such disk"),
        ),
      ).toBe(true);
    });
  });
});

describe.each(["shared", "message"] as const)("stopping a machine by %s", (transport) => {
  test("ends looping guests within a second and rejects what waits", async () => {
    const machine = await Runtime.create({ harts: 2, memory: 128, transport, log: () => undefined });
    const processes = await Promise.all([
      machine.spawn(spin()),
      machine.spawn(spin()),
      machine.spawn(flood()),
      machine.spawn(cat()),
    ]);
    const waiting = [
      ...processes.map((process) => failure(process.exit)),
      failure(processes[3]!.stdout!.getReader().read()),
    ];
    const from = performance.now();
    await machine.stop();
    expect(performance.now() - from).toBeLessThan(1000);
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(MachineStopped);
    expect(await failure(machine.spawn(hello()))).toBeInstanceOf(MachineStopped);
    await machine.stop();
  });

  test("every call of a machine that has ended says so", async () => {
    const machine = await Runtime.create({ harts: 1, memory: 64, transport, log: () => undefined });
    await machine.fs.writeFile("/seen", "seen");
    expect(await machine.fs.readFile("/seen", { encoding: "utf8" })).toBe("seen");
    const process = await machine.spawn(cat());
    const owner = await machine.createOwner();
    expect(machine.state).toBe("running");
    const [stopped, again] = [machine.stop(), machine.stop()];
    expect(machine.state).toBe("ended");
    // At once, and not only when the workers are gone.
    expect(await machine.ended).toBeUndefined();
    expect(await failure(machine.fs.readFile("/seen"))).toBeInstanceOf(MachineStopped);
    await Promise.all([stopped, again]);
    const calls: Promise<unknown>[] = [
      machine.fs.readFile("/seen"),
      machine.fs.stat("/seen"),
      machine.spawn(hello()),
      machine.spawn("/hello"),
      machine.kill(1, 15),
      machine.processes(),
      machine.createOwner(),
      machine.attachment(),
      machine.kernelState(),
      machine.diagnostics(),
      machine.setTrace(true),
      machine.noop(),
      process.kill(),
      process.exit,
      owner.spawn(hello()),
      owner.processes(),
      owner.close(),
    ];
    for (const [i, error] of (await Promise.all(calls.map(failure))).entries())
      expect([i, error]).toEqual([i, expect.any(MachineStopped)]);
    expect([machine.memory, owner.threadStatus()]).toEqual([undefined, undefined]);
    let closed = 0;
    machine.addBlobSource({ read: () => 0, close: () => void closed++ });
    expect(closed).toBe(1);
    await machine.stop();
    await machine[Symbol.asyncDispose]();
  });

  test("a start that is aborted rejects with the reason", async () => {
    const abort = new AbortController();
    const started = failure(Runtime.create({ memory: 64, transport, signal: abort.signal, log: () => undefined }));
    const reason = new Error("not any more");
    abort.abort(reason);
    expect(await started).toBe(reason);
    expect(await failure(Runtime.create({ signal: AbortSignal.abort(reason) }))).toBe(reason);
  });
});
