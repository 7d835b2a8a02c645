/**
 * The usual requests as functions: for frontends that have an RpcClient and nothing else, and for the Runtime, which is
 * made of them. Each rejects with SystemError for an errno of the kernel, and as `RpcClient.call` does.
 */
import {
  AbiVersion,
  Errno,
  type KernelRuntimeStateData,
  type KernelWorkerRequest,
  LayoutHashHi,
  LayoutHashLo,
  MachineCounters,
  type MachineCountersData,
  Opcode,
  PollEvent,
  ProcessRow,
  ProcessRunState,
  RegisterProcessReply,
  type ReplyEvent,
  readKernelRuntimeState,
  type SlotHandleData,
  StdioKind,
} from "../../ts/index.ts";
import { RpcProtocolError, SystemError } from "./errors.ts";
import type { CallOptions, CallSpec, RpcClient } from "./rpc-client.ts";
import { align8, decodeText, encodeText, type PathLike, pathBytes, pathText } from "./text.ts";
import { type ExitStatus, exitStatus } from "./wait-status.ts";

type Entry<E> = E extends KernelWorkerRequest ? Omit<E, "flags" | "requestId"> : never;

/** A request without payload. */
function ask<T>(
  client: RpcClient,
  syscall: string,
  entry: Entry<KernelWorkerRequest>,
  decode: (result: number, reply: ReplyEvent) => T,
  options?: CallOptions & Pick<CallSpec<T>, "path" | "prompt" | "undo">,
): Promise<T> {
  const encode = (): KernelWorkerRequest => ({ ...entry, flags: 0, requestId: 0 }) as KernelWorkerRequest;
  const { path, prompt, undo } = options ?? {};
  const spec: CallSpec<T> = { syscall, path, bytes: 0, prompt: prompt ?? true, encode, decode };
  return client.call(undo === undefined ? spec : { ...spec, undo }, options);
}

const nothing = (): void => undefined;
const ignore = (): undefined => undefined;

/** Room for a KernelRuntimeState, which grows with the versions. */
const STATE_BYTES = 8192;

/**
 * The first request of a client: what the machine is.
 * @throws SystemError EPROTO when it speaks another ABI
 */
export function handshake(client: RpcClient): Promise<KernelRuntimeStateData> {
  return client.call({
    syscall: "kernel-init",
    bytes: STATE_BYTES,
    prompt: true,
    encode: (at) => ({
      opcode: Opcode.KernelInit,
      flags: 0,
      requestId: 0,
      abiMajor: AbiVersion.Major,
      abiMinor: AbiVersion.Minor,
      layoutHashLo: LayoutHashLo,
      layoutHashHi: LayoutHashHi,
      reply: { offset: at, length: STATE_BYTES },
    }),
    decode: (result, _reply, at) => readKernelRuntimeState(client.bytes(at, result)),
  });
}

/** Does nothing: measures the way there and back. */
export function noop(client: RpcClient, options?: CallOptions): Promise<void> {
  return ask(client, "noop", { opcode: Opcode.Noop }, nothing, options);
}

/** Rings for another client: its slot. ENOSPC: all have users. */
export function attachClient(client: RpcClient): Promise<SlotHandleData> {
  return ask(client, "attach", { opcode: Opcode.AttachClient }, (_result, reply) => reply.handle.toData());
}

/** Takes another client's rings back and frees what it held. ESRCH: it is gone. */
export function detachClient(client: RpcClient, other: SlotHandleData): Promise<void> {
  return ask(client, "detach", { opcode: Opcode.DetachClient, client: other }, nothing);
}

/** What a standard stream of a new process is: a pipe to this client, the machine's null device, or the slave of a new terminal. */
export type Stdio = "pipe" | "null" | "pty";

const STDIO: Readonly<Record<Stdio, StdioKind>> = {
  null: StdioKind.Null,
  pipe: StdioKind.Pipe,
  pty: StdioKind.Pty,
};

export interface ProgramOptions {
  /** argv[0]. Default: the program's path. */
  readonly argv0?: string | undefined;
  /** The whole environment. Default: none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default `/`. */
  readonly cwd?: PathLike | undefined;
  /** Default "pipe" each. Where stdin and stdout are "pty", both ends of this side are its master. */
  readonly stdin?: Stdio | undefined;
  readonly stdout?: Stdio | undefined;
  readonly stderr?: Stdio | undefined;
  /** Size of a terminal in characters, 0 to 65,535. Default 80 by 24. */
  readonly cols?: number | undefined;
  readonly rows?: number | undefined;
  /** Owner slot. Default: the machine's own. */
  readonly owner?: number | undefined;
  /** The program, from `makeMemfd`; its path is only a name then. */
  readonly file?: SlotHandleData | undefined;
}

/** A process that this client has made. */
export interface Child {
  readonly process: SlotHandleData;
  readonly pid: number;
  /** This side's ends of descriptors 0, 1 and 2, to be closed by it; index 0 where there is none. */
  readonly streams: readonly [SlotHandleData, SlotHandleData, SlotHandleData];
}

const DEFAULT_COLS = 80;
const DEFAULT_ROWS = 24;
const MAX_SIZE = 0xffff;

/** @throws RangeError unless both are whole numbers from 0 to 65,535 */
export function checkTerminalSize(cols: number, rows: number): void {
  for (const [name, value] of Object.entries({ cols, rows })) {
    if (!Number.isInteger(value) || value < 0 || value > MAX_SIZE)
      throw new RangeError(`${name} is ${value}; it is a whole number from 0 to ${MAX_SIZE}`);
  }
}

/** argv and environment as execve(2) lays them out. */
function nulTerminated(strings: readonly string[]): Uint8Array {
  const nul = strings.find((text) => text.includes("\0"));
  if (nul !== undefined)
    throw new TypeError(`an argument or environment string contains a NUL byte: ${JSON.stringify(nul)}`);
  return encodeText(strings.map((text) => `${text}\0`).join(""));
}

/**
 * Makes a process that does not run yet. One that is made although its caller has given up is discarded.
 * @param args argv without argv[0]
 * @throws SystemError ENOENT, EACCES, ENOEXEC, ENOMEM, E2BIG… as execve(2)
 */
export async function registerProcess(
  client: RpcClient,
  program: PathLike,
  args: readonly string[],
  options: ProgramOptions & CallOptions = {},
): Promise<Child> {
  const { cols = DEFAULT_COLS, rows = DEFAULT_ROWS } = options;
  checkTerminalSize(cols, rows);
  const path = pathBytes(program);
  const cwd = pathBytes(options.cwd ?? "/");
  const argv = [options.argv0 ?? pathText(program), ...args];
  const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const strings = nulTerminated([...argv, ...env]);
  const stringsAt = align8(path.length);
  const cwdAt = stringsAt + align8(strings.length);
  const replyAt = cwdAt + align8(cwd.length);
  const spec: CallSpec<Child> = {
    syscall: "spawn",
    path: pathText(program),
    bytes: replyAt + RegisterProcessReply.SIZE,
    encode: (at) => {
      client.bytes(at, path.length).set(path);
      client.bytes(at + stringsAt, strings.length).set(strings);
      client.bytes(at + cwdAt, cwd.length).set(cwd);
      return {
        opcode: Opcode.RegisterProcess,
        flags: 0,
        requestId: 0,
        path: { offset: at, length: path.length },
        strings: { offset: at + stringsAt, length: strings.length },
        cwd: { offset: at + cwdAt, length: cwd.length },
        argc: argv.length,
        envc: env.length,
        owner: options.owner ?? 0,
        stdin: STDIO[options.stdin ?? "pipe"],
        stdout: STDIO[options.stdout ?? "pipe"],
        stderr: STDIO[options.stderr ?? "pipe"],
        reply: { offset: at + replyAt, length: RegisterProcessReply.SIZE },
        columns: cols,
        rows,
        program: options.file?.index ?? 0,
      };
    },
    undo: (child) => void discardProcess(client, child),
    decode: (_result, _reply, at) => {
      const reply = new RegisterProcessReply(client.transport.mem, client.address(at + replyAt)).toData();
      return {
        process: reply.process,
        pid: reply.pid,
        streams: [
          { index: reply.stdin, generation: reply.stdinGeneration },
          { index: reply.stdout, generation: reply.stdoutGeneration },
          { index: reply.stderr, generation: reply.stderrGeneration },
        ],
      };
    },
  };
  return await client.call(spec, options);
}

/** Lets a process run that `registerProcess` has made. */
export function startProcess(client: RpcClient, child: Child, program: PathLike): Promise<void> {
  const entry = { opcode: Opcode.StartProcess, process: child.process } as const;
  return ask(client, "spawn", entry, nothing, { path: pathText(program) });
}

/** Takes a process away that was not started: nothing is left of it. */
export async function discardProcess(client: RpcClient, child: Child): Promise<void> {
  const streams = child.streams.filter((ofd) => ofd.index !== 0);
  await Promise.allSettled([killProcess(client, child, SIGKILL), ...streams.map((ofd) => streamClose(client, ofd))]);
}

const SIGKILL = 9;

/**
 * Starts a program.
 * @throws SystemError ENOENT, EACCES, ENOEXEC, ENOMEM, E2BIG… as execve(2)
 */
export async function spawn(
  client: RpcClient,
  program: PathLike,
  args: readonly string[] = [],
  options: ProgramOptions & CallOptions = {},
): Promise<Child> {
  const child = await registerProcess(client, program, args, options);
  try {
    options.signal?.throwIfAborted();
    await startProcess(client, child, program);
  } catch (error) {
    await discardProcess(client, child);
    throw error;
  }
  return child;
}

/** Waits for the end of a process that this client has started, and frees what is left of it. Once for each. */
export function waitProcess(client: RpcClient, process: SlotHandleData, options?: CallOptions): Promise<ExitStatus> {
  const entry = { opcode: Opcode.WaitProcess, process } as const;
  return ask(client, "wait", entry, (_result, reply) => exitStatus(reply.valueLo), { ...options, prompt: false });
}

/**
 * kill(2) on one process, by its handle, or on `pid` as there (negative: a group) without one.
 * @param signal 0 only looks whether it is there
 */
export function killProcess(
  client: RpcClient,
  target: { readonly pid: number; readonly process?: SlotHandleData },
  signal: number,
): Promise<void> {
  const { pid, process = { index: 0, generation: 0 } } = target;
  return ask(client, "kill", { opcode: Opcode.KillProcess, pid, signal, process }, nothing);
}

/** What a pipe holds (Limit.PipeBytes): a good size for reading and writing. */
export const STREAM_BYTES = 64 * 1024;

/** The events of poll(2) that are so. */
export interface StreamEvents {
  readonly readable: boolean;
  readonly writable: boolean;
  /** The other side is gone. */
  readonly hungUp: boolean;
  /** Bytes that can be read at once, where the stream counts them. */
  readonly bytes: number;
}

/** Waits until a stream can be read, or written, or its other side is gone. */
export function streamPoll(
  client: RpcClient,
  ofd: SlotHandleData,
  what: "read" | "write",
  options?: CallOptions,
): Promise<StreamEvents> {
  const events = what === "read" ? PollEvent.POLLIN : PollEvent.POLLOUT;
  const decode = (is: number, reply: ReplyEvent): StreamEvents => ({
    readable: (is & PollEvent.POLLIN) !== 0,
    writable: (is & PollEvent.POLLOUT) !== 0,
    hungUp: (is & (PollEvent.POLLHUP | PollEvent.POLLERR)) !== 0,
    bytes: reply.valueLo,
  });
  return ask(client, "poll", { opcode: Opcode.StreamPoll, ofd, events }, decode, { ...options, prompt: false });
}

/** What `attempt` gives; undefined for EAGAIN. */
async function unlessAgain<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.EAGAIN) return undefined;
    throw error;
  }
}

/** The least that is read at once: a program that writes lines is read in a few calls. */
const LEAST_READ = 4096;

/** The next bytes of a stream: at least one, at most `most`; none at its end. Waits for them, and holds no part of the arena meanwhile. */
export async function streamRead(
  client: RpcClient,
  ofd: SlotHandleData,
  most = STREAM_BYTES,
  options?: CallOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  for (let room = most; ; ) {
    const bytes = await unlessAgain(readNow(client, ofd, room, options));
    if (bytes !== undefined) return bytes;
    const ready = await streamPoll(client, ofd, "read", options);
    room = Math.min(most, Math.max(ready.bytes, LEAST_READ));
  }
}

function readNow(
  client: RpcClient,
  ofd: SlotHandleData,
  most: number,
  options: CallOptions | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  return client.call(
    {
      syscall: "read",
      bytes: most,
      encode: (at) => ({
        opcode: Opcode.StreamRead,
        flags: 0,
        requestId: 0,
        ofd,
        reply: { offset: at, length: most },
      }),
      decode: (result, _reply, at) => {
        if (result > most) throw new RpcProtocolError(`read answers ${result} bytes in a span of ${most}`);
        return new Uint8Array(client.bytes(at, result));
      },
    },
    options,
  );
}

/** Writes all of `bytes`, waiting for the reader; EPIPE when it is gone. */
export async function streamWrite(
  client: RpcClient,
  ofd: SlotHandleData,
  bytes: Uint8Array,
  options?: CallOptions,
): Promise<void> {
  let hungUp = false;
  for (let from = 0; from < bytes.length; ) {
    const written = await unlessAgain(writeNow(client, ofd, bytes.subarray(from, from + STREAM_BYTES), options));
    if (written !== undefined) {
      from += written;
      continue;
    }
    // A terminal that nobody has open takes what fits.
    if (hungUp) throw new SystemError(Errno.EPIPE, "write");
    hungUp = (await streamPoll(client, ofd, "write", options)).hungUp;
  }
}

function writeNow(
  client: RpcClient,
  ofd: SlotHandleData,
  part: Uint8Array,
  options: CallOptions | undefined,
): Promise<number> {
  return client.call(
    {
      syscall: "write",
      bytes: part.length,
      encode: (at) => {
        client.bytes(at, part.length).set(part);
        return { opcode: Opcode.StreamWrite, flags: 0, requestId: 0, ofd, data: { offset: at, length: part.length } };
      },
      decode: (result) => {
        if (result > part.length || result === 0)
          throw new RpcProtocolError(`write answers ${result} for ${part.length} bytes`);
        return result;
      },
    },
    options,
  );
}

/**
 * A file without a place in the tree: `streamWrite` appends to it, `registerProcess` takes it as a program, `streamClose` lets go
 * of it. /proc shows it as /memfd:NAME (deleted).
 * @throws SystemError ENFILE, ENOMEM
 */
export function makeMemfd(client: RpcClient, name: string, options?: CallOptions): Promise<SlotHandleData> {
  const bytes = encodeText(name);
  const spec: CallSpec<SlotHandleData> = {
    syscall: "memfd_create",
    bytes: Math.max(1, bytes.length),
    encode: (at) => {
      client.bytes(at, bytes.length).set(bytes);
      return { opcode: Opcode.MakeMemfd, flags: 0, requestId: 0, name: { offset: at, length: bytes.length } };
    },
    undo: (ofd) => void streamClose(client, ofd).catch(ignore),
    decode: (_result, reply) => reply.handle.toData(),
  };
  return client.call(spec, options);
}

/** Gives this side's end of a stream back: the guest sees end of file, or EPIPE. */
export function streamClose(client: RpcClient, ofd: SlotHandleData): Promise<void> {
  return ask(client, "close", { opcode: Opcode.StreamClose, ofd }, nothing);
}

/**
 * Tells a terminal, by its master, its size in characters: SIGWINCH to its foreground when it changes.
 * @throws RangeError unless both are whole numbers from 0 to 65,535
 */
export async function resizeTerminal(
  client: RpcClient,
  master: SlotHandleData,
  cols: number,
  rows: number,
): Promise<void> {
  checkTerminalSize(cols, rows);
  await ask(client, "resize", { opcode: Opcode.ResizeTerminal, ofd: master, columns: cols, rows }, nothing);
}

/** A process owner with a run queue of its own, and `budget` shares of hart time (0: as all others). */
export function createOwner(client: RpcClient, budget = 0): Promise<SlotHandleData> {
  return ask(client, "create-owner", { opcode: Opcode.CreateOwner, budget }, (_result, reply) => reply.handle.toData());
}

/** Kills an owner's processes and frees it; answers when they are gone. */
export function closeOwner(client: RpcClient, owner: SlotHandleData): Promise<void> {
  return ask(client, "close-owner", { opcode: Opcode.CloseOwner, owner }, nothing, { prompt: false });
}

/** Turns the trace of system calls, which the machine's host gets, on or off. */
export function setTrace(client: RpcClient, on: boolean): Promise<void> {
  return ask(client, "set-trace", { opcode: Opcode.SetTrace, syscalls: on ? 1 : 0 }, nothing);
}

/** The machine's counters, brought up to date. */
export function machineCounters(client: RpcClient): Promise<MachineCountersData> {
  return client.call({
    syscall: "diagnostics",
    bytes: MachineCounters.SIZE,
    prompt: true,
    encode: (at) => ({
      opcode: Opcode.Diagnostics,
      flags: 0,
      requestId: 0,
      reply: { offset: at, length: MachineCounters.SIZE },
    }),
    decode: (_result, _reply, at) => new MachineCounters(client.transport.mem, client.address(at)).toData(),
  });
}

/** A process as the kernel tells it to any client: all of one moment. */
export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly state: "prepared" | "running" | "stopped" | "zombie";
  readonly threads: number;
  readonly residentPages: number;
  /** Open file descriptors. */
  readonly fds: number;
  /** Guest instructions retired. */
  readonly instructions: number;
  readonly syscalls: number;
  /** Name of the program, at most 15 bytes of it. */
  readonly command: string;
}

const FIRST_ROWS = 64;
const STATES: Readonly<Record<number, ProcessInfo["state"]>> = {
  [ProcessRunState.Prepared]: "prepared",
  [ProcessRunState.Running]: "running",
  [ProcessRunState.Stopped]: "stopped",
  [ProcessRunState.Zombie]: "zombie",
};

/** @param owner owner slot, 0 for all processes of the machine */
export async function processes(client: RpcClient, owner = 0): Promise<ProcessInfo[]> {
  for (let room = FIRST_ROWS; ; ) {
    const answer = await readRows(client, owner, room);
    if (answer.count <= room) return answer.rows;
    // Some more than there were: processes come and go between the two requests.
    room = answer.count + FIRST_ROWS;
  }
}

function readRows(client: RpcClient, owner: number, room: number): Promise<{ count: number; rows: ProcessInfo[] }> {
  return client.call({
    syscall: "processes",
    bytes: room * ProcessRow.SIZE,
    prompt: true,
    encode: (at) => ({
      opcode: Opcode.Processes,
      flags: 0,
      requestId: 0,
      reply: { offset: at, length: room * ProcessRow.SIZE },
      owner,
    }),
    decode: (bytes, reply, at) => {
      const view = new ProcessRow(client.transport.mem);
      const row = (_: unknown, i: number): ProcessInfo =>
        processInfo(view.at(client.address(at) + i * ProcessRow.SIZE));
      const rows = Array.from({ length: Math.min(room, bytes / ProcessRow.SIZE) }, row);
      return { count: reply.valueLo, rows };
    },
  });
}

function processInfo(row: ProcessRow): ProcessInfo {
  const comm = row.commBytes().slice();
  const end = comm.indexOf(0);
  return {
    pid: row.pid,
    ppid: row.ppid,
    pgid: row.pgid,
    sid: row.sid,
    state: STATES[row.state] ?? "running",
    threads: row.threads,
    residentPages: row.residentPages,
    fds: row.fds,
    instructions: row.instret,
    syscalls: row.syscalls,
    command: decodeText(end < 0 ? comm : comm.subarray(0, end)),
  };
}
