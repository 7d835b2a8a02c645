/** A program in a machine whose streams are this side's: over an attachment or a control channel, in a terminal or not. */
import {
  type Child,
  type ExitStatus,
  killProcess,
  resizeTerminal,
  type Session,
  type SlotHandleData,
  SystemError,
  spawn,
  streamRead,
  streamWrite,
  waitProcess,
} from "@foreshore/abi";

/** This side's streams. */
export interface ShellStreams {
  /** With it the program gets a terminal of this size, and `error` nothing. */
  readonly terminal?: { readonly cols: number; readonly rows: number } | undefined;
  /** What the program reads; its end is the program's end of file. */
  readonly input: AsyncIterable<Uint8Array>;
  output(bytes: Uint8Array): void | Promise<void>;
  error(bytes: Uint8Array): void | Promise<void>;
}

export interface ShellOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
}

export class RemoteShell {
  /** Settles when the program has ended and all that it wrote has been given to `output` and `error`. */
  readonly exit: Promise<ExitStatus>;
  readonly #session: Session;
  readonly #child: Child;

  private constructor(session: Session, child: Child, streams: ShellStreams) {
    this.#session = session;
    this.#child = child;
    this.exit = this.#run(streams);
  }

  /** @throws SystemError ENOENT, EACCES, ENOEXEC… as execve(2) */
  static async start(
    session: Session,
    program: string,
    args: readonly string[],
    streams: ShellStreams,
    options: ShellOptions = {},
  ): Promise<RemoteShell> {
    const { terminal } = streams;
    const stdio = terminal === undefined ? "pipe" : "pty";
    const child = await spawn(session.client, program, args, {
      ...options,
      ...terminal,
      stdin: stdio,
      stdout: stdio,
      stderr: stdio,
    });
    return new RemoteShell(session, child, streams);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** kill(2) on the program; one that has ended is no error. */
  async signal(number: number): Promise<void> {
    await killProcess(this.#session.client, this.#child, number).catch(unless("ESRCH"));
  }

  /** The terminal has another size. */
  async resize(cols: number, rows: number): Promise<void> {
    await resizeTerminal(this.#session.client, this.#child.streams[0], cols, rows).catch(unless("EBADF"));
  }

  async #run(streams: ShellStreams): Promise<ExitStatus> {
    const { client } = this.#session;
    const [input, output, error] = this.#child.streams;
    const exited = waitProcess(client, this.#child.process);
    const over = new AbortController();
    const fed = this.#feed(input, streams, over.signal);
    try {
      const [status] = await Promise.all([
        exited,
        this.#copy(output, (bytes) => streams.output(bytes)),
        this.#copy(error, (bytes) => streams.error(bytes)),
      ]);
      return status;
    } finally {
      over.abort();
      await fed;
      for (const ofd of new Set([input, output, error])) {
        if (ofd.index !== 0) await client.request.streamClose({ ofd }).catch(() => undefined);
      }
    }
  }

  async #copy(ofd: SlotHandleData, to: (bytes: Uint8Array) => void | Promise<void>): Promise<void> {
    if (ofd.index === 0) return;
    for (;;) {
      const bytes = await streamRead(this.#session.client, ofd);
      if (bytes.length === 0) return;
      await to(bytes);
    }
  }

  /** Gives the program what comes in, until it reads no more or has ended. */
  async #feed(ofd: SlotHandleData, { input, terminal }: ShellStreams, signal: AbortSignal): Promise<void> {
    const { client } = this.#session;
    const chunks = input[Symbol.asyncIterator]();
    const ended = new Promise<undefined>((resolve) => {
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    try {
      for (;;) {
        const next = await Promise.race([chunks.next(), ended]);
        if (next === undefined) return;
        if (next.done === true) break;
        await streamWrite(client, ofd, next.value, { signal });
      }
      // A terminal has no end of file; a pipe has.
      if (terminal === undefined) await client.request.streamClose({ ofd });
    } catch {
      // The program closed its input, or the session ended: whoever waits for the exit is told.
    }
  }
}

/** Lets one errno pass. */
function unless(code: string): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof SystemError && error.code === code)) throw error;
  };
}
