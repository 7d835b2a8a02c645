/** Processes of the machine as this client sees them. */
import {
  abortReason,
  type Child,
  DEFAULT_ENV,
  discardProcess,
  type ExitStatus,
  encodeText,
  killProcess,
  makeMemfd,
  type PathLike,
  type ProgramOptions,
  type RpcClient,
  registerProcess,
  resizeTerminal,
  type SignalName,
  type SlotHandleData,
  type Stdio,
  SystemError,
  signalNumber,
  streamWrite,
  TERMINAL_ENV,
  waitProcess,
} from "@foreshore/abi";
import { collect, readableStream, writableStream } from "./streams.ts";

export type StdinOption = "pipe" | "null" | Uint8Array | string | ReadableStream<Uint8Array>;
export type StdoutOption = "pipe" | "null" | WritableStream<Uint8Array>;

export interface SpawnOptions {
  /** argv[0]. Default: the program's path. */
  readonly argv0?: string | undefined;
  /** The whole environment. Default: DEFAULT_ENV; with a terminal TERMINAL_ENV. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default `/`. */
  readonly cwd?: PathLike | undefined;
  /** "pipe" (default): `process.stdin`; "null": the machine's null device; bytes, text or a stream: written to the guest, then closed. */
  readonly stdin?: StdinOption | undefined;
  /** "pipe" (default): `process.stdout`; "null": the machine's null device; a stream: written there, see `process.forwarded`. */
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
      await killProcess(this.#client, { pid: this.pid, process: this.#handle }, signalNumber(signal));
    } catch (error) {
      if (!(error instanceof SystemError && (error.code === "ESRCH" || error.code === "EBADF"))) throw error;
    }
  }

  /**
   * Sets the terminal's size in characters; when it changes, its foreground processes get SIGWINCH. A terminal that is
   * gone is no error.
   * @throws RangeError unless both are whole numbers from 0 to 65,535; TypeError without a terminal
   */
  async resize(cols: number, rows: number): Promise<void> {
    const ofd = this.#master;
    if (ofd === null) throw new TypeError('the process has no terminal: spawn it with stdio: "pty"');
    try {
      await resizeTerminal(this.#client, ofd, cols, rows);
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

const SIGKILL = 9;

/** Name of a program that is given as bytes. */
const BYTES_NAME = "program";

/**
 * Starts a program: a path in the machine, or an ELF file's bytes, which nothing of the machine's tree then holds.
 * @throws SystemError ENOENT, EACCES, ENOEXEC, ENOMEM, E2BIG… as execve(2); ENOSPC for bytes that the machine has no room for
 */
export async function spawnProcess(
  client: RpcClient,
  owner: number,
  program: string | Uint8Array,
  args: readonly string[],
  options: SpawnOptions,
): Promise<Process> {
  const { signal } = options;
  if (signal?.aborted === true) throw abortReason(signal);
  if (typeof program === "string") return await start(client, owner, program, args, options);
  const file = await makeMemfd(client, BYTES_NAME, { signal });
  try {
    await streamWrite(client, file, program, { signal }).catch((error: unknown) => {
      throw error instanceof SystemError ? new SystemError(error.errno, "spawn", BYTES_NAME) : error;
    });
    return await start(client, owner, BYTES_NAME, args, options, file);
  } finally {
    await client.request.streamClose({ ofd: file }).catch(() => undefined);
  }
}

async function start(
  client: RpcClient,
  owner: number,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
  file?: SlotHandleData,
): Promise<Process> {
  const pty = options.stdio === "pty";
  if (pty && (options.stdin ?? options.stdout ?? options.stderr) !== undefined)
    throw new TypeError('stdin, stdout and stderr are the terminal where stdio is "pty"');
  const child = await registerProcess(client, program, args, {
    ...programOptions(owner, options),
    file,
    signal: options.signal,
  });
  const [stdinOfd, stdoutOfd, stderrOfd] = child.streams;
  try {
    options.signal?.throwIfAborted();
    await client.request.startProcess({ process: child.process });
  } catch (error) {
    await discardProcess(client, child);
    throw error;
  }
  const exit = waitProcess(client, child.process);
  // A caller that never waits for the exit gets no unhandled rejection when the machine stops.
  exit.catch(() => undefined);
  killOnAbort(client, child, exit, options.signal);

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
      handle: child.process,
      pid: child.pid,
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
    handle: child.process,
    pid: child.pid,
    master: null,
    terminal: null,
    stdin: isPipe(options.stdin) ? stdin : null,
    stdout: isPipe(options.stdout) ? stdout : null,
    stderr: isPipe(options.stderr) ? stderr : null,
    exit,
    forwarded,
  });
}

function isPipe(option: StdinOption | StdoutOption | undefined): boolean {
  return option === undefined || option === "pipe";
}

function programOptions(owner: number, options: SpawnOptions): ProgramOptions {
  const pty = options.stdio === "pty";
  const { argv0, env = pty ? TERMINAL_ENV : DEFAULT_ENV, cwd, cols, rows } = options;
  const kind = (option: StdinOption | StdoutOption | undefined): Stdio => {
    if (pty) return "pty";
    return option === "null" ? "null" : "pipe";
  };
  const { stdin, stdout, stderr } = options;
  return { argv0, env, cwd, cols, rows, owner, stdin: kind(stdin), stdout: kind(stdout), stderr: kind(stderr) };
}

function killOnAbort(
  client: RpcClient,
  child: Child,
  exit: Promise<ExitStatus>,
  signal: AbortSignal | undefined,
): void {
  if (signal === undefined) return;
  const kill = (): void => {
    killProcess(client, child, SIGKILL).catch(() => undefined);
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
