/**
 * The usual requests as functions: for frontends that have an RpcClient and nothing else, and for the Runtime, which is
 * made of them. Each rejects with SystemError for an errno of the kernel, and as `RpcClient.call` does.
 */
import {
  Errno,
  type KernelRuntimeStateData,
  PollEvent,
  ProcessRow,
  type ProcessRowData,
  ProcessRunState,
  type RegisterProcessReplyData,
  type SlotHandleData,
  StdioKind,
} from "../../ts/index.ts";
import { decodeText, encodeText, type PathLike, pathText } from "../core/text.ts";
import { ABI } from "../version.ts";
import { RpcProtocolError, SystemError } from "./errors.ts";
import type { CallOptions, RpcClient } from "./rpc-client.ts";
import { type ExitStatus, exitStatus } from "./wait-status.ts";

/** Room for a KernelRuntimeState, which grows with the versions. */
const STATE_BYTES = 8192;

/**
 * The first request of a client: what the machine is.
 * @throws SystemError EPROTO when it speaks another ABI
 */
export async function handshake(client: RpcClient): Promise<KernelRuntimeStateData> {
  const { payload } = await client.request.kernelInit({
    ...ABI,
    replyBytes: STATE_BYTES,
  });
  if (payload === undefined) throw new RpcProtocolError("kernel-init answers without the state that was asked for");
  return payload;
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
  const argv = [options.argv0 ?? pathText(program), ...args];
  const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const { payload } = await client.request.registerProcess(
    {
      path: program,
      strings: nulTerminated([...argv, ...env]),
      cwd: options.cwd ?? "/",
      argc: argv.length,
      envc: env.length,
      owner: options.owner,
      stdin: STDIO[options.stdin ?? "pipe"],
      stdout: STDIO[options.stdout ?? "pipe"],
      stderr: STDIO[options.stderr ?? "pipe"],
      columns: cols,
      rows,
      program: options.file?.index,
    },
    options,
    (answer) => void discardProcess(client, child(answer.payload)),
  );
  return child(payload);
}

function child({ process, pid, stdin, stdout, stderr }: RegisterProcessReplyData): Child {
  return { process, pid, streams: [stdin, stdout, stderr] };
}

/** Takes a process away that was not started: nothing is left of it. */
export async function discardProcess(client: RpcClient, child: Child): Promise<void> {
  const streams = child.streams.filter((ofd) => ofd.index !== 0);
  await Promise.allSettled([
    killProcess(client, child, SIGKILL),
    ...streams.map((ofd) => client.request.streamClose({ ofd })),
  ]);
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
    await client.request.startProcess({ process: child.process });
  } catch (error) {
    await discardProcess(client, child);
    throw error;
  }
  return child;
}

/** Waits for the end of a process that this client has started, and frees what is left of it. Once for each. */
export async function waitProcess(
  client: RpcClient,
  process: SlotHandleData,
  options?: CallOptions,
): Promise<ExitStatus> {
  return exitStatus((await client.request.waitProcess({ process }, options)).status);
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
  return client.request.killProcess({ ...target, signal });
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
export async function streamPoll(
  client: RpcClient,
  ofd: SlotHandleData,
  what: "read" | "write",
  options?: CallOptions,
): Promise<StreamEvents> {
  const wanted = what === "read" ? PollEvent.POLLIN : PollEvent.POLLOUT;
  const { events, bytes } = await client.request.streamPoll({ ofd, events: wanted }, options);
  return {
    readable: (events & PollEvent.POLLIN) !== 0,
    writable: (events & PollEvent.POLLOUT) !== 0,
    hungUp: (events & (PollEvent.POLLHUP | PollEvent.POLLERR)) !== 0,
    bytes,
  };
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
    const read = await unlessAgain(client.request.streamRead({ ofd, replyBytes: room }, options));
    if (read !== undefined) return read.payload;
    const ready = await streamPoll(client, ofd, "read", options);
    room = Math.min(most, Math.max(ready.bytes, LEAST_READ));
  }
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
    const data = bytes.subarray(from, from + STREAM_BYTES);
    const written = await unlessAgain(client.request.streamWrite({ ofd, data }, options));
    if (written !== undefined) {
      if (written.bytes > data.length || written.bytes === 0)
        throw new RpcProtocolError(`write answers ${written.bytes} for ${data.length} bytes`);
      from += written.bytes;
      continue;
    }
    // A terminal that nobody has open takes what fits.
    if (hungUp) throw new SystemError(Errno.EPIPE, "write");
    hungUp = (await streamPoll(client, ofd, "write", options)).hungUp;
  }
}

/**
 * A file without a place in the tree: `streamWrite` appends to it, `registerProcess` takes it as a program, `streamClose` lets go
 * of it. /proc shows it as /memfd:NAME (deleted).
 * @throws SystemError ENFILE, ENOMEM
 */
export async function makeMemfd(client: RpcClient, name: string, options?: CallOptions): Promise<SlotHandleData> {
  return (await client.request.makeMemfd({ name }, options)).ofd;
}

/**
 * Sets a terminal's size in characters, by its master: SIGWINCH to its foreground when it changes.
 * @throws RangeError unless both are whole numbers from 0 to 65,535
 */
export async function resizeTerminal(
  client: RpcClient,
  master: SlotHandleData,
  cols: number,
  rows: number,
): Promise<void> {
  checkTerminalSize(cols, rows);
  await client.request.resizeTerminal({ ofd: master, columns: cols, rows });
}

/** A process as the kernel describes it to any client: all of one moment. */
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
    const { count, payload } = await client.request.processes({ owner, replyBytes: room * ProcessRow.SIZE });
    if (count <= room) return payload.map(processInfo);
    // Some more than there were: processes come and go between the two requests.
    room = count + FIRST_ROWS;
  }
}

function processInfo(row: ProcessRowData): ProcessInfo {
  const end = row.comm.indexOf(0);
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
    command: decodeText(end < 0 ? row.comm : row.comm.subarray(0, end)),
  };
}
