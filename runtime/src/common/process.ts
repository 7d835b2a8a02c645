/** Processes of the machine as this client sees them. */
import {
  abortReason,
  Opcode,
  RegisterProcessReply,
  type RpcClient,
  type SlotHandleData,
  StdioKind,
  SystemError,
} from "@foreshore/abi";
import type { FileSystem } from "./fs.ts";
import { closeStream, collect, readableStream, writableStream } from "./streams.ts";
import { align8, encodeText, type PathLike, pathBytes, pathText } from "./text.ts";
import { type ExitStatus, exitStatus, type SignalName, signalNumber } from "./wait-status.ts";

export type StdinOption = "pipe" | "null" | Uint8Array | string | ReadableStream<Uint8Array>;
export type StdoutOption = "pipe" | "null" | WritableStream<Uint8Array>;

export interface SpawnOptions {
  /** argv[0]. Default: the program's path. */
  readonly argv0?: string | undefined;
  /** The whole environment. Default: none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default `/`. */
  readonly cwd?: PathLike | undefined;
  /** "pipe" (default): `process.stdin`; "null": /dev/null; bytes, text or a stream: written to the guest, then closed. */
  readonly stdin?: StdinOption | undefined;
  /** "pipe" (default): `process.stdout`; "null": /dev/null; a stream: written there, see `process.forwarded`. */
  readonly stdout?: StdoutOption | undefined;
  readonly stderr?: StdoutOption | undefined;
  /**
   * "pty": a new terminal is stdin, stdout and stderr, and controls the session that the process leads: see
   * `process.terminal`. The options stdin, stdout and stderr are left out then.
   */
  readonly stdio?: "pty" | undefined;
  /** Size of the terminal in characters, 0 to 65,535. Default 80 by 24. */
  readonly cols?: number | undefined;
  readonly rows?: number | undefined;
  /** Aborting kills the process (SIGKILL); before it runs, `spawn` rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Output of a process that has ended. */
export interface ProcessOutput extends ExitStatus {
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: Uint8Array<ArrayBuffer>;
}

/** The host's side of a terminal. It hangs up (SIGHUP) when both streams have been closed or cancelled. */
export interface Terminal {
  /** What the terminal shows. Ends when no process has the terminal open any more. Unread output stops who writes it. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** What is typed. In raw mode nothing is lost: writes wait for the reader. Writes fail with EPIPE once the process has ended. */
  readonly writable: WritableStream<Uint8Array>;
}

export class Process {
  readonly pid: number;
  /** Null unless `stdio` was "pty". */
  readonly terminal: Terminal | null;
  /** Writes to the guest's stdin; null unless `stdin` was "pipe". */
  readonly stdin: WritableStream<Uint8Array> | null;
  /** What the guest writes; null unless the option was "pipe". Unread output stops the guest when its pipe is full. */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** Settles when the process has ended; output may still be unread then. */
  readonly exit: Promise<ExitStatus>;
  /** Settles when all that goes to streams given to `spawn` has been written; with their error when one failed. */
  readonly forwarded: Promise<void>;
  readonly #client: RpcClient;
  readonly #handle: SlotHandleData;
  readonly #master: SlotHandleData | null;

  /** Processes are made by `spawn`. */
  constructor(client: RpcClient, started: StartedProcess) {
    this.#client = client;
    this.#handle = started.handle;
    this.pid = started.pid;
    this.#master = started.master;
    this.terminal = started.terminal;
    this.stdin = started.stdin;
    this.stdout = started.stdout;
    this.stderr = started.stderr;
    this.forwarded = started.forwarded;
    this.exit = started.exit;
  }

  /**
   * kill(2) on this process. A process that has ended is no error.
   * @param signal name or number; default SIGTERM
   */
  async kill(signal: SignalName | number = "SIGTERM"): Promise<void> {
    try {
      await killProcess(this.#client, this.#handle, this.pid, signalNumber(signal));
    } catch (error) {
      if (!(error instanceof SystemError && (error.code === "ESRCH" || error.code === "EBADF"))) throw error;
    }
  }

  /**
   * Tells the terminal its size in characters; when it changes, its foreground processes get SIGWINCH. A terminal that is
   * gone is no error.
   * @throws RangeError unless both are whole numbers from 0 to 65,535; TypeError without a terminal
   */
  async resize(cols: number, rows: number): Promise<void> {
    const ofd = this.#master;
    if (ofd === null) throw new TypeError('the process has no terminal: spawn it with stdio: "pty"');
    checkSize(cols, rows);
    try {
      await this.#client.call({
        syscall: "resize",
        bytes: 0,
        encode: () => ({ opcode: Opcode.ResizeTerminal, flags: 0, requestId: 0, ofd, columns: cols, rows }),
        decode: () => undefined,
      });
    } catch (error) {
      if (!(error instanceof SystemError && error.code === "EBADF")) throw error;
    }
  }

  /** Reads stdout and stderr to their ends and waits for the exit. */
  async output(): Promise<ProcessOutput> {
    const none = Promise.resolve(new Uint8Array(0));
    const [stdout, stderr, status] = await Promise.all([
      this.stdout === null ? none : collect(this.stdout),
      this.stderr === null ? none : collect(this.stderr),
      this.exit,
    ]);
    return { ...status, stdout, stderr };
  }
}

interface StartedProcess {
  readonly handle: SlotHandleData;
  readonly master: SlotHandleData | null;
  readonly terminal: Terminal | null;
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array> | null;
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  readonly exit: Promise<ExitStatus>;
  readonly forwarded: Promise<void>;
}

interface Registered {
  readonly handle: SlotHandleData;
  readonly pid: number;
  /** OFDs of our ends; index 0 where there is no pipe. */
  readonly streams: readonly [SlotHandleData, SlotHandleData, SlotHandleData];
}

const MAX_SIZE = 0xffff;
const DEFAULT_COLS = 80;
const DEFAULT_ROWS = 24;

function checkSize(cols: number, rows: number): void {
  for (const [name, value] of Object.entries({ cols, rows })) {
    if (!Number.isInteger(value) || value < 0 || value > MAX_SIZE)
      throw new RangeError(`${name} is ${value}; it is a whole number from 0 to ${MAX_SIZE}`);
  }
}

export function killProcess(client: RpcClient, process: SlotHandleData, pid: number, signal: number): Promise<void> {
  return client.call({
    syscall: "kill",
    bytes: 0,
    encode: () => ({ opcode: Opcode.KillProcess, flags: 0, requestId: 0, pid, signal, process }),
    decode: () => undefined,
  });
}

/** Programs given as bytes are files here while they start. */
const PROGRAM_FOLDER = "/run/foreshore";
let programs = 0;

/**
 * Starts a program: a path in the machine, or an ELF file's bytes.
 * @throws SystemError ENOENT, EACCES, ENOEXEC, ENOMEM, E2BIG… as execve(2)
 */
export async function spawnProcess(
  client: RpcClient,
  fs: FileSystem,
  owner: number,
  program: PathLike | ProgramBytes,
  args: readonly string[],
  options: SpawnOptions,
): Promise<Process> {
  const { signal } = options;
  if (signal?.aborted === true) throw abortReason(signal);
  if (!(program instanceof ProgramBytes)) return await start(client, owner, program, args, options);
  programs++;
  const path = `${PROGRAM_FOLDER}/program-${programs}`;
  await fs.mkdir(PROGRAM_FOLDER, { recursive: true });
  await fs.writeFile(path, program.bytes, { mode: 0o755 });
  try {
    return await start(client, owner, path, args, options);
  } finally {
    await fs.unlink(path);
  }
}

/** Tells an executable's bytes from a path given as bytes. */
export class ProgramBytes {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

async function start(
  client: RpcClient,
  owner: number,
  program: PathLike,
  args: readonly string[],
  options: SpawnOptions,
): Promise<Process> {
  const { cols = DEFAULT_COLS, rows = DEFAULT_ROWS } = options;
  checkSize(cols, rows);
  const pty = options.stdio === "pty";
  if (pty && (options.stdin ?? options.stdout ?? options.stderr) !== undefined)
    throw new TypeError('stdin, stdout and stderr are the terminal where stdio is "pty"');
  const registered = await register(client, owner, program, args, options);
  const [stdinOfd, stdoutOfd, stderrOfd] = registered.streams;
  try {
    options.signal?.throwIfAborted();
    await client.call({
      syscall: "spawn",
      path: pathText(program),
      bytes: 0,
      encode: () => ({ opcode: Opcode.StartProcess, flags: 0, requestId: 0, process: registered.handle }),
      decode: () => undefined,
    });
  } catch (error) {
    // A process that never ran leaves nothing behind.
    await Promise.allSettled([
      killProcess(client, registered.handle, registered.pid, 9),
      ...registered.streams.filter((ofd) => ofd.index !== 0).map((ofd) => closeStream(client, ofd)),
    ]);
    throw error;
  }
  const exit = client.call({
    syscall: "wait",
    bytes: 0,
    encode: () => ({ opcode: Opcode.WaitProcess, flags: 0, requestId: 0, process: registered.handle }),
    decode: (_result, reply) => exitStatus(reply.valueLo),
  });
  // Whoever does not wait for the exit must not be ended by a machine that stops.
  exit.catch(() => undefined);
  killOnAbort(client, registered, exit, options.signal);

  const input = stdinOfd.index === 0 ? undefined : writableStream(client, stdinOfd);
  const stdin = input?.stream ?? null;
  // As a pipe of Linux whose last reader is gone: nothing written from now on is ever read.
  exit.then(
    () => input?.end(),
    () => undefined,
  );
  const stdout = stdoutOfd.index === 0 ? null : readableStream(client, stdoutOfd);
  const stderr = stderrOfd.index === 0 ? null : readableStream(client, stderrOfd);
  if (pty && stdin !== null && stdout !== null) {
    return new Process(client, {
      ...registered,
      master: stdinOfd,
      terminal: { readable: stdout, writable: stdin },
      stdin: null,
      stdout: null,
      stderr: null,
      exit,
      forwarded: Promise.resolve(),
    });
  }
  feed(stdin, options.stdin);
  const forwarded = Promise.all([forward(stdout, options.stdout), forward(stderr, options.stderr)]).then(
    () => undefined,
  );
  forwarded.catch(() => undefined);
  return new Process(client, {
    ...registered,
    master: null,
    terminal: null,
    stdin: isPipe(options.stdin) ? stdin : null,
    stdout: isPipe(options.stdout) ? stdout : null,
    stderr: isPipe(options.stderr) ? stderr : null,
    exit,
    forwarded,
  });
}

function register(
  client: RpcClient,
  owner: number,
  program: PathLike,
  args: readonly string[],
  options: SpawnOptions,
): Promise<Registered> {
  const path = pathBytes(program);
  const cwd = pathBytes(options.cwd ?? "/");
  const argv = [options.argv0 ?? pathText(program), ...args];
  const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const strings = nulTerminated([...argv, ...env]);
  const stringsAt = align8(path.length);
  const cwdAt = stringsAt + align8(strings.length);
  const replyAt = cwdAt + align8(cwd.length);
  const kind = (option: StdinOption | StdoutOption | undefined): StdioKind =>
    options.stdio === "pty" ? StdioKind.Pty : stdioKind(option);
  return client.call({
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
        owner,
        stdin: kind(options.stdin),
        stdout: kind(options.stdout),
        stderr: kind(options.stderr),
        reply: { offset: at + replyAt, length: RegisterProcessReply.SIZE },
        columns: options.cols ?? DEFAULT_COLS,
        rows: options.rows ?? DEFAULT_ROWS,
      };
    },
    decode: (_result, _reply, at): Registered => {
      const reply = new RegisterProcessReply(client.transport.mem, client.address(at + replyAt)).toData();
      return {
        handle: reply.process,
        pid: reply.pid,
        streams: [
          { index: reply.stdin, generation: reply.stdinGeneration },
          { index: reply.stdout, generation: reply.stdoutGeneration },
          { index: reply.stderr, generation: reply.stderrGeneration },
        ],
      };
    },
  });
}

/** argv and environment as execve(2) lays them out. */
function nulTerminated(strings: readonly string[]): Uint8Array {
  const nul = strings.find((text) => text.includes("\0"));
  if (nul !== undefined)
    throw new TypeError(`an argument or environment string contains a NUL byte: ${JSON.stringify(nul)}`);
  return encodeText(strings.map((text) => `${text}\0`).join(""));
}

function isPipe(option: StdinOption | StdoutOption | undefined): boolean {
  return option === undefined || option === "pipe";
}

function stdioKind(option: StdinOption | StdoutOption | undefined): StdioKind {
  return option === "null" ? StdioKind.Null : StdioKind.Pipe;
}

function killOnAbort(
  client: RpcClient,
  registered: Registered,
  exit: Promise<ExitStatus>,
  signal: AbortSignal | undefined,
): void {
  if (signal === undefined) return;
  const kill = (): void => {
    killProcess(client, registered.handle, registered.pid, 9).catch(() => undefined);
  };
  signal.addEventListener("abort", kill, { once: true });
  const forget = (): void => signal.removeEventListener("abort", kill);
  exit.then(forget, forget);
  if (signal.aborted) kill();
}

/** Writes what `spawn` was given for stdin. A guest that does not read it all is no error. */
function feed(stdin: WritableStream<Uint8Array> | null, option: StdinOption | undefined): void {
  if (stdin === null || option === undefined || option === "pipe" || option === "null") return;
  if (option instanceof ReadableStream) {
    option.pipeTo(stdin).catch(() => undefined);
    return;
  }
  const writer = stdin.getWriter();
  const bytes = typeof option === "string" ? encodeText(option) : option;
  writer
    .write(bytes)
    .then(() => writer.close())
    .catch(() => undefined);
}

async function forward(stream: ReadableStream<Uint8Array> | null, option: StdoutOption | undefined): Promise<void> {
  if (stream === null || option === undefined || typeof option === "string") return;
  await stream.pipeTo(option, { preventClose: true });
}
