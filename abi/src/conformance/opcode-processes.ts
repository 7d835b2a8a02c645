/** Opcodes of processes, their streams and their owners. */
import {
  Limit,
  Opcode,
  OwnerSlot,
  PollEvent,
  RegisterProcessReply,
  Signal,
  type SlotHandleData,
  SlotKind,
  StdioKind,
  ThreadRunState,
  ThreadSlot,
  TtySlot,
} from "../../ts/index.ts";
import {
  BY_CANCEL,
  byHost,
  cancelWaiting,
  FULL,
  NOBODY,
  type OpcodeCases,
  outside,
  pathErrnos,
} from "./opcode-table.ts";
import { type Ask, resultText } from "./peer.ts";
import { COUNTS_ENV, counts, cutOff, ECHO_CODE, exits, interpreted } from "./programs.ts";
import { exitedWith, memOf, type Trial } from "./trial.ts";

const { SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1 } = Signal;

/** Whom KillProcess is to reach. */
type Target = (process: SlotHandleData, pid: number) => { readonly pid: number; readonly process: SlotHandleData };

const PAGE = 4096;
/** More than a pipe holds (Limit.PipeBytes). */
const MORE_THAN_A_PIPE = 80 * 1024;
/** More than one argument may be (Limit.ArgStringBytes). */
const LONG_ARGUMENT = 136 * 1024;

export const registerProcess: OpcodeCases = {
  good: async (t) => {
    await t.process("exits"); // writes the program; this one never runs
    const ask = await t.program(`${await t.folder()}/exits`);
    return { ...ask, stdin: StdioKind.Pipe, stderr: StdioKind.Pipe };
  },
  async check(t, reply, ask) {
    if (ask.opcode !== Opcode.RegisterProcess) return;
    const made = await t.registered(ask.reply);
    t.equal(Number(reply.result), RegisterProcessReply.SIZE, "the bytes of the reply");
    t.equal(BigInt(made.pid), reply.value, "the pid in reply and table");
    t.equal(made.process.index, reply.handle.index, "the process's index in reply and table");
    t.equal(made.process.generation, reply.handle.generation, "its generation");
    t.equal(made.stdout.index, 0, "the stream of an output that is none");
    for (const [ofd, events] of [
      [made.stdin, OUT],
      [made.stderr, 0],
    ] as const) {
      t.check(ofd.index !== 0, "there is no stream where a pipe was asked for");
      // The other end of what it reads has room, and of what it writes nothing: both are streams of this client.
      if (events !== 0) await t.peer.ok({ opcode: Opcode.StreamPoll, ofd, events });
      else await t.peer.refused({ opcode: Opcode.StreamRead, ofd, reply: await t.peer.room(8) }, "EAGAIN");
    }
    t.check(made.stdin.index !== made.stderr.index, "two streams have one slot");
    for (const ofd of [made.stdin, made.stderr])
      await t.peer.refused({ opcode: Opcode.ResizeTerminal, ofd, columns: 80, rows: 24 }, "ENOTTY");
    await t.start(made.process);
    t.equal((await t.wait(made.process)).value, exitedWith(3), "the wait status");
    // What it is given: two arguments, and one variable.
    const counted = await t.program(await t.file("counts", counts(), 0o755));
    const given = { strings: await t.peer.place("counts\0x\0A=1\0"), argc: 2, envc: 1 };
    await t.peer.ok({ ...counted, ...given });
    const { process } = await t.registered(counted.reply);
    await t.start(process);
    t.equal(
      (await t.wait(process)).value,
      exitedWith(2 + COUNTS_ENV),
      "what a program of two arguments and a variable counts",
    );
  },
  bad: "ENOEXEC",
  errnos: {
    ...pathErrnos(async (t, path) => ({ ...(await t.program("/")), path })),
    EBADF: async (t) => {
      const ofd = (await t.process("echo")).streams[0].index;
      for (const other of [ofd, 0x7fffffff])
        await t.peer.refused({ ...(await t.program("x")), program: other }, "EBADF");
      if (!t.machine.features.has("clients")) return { ...(await t.program("x")), program: ofd };
      // One that another client has made.
      const { peer } = await t.other();
      const { handle } = await peer.ok({ opcode: Opcode.MakeMemfd, name: await peer.place("other") });
      return { ...(await t.program("x")), program: handle.index };
    },
    ESRCH: async (t) => t.program(await program(t), { owner: 0x7fffffff }),
    EACCES: async (t) => t.program(await t.file("plain", "\x7fELF", 0o644)),
    ENOEXEC: async (t) => {
      await t.peer.refused(await t.program(await t.file("cut", cutOff(), 0o755)), "ENOEXEC");
      return await t.program(await t.file("text", "no program", 0o755));
    },
    ELIBBAD: async (t) =>
      t.program(await t.file("dynamic", interpreted(await t.file("interpreter", "no program", 0o755)), 0o755)),
    ETXTBSY: "needs a guest that has the program open for writing",
    EIO: async (t) => t.sourceFails(await t.program(await t.lazyFile("lazy", PAGE, 0o755))),
    E2BIG: async (t) => ({
      ...(await t.program(await program(t))),
      strings: await t.peer.place(`${"x".repeat(LONG_ARGUMENT)}\0`),
    }),
    EAGAIN: FULL,
    ENOMEM: FULL,
    ENFILE: FULL,
    ENOSPC: FULL,
  },
};

/** The path of a program that ends at once. */
async function program(t: Trial): Promise<string> {
  await t.process("exits");
  return `${await t.folder()}/exits`;
}

const start = (process: SlotHandleData): Ask => ({ opcode: Opcode.StartProcess, process });

export const startProcess: OpcodeCases = {
  good: async (t) => start((await t.process("exits")).process),
  async check(t, _, ask) {
    if (ask.opcode !== Opcode.StartProcess) return;
    t.equal((await t.wait(ask.process)).value, exitedWith(3), "the wait status");
  },
  bad: "ESRCH",
  errnos: { ESRCH: async () => start(NOBODY) },
};

export const waitProcess: OpcodeCases = {
  good: async (t) => {
    const { process, streams } = await t.process("echo");
    await t.start(process);
    await t.peer.ok({ opcode: Opcode.StreamClose, ofd: streams[0] });
    return { opcode: Opcode.WaitProcess, process };
  },
  async check(t, { result, value, value2 }, ask) {
    t.equal(result, 0n, "the result");
    t.equal(value, exitedWith(ECHO_CODE), "the wait status");
    t.check(value2 > 0n, "no instructions were counted");
    // The record is freed: the process is not waited for twice.
    await t.peer.refused(ask, "ESRCH");
  },
  bad: "ESRCH",
  cancelled: async (t) => {
    const { process } = await t.process("echo");
    await t.start(process);
    await cancelWaiting(t, { opcode: Opcode.WaitProcess, process });
    await t.end(process);
  },
  errnos: {
    ESRCH: async () => ({ opcode: Opcode.WaitProcess, process: NOBODY }),
    ECHILD: "needs a process that a guest has made",
    ECANCELED: BY_CANCEL,
  },
};

const NONE = { index: 0, generation: 0 };

export const killProcess: OpcodeCases = {
  good: async (t) => {
    const { process, pid } = await t.process("echo");
    await t.start(process);
    t.after(async () => t.equal((await t.wait(process)).value, BigInt(SIGKILL), "the wait status"));
    // By its handle and by its pid, as one and as the leader of its group: each with a signal of its own.
    for (const [ended, target] of [
      [SIGKILL, (process, _) => ({ pid: 0, process })],
      [SIGTERM, (process, _) => ({ pid: -1, process })],
      [SIGINT, (process, pid) => ({ pid: -pid, process })],
      [SIGUSR1, (_, pid) => ({ pid, process: NONE })],
      [SIGHUP, (_, pid) => ({ pid: -pid, process: NONE })],
    ] as const satisfies readonly (readonly [number, Target])[]) {
      const { process, pid } = await t.process("echo");
      await t.start(process);
      // Signal 0 only looks.
      await t.peer.ok({ opcode: Opcode.KillProcess, ...target(process, pid), signal: 0 });
      await t.peer.ok({ opcode: Opcode.KillProcess, ...target(process, pid), signal: ended });
      t.equal((await t.wait(process)).value, BigInt(ended), `the wait status of one that signal ${ended} ended`);
      await t.peer.refused({ opcode: Opcode.KillProcess, pid: -pid, signal: 0, process: NONE }, "ESRCH");
    }
    // One that never ran leaves nothing, and who waits for it is told.
    const { process: prepared } = await t.process("echo");
    const [id = 0] = await t.peer.send({ opcode: Opcode.WaitProcess, process: prepared });
    await t.peer.ok({ opcode: Opcode.KillProcess, pid: 0, signal: SIGKILL, process: prepared });
    t.equal(resultText((await t.peer.answer(id)).result), "ESRCH", "the result for one that never ran");
    await t.peer.refused({ opcode: Opcode.StartProcess, process: prepared }, "ESRCH");
    return { opcode: Opcode.KillProcess, pid, signal: SIGKILL, process: NONE };
  },
  bad: "ESRCH",
  errnos: {
    ESRCH: async () => ({ opcode: Opcode.KillProcess, pid: 0x7fffffff, signal: SIGKILL, process: NONE }),
    EINVAL: async () => ({ opcode: Opcode.KillProcess, pid: 0, signal: 65, process: NOBODY }),
  },
};

/** A running echo, killed when the case is over. */
async function echo(t: Trial) {
  const process = await t.process("echo");
  await t.start(process.process);
  t.after(() => t.end(process.process));
  return process;
}

const IN = PollEvent.POLLIN;
const OUT = PollEvent.POLLOUT;

export const streamRead: OpcodeCases = {
  good: async (t) => {
    const { streams } = await echo(t);
    await t.peer.ok({ opcode: Opcode.StreamWrite, ofd: streams[0], data: await t.peer.place("there and back") });
    const polled = await t.peer.ok({ opcode: Opcode.StreamPoll, ofd: streams[1], events: IN });
    t.check(polled.value > 0n && polled.value <= 14n, `StreamPoll counts ${polled.value} bytes of at most 14`);
    return { opcode: Opcode.StreamRead, ofd: streams[1], reply: await t.peer.room(64) };
  },
  async check(t, { result }, ask) {
    if (ask.opcode !== Opcode.StreamRead) return;
    t.equal(await t.peer.text(ask.reply, Number(result)), "there and back", "the bytes");
    await t.peer.refused({ ...ask, reply: await t.peer.room(64) }, "EAGAIN");
  },
  bad: "EBADF",
  errnos: {
    EBADF: async (t) => ({ opcode: Opcode.StreamRead, ofd: NOBODY, reply: await t.peer.room(8) }),
    EINVAL: async (t) => ({ opcode: Opcode.StreamRead, ofd: (await echo(t)).streams[1], reply: outside(t) }),
    EAGAIN: async (t) => ({
      opcode: Opcode.StreamRead,
      ofd: (await echo(t)).streams[1],
      reply: await t.peer.room(8),
    }),
    ENOMEM: FULL,
  },
};

export const streamWrite: OpcodeCases = {
  good: async (t) => {
    const { streams } = await echo(t);
    return { opcode: Opcode.StreamWrite, ofd: streams[0], data: await t.peer.place("bytes") };
  },
  async check(t, { result }) {
    t.equal(result, 5n, "the count of bytes");
  },
  bad: "EBADF",
  errnos: {
    EBADF: async (t) => ({ opcode: Opcode.StreamWrite, ofd: NOBODY, data: await t.peer.place("x") }),
    EINVAL: async (t) => ({ opcode: Opcode.StreamWrite, ofd: (await echo(t)).streams[0], data: outside(t) }),
    EAGAIN: async (t) => {
      // It never runs, so nobody takes anything from the pipe: what fits goes in, then nothing does.
      const { streams } = await t.process("echo");
      const data = await t.peer.place(new Uint8Array(MORE_THAN_A_PIPE));
      const { result } = await t.peer.ok({ opcode: Opcode.StreamWrite, ofd: streams[0], data });
      t.equal(result, BigInt(Limit.PipeBytes), "the count of bytes that fit");
      return { opcode: Opcode.StreamWrite, ofd: streams[0], data };
    },
    EPIPE: async (t) => {
      const { process, streams } = await t.process("echo");
      await t.start(process);
      await t.end(process);
      return { opcode: Opcode.StreamWrite, ofd: streams[0], data: await t.peer.place("x") };
    },
    EFBIG: "needs a file of the largest size",
    ENOSPC: FULL,
    ENOMEM: FULL,
  },
};

export const streamPoll: OpcodeCases = {
  good: async (t) => ({ opcode: Opcode.StreamPoll, ofd: (await echo(t)).streams[0], events: OUT }),
  async check(t, { result }, ask) {
    t.equal(result, BigInt(OUT), "the events of an empty pipe's write end");
    // Its reader is gone: an error, whatever is asked.
    const { process, streams } = await t.process("echo");
    await t.start(process);
    await t.end(process);
    const polled = await t.peer.ok({ ...ask, opcode: Opcode.StreamPoll, ofd: streams[0], events: 0 });
    t.equal(polled.result, BigInt(PollEvent.POLLERR), "the events of a pipe without a reader");
  },
  bad: "EBADF",
  cancelled: async (t) => {
    const { streams } = await echo(t);
    await cancelWaiting(t, { opcode: Opcode.StreamPoll, ofd: streams[1], events: IN });
    // A stream that is closed while somebody waits for it is none.
    const [id = 0] = await t.peer.send({ opcode: Opcode.StreamPoll, ofd: streams[1], events: IN });
    await t.peer.ok({ opcode: Opcode.Noop });
    t.check(!(await t.peer.answered(id)), "StreamPoll does not wait");
    await t.peer.ok({ opcode: Opcode.StreamClose, ofd: streams[1] });
    t.equal(resultText((await t.peer.answer(id)).result), "EBADF", "the result where the stream was closed");
  },
  errnos: {
    EBADF: async () => ({ opcode: Opcode.StreamPoll, ofd: NOBODY, events: IN }),
    ENOMEM: FULL,
    ECANCELED: BY_CANCEL,
  },
};

export const makeMemfd: OpcodeCases = {
  good: async (t) => ({ opcode: Opcode.MakeMemfd, name: await t.peer.place("program") }),
  async check(t, { handle: ofd }) {
    // In pieces, as what is larger than an arena comes.
    const bytes = exits(7);
    for (let at = 0; at < bytes.length; at += 100) {
      const data = await t.peer.place(bytes.subarray(at, at + 100));
      await t.peer.ok({ opcode: Opcode.StreamWrite, ofd, data });
    }
    const ask = { ...(await t.program("program")), program: ofd.index };
    await t.peer.ok(ask);
    // The process holds its program.
    await t.peer.ok({ opcode: Opcode.StreamClose, ofd });
    const { process } = await t.registered(ask.reply);
    await t.start(process);
    t.equal((await t.wait(process)).value, exitedWith(7), "the wait status");
  },
  bad: "EINVAL",
  errnos: {
    EINVAL: async (t) => {
      for (const name of ["n".repeat(250), "a\0b"])
        await t.peer.refused({ opcode: Opcode.MakeMemfd, name: await t.peer.place(name) }, "EINVAL");
      return { opcode: Opcode.MakeMemfd, name: outside(t) };
    },
    ENFILE: FULL,
    ENOMEM: FULL,
  },
};

export const streamClose: OpcodeCases = {
  good: async (t) => ({ opcode: Opcode.StreamClose, ofd: (await t.process("echo")).streams[0] }),
  check: async (t, _, ask) => {
    await t.peer.refused(ask, "EBADF");
  },
  bad: "EBADF",
  errnos: { EBADF: async () => ({ opcode: Opcode.StreamClose, ofd: NOBODY }) },
};

/** The only thread of a process, once it has this run state. */
async function threadOf(t: Trial, process: SlotHandleData, state: number): Promise<SlotHandleData> {
  t.need("memory");
  let found: SlotHandleData | undefined;
  await t.until(`a thread of process ${process.index} in state ${state}`, async () => {
    const { base, stride, highWater } = await t.table(SlotKind.Thread);
    for (let index = 1; index < highWater && found === undefined; index++) {
      const bytes = await t.machine.read(base + index * stride, stride);
      const slot = new ThreadSlot(memOf(bytes), 0);
      const { generation } = slot.header;
      if ((generation & 1) === 1 && slot.state.process === process.index && slot.state.runState === state)
        found = { index, generation };
    }
    return found !== undefined;
  });
  return found ?? NOBODY;
}

export const resumeBlockedSyscall: OpcodeCases = {
  good: async (t) => {
    const { process, streams } = await t.process("echo");
    await t.start(process);
    // Its read(2) answers 4, though nothing was written: it copies what its memory has, 0.
    const thread = await threadOf(t, process, ThreadRunState.Blocked);
    t.after(async () => {
      await t.peer.ok({ opcode: Opcode.StreamPoll, ofd: streams[1], events: IN });
      const reply = await t.peer.room(64);
      const { result } = await t.peer.ok({ opcode: Opcode.StreamRead, ofd: streams[1], reply });
      t.equal(await t.peer.text(reply, Number(result)), "\0\0\0\0", "the bytes that were never written");
      await t.peer.ok({ opcode: Opcode.StreamClose, ofd: streams[0] });
      t.equal((await t.wait(process)).value, exitedWith(ECHO_CODE), "the wait status");
    });
    return { opcode: Opcode.ResumeBlockedSyscall, thread, result: 4n };
  },
  bad: "ESRCH",
  errnos: {
    ESRCH: async () => ({ opcode: Opcode.ResumeBlockedSyscall, thread: NOBODY, result: 0n }),
    EINVAL: async (t) => {
      const { process } = await t.process("exits");
      const thread = await threadOf(t, process, ThreadRunState.Prepared);
      return { opcode: Opcode.ResumeBlockedSyscall, thread, result: 0n };
    },
  },
};

export const createOwner: OpcodeCases = {
  good: async () => ({ opcode: Opcode.CreateOwner, budget: 2 }),
  async check(t, { handle }) {
    t.check((handle.generation & 1) === 1, `the owner's generation ${handle.generation} is even: not in use`);
    if (t.machine.features.has("memory"))
      t.equal(new OwnerSlot(await t.slot(SlotKind.Owner, handle.index), 0).toData().budget, 2, "the owner's budget");
    await t.peer.ok({ opcode: Opcode.CloseOwner, owner: handle });
  },
  bad: "ENOSPC",
  errnos: {
    ENOSPC: async (t) => {
      for (let i = 0; i < 1000; i++) {
        const { result, handle } = await t.peer.request({ opcode: Opcode.CreateOwner, budget: 0 });
        if (result < 0n) break;
        t.after(() => t.peer.ok({ opcode: Opcode.CloseOwner, owner: handle }));
      }
      return { opcode: Opcode.CreateOwner, budget: 0 };
    },
    ENOMEM: FULL,
  },
};

export const closeOwner: OpcodeCases = {
  good: async (t) => {
    const { handle } = await t.peer.ok({ opcode: Opcode.CreateOwner, budget: 0 });
    const { process } = await t.process("echo", { owner: handle.index });
    await t.start(process);
    t.after(() => t.peer.refused({ opcode: Opcode.WaitProcess, process }, "ESRCH"));
    // Where the request was cancelled, the owner is still there.
    t.after(() => t.peer.request({ opcode: Opcode.CloseOwner, owner: handle }));
    return { opcode: Opcode.CloseOwner, owner: handle };
  },
  check: async (t, _, ask) => {
    await t.peer.refused(ask, "ESRCH");
  },
  bad: "ESRCH",
  errnos: {
    ESRCH: async () => ({ opcode: Opcode.CloseOwner, owner: NOBODY }),
    // The default owner is slot 1, made once.
    EPERM: byHost({ opcode: Opcode.CloseOwner, owner: { index: 1, generation: 1 } }),
    ECANCELED: BY_CANCEL,
  },
};

export const resizeTerminal: OpcodeCases = {
  good: async (t) => {
    const before = await sizes(t);
    const ofd = await master(t);
    t.after(async () => {
      if (before !== undefined)
        t.check((await sizes(t))?.includes("132x43") === true, "no terminal has 132 columns and 43 rows");
    });
    if (before !== undefined)
      t.check((await sizes(t))?.includes("80x24") === true, "no terminal has 80 columns and 24 rows");
    return { opcode: Opcode.ResizeTerminal, ofd, columns: 132, rows: 43 };
  },
  bad: "ENOTTY",
  errnos: {
    EBADF: async () => ({ opcode: Opcode.ResizeTerminal, ofd: NOBODY, columns: 80, rows: 24 }),
    EINVAL: async (t) => ({ opcode: Opcode.ResizeTerminal, ofd: await master(t), columns: 65536, rows: 24 }),
    ENOTTY: async (t) => {
      const ofd = (await t.process("echo")).streams[0];
      return { opcode: Opcode.ResizeTerminal, ofd, columns: 80, rows: 24 };
    },
  },
};

/** What sizes the machine's terminals have, undefined where its memory is not to be seen. */
async function sizes(t: Trial): Promise<string[] | undefined> {
  if (!t.machine.features.has("memory")) return undefined;
  const { highWater } = await t.table(SlotKind.Tty);
  const found: string[] = [];
  for (let index = 1; index < highWater; index++) {
    const { header, state } = new TtySlot(await t.slot(SlotKind.Tty, index), 0).toData();
    if ((header.generation & 1) === 1) found.push(`${state.winsize.col}x${state.winsize.row}`);
  }
  return found;
}

async function master(t: Trial): Promise<SlotHandleData> {
  return (await t.process("echo", { stdio: StdioKind.Pty })).streams[0];
}
