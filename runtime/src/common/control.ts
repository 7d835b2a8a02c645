/**
 * The machine's side of the control channel: each connection is a client with rings of its own, driven by frames.
 *
 * Nothing that a peer sends can cost more than its own connection: frames are bounded, no more is in flight than the rings
 * take, what it does not read holds up only itself, and what it leaves behind is taken back. It is trusted as far as its
 * requests go: whoever reaches the channel may read and write files, start programs and signal every process.
 */
import {
  attachClient,
  ControlError,
  ControlFaultCode,
  ControlFrameKind,
  ControlHello,
  ControlStatus,
  type Duplex,
  decodeHello,
  detachClient,
  encodeHello,
  FrameEndpoint,
  FrameReader,
  FrameWriter,
  faultFrame,
  helloMismatch,
  type MachineHeader,
  RecordSource,
  type RpcClient,
  type SlotHandleData,
  type Transport,
} from "@foreshore/abi";
import { Belongings } from "./belongings.ts";
import type { LogLevel } from "./platform.ts";

/** What of a machine the control channel needs. */
export interface ControlMachine {
  /** Client 0: it attaches and detaches, and takes back what connections leave. */
  readonly client: RpcClient;
  /** Undefined where this thread cannot see the machine's memory. */
  readonly header: MachineHeader | undefined;
  /** The machine has ended. */
  readonly error: Error | undefined;
  /** The rings of client slot `client`, to be closed by the caller. */
  openTransport(client: number): Transport;
}

type Log = (level: LogLevel, text: string) => void;

/** How a connection ended: undefined when the peer hung up or `close` was called, else why it was cut off or refused. */
export type ControlEnd = Error | undefined;

export interface ControlConnection {
  /** Settles when the connection has ended and what it held is given back. */
  readonly ended: Promise<ControlEnd>;
  /** Hangs up. */
  close(): Promise<void>;
}

/** A peer that has begun to say something gets so long to finish. */
const LATE_MS = 10_000;
/** Nothing more is read from a peer that has not taken so many bytes. */
const UNREAD_BYTES = 1 << 20;
/** Connections that have not said hello, beside those that have a client slot. */
const MAX_WAITING = 32;
/** How long the last words may take. */
const LAST_MS = 300;

/** Takes connections for one machine. */
export class ControlServer {
  readonly #machine: ControlMachine;
  readonly #log: Log;
  readonly #connections = new Set<Connection>();
  #waiting = 0;

  constructor(machine: ControlMachine, log: Log) {
    this.#machine = machine;
    this.#log = log;
  }

  /** Connections that are open. */
  get size(): number {
    return this.#connections.size;
  }

  serve(duplex: Duplex): ControlConnection {
    const connection = new Connection(this.#machine, this.#log, duplex);
    if (this.#waiting >= MAX_WAITING) {
      duplex.close();
      return { ended: Promise.resolve(new ControlError("too many connections wait")), close: async () => undefined };
    }
    this.#connections.add(connection);
    this.#waiting++;
    let waits = true;
    const opened = (): void => {
      if (waits) this.#waiting--;
      waits = false;
    };
    const ended = connection.run(opened).finally(() => {
      opened();
      this.#connections.delete(connection);
    });
    return {
      ended,
      close: async () => {
        connection.hangUp();
        await ended;
      },
    };
  }

  /** The machine has ended: so do the connections, which are told. */
  async end(error: Error): Promise<void> {
    const all = [...this.#connections];
    for (const connection of all) connection.end(error);
    await Promise.allSettled(all.map((connection) => connection.ended));
  }
}

class Connection {
  readonly #machine: ControlMachine;
  readonly #log: Log;
  readonly #duplex: Duplex;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #belongings: Belongings;
  #endpoint: FrameEndpoint | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  /** Nothing of the peer is looked at any more. */
  #over = false;
  /** Why the connection ends, once it does. */
  #reason: ControlError | undefined;
  /** Ends the talk; what is in flight is still waited for. */
  #cut: (error: Error) => void = () => undefined;
  /** The rings or the machine are gone: there is nothing to wait for. */
  #broken: (error: Error) => void = () => undefined;
  ended: Promise<ControlEnd> = Promise.resolve(undefined);

  constructor(machine: ControlMachine, log: Log, duplex: Duplex) {
    this.#machine = machine;
    this.#log = log;
    this.#duplex = duplex;
    this.#reader = new FrameReader(duplex);
    this.#writer = new FrameWriter(duplex, () => duplex.close());
    this.#belongings = new Belongings();
  }

  /** @param opened called when the peer has a client slot, or never will */
  run(opened: () => void): Promise<ControlEnd> {
    this.ended = this.#run(opened);
    return this.ended;
  }

  hangUp(): void {
    this.#writer.close();
    this.#duplex.close();
  }

  /** Nothing more comes from the machine. */
  end(error: Error): void {
    if (this.#endpoint === undefined) this.hangUp();
    else this.#broken(error);
  }

  async #run(opened: () => void): Promise<ControlEnd> {
    let client: SlotHandleData | undefined;
    try {
      client = await this.#hello();
      opened();
      await this.#serve(client);
      return undefined;
    } catch (error) {
      return this.#reason ?? (error instanceof Error ? error : new ControlError(String(error)));
    } finally {
      clearTimeout(this.#late);
      this.hangUp();
      if (client !== undefined) await this.#leave(client);
    }
  }

  /** Both hellos; the client slot that the peer got. */
  async #hello(): Promise<SlotHandleData> {
    this.#patience(true);
    const bytes = await this.#reader.exactly(ControlHello.SIZE);
    this.#patience(false);
    if (this.#reason !== undefined) throw this.#reason;
    if (bytes === undefined) throw new ControlError("the peer left before it said hello");
    const mismatch = helloMismatch(decodeHello(bytes), "peer");
    if (mismatch !== undefined) throw await this.#refuse(ControlStatus.Version, mismatch);
    const { client, header } = this.#machine;
    if (header === undefined || this.#machine.error !== undefined) {
      throw await this.#refuse(ControlStatus.Unavailable, "the machine has stopped, or its memory cannot be seen here");
    }
    try {
      return await attachClient(client);
    } catch (error) {
      const busy = (error as { code?: unknown }).code === "ENOSPC";
      const why = busy ? "all client slots are in use" : "the machine has stopped";
      throw await this.#refuse(busy ? ControlStatus.Busy : ControlStatus.Unavailable, why);
    }
  }

  async #refuse(status: ControlStatus, why: string): Promise<ControlError> {
    this.#writer.push(encodeHello({ status, arenaBytes: 0 }));
    await this.#flushed();
    return new ControlError(why, ControlFaultCode.None, status);
  }

  async #serve(client: SlotHandleData): Promise<void> {
    const transport = this.#machine.openTransport(client.index);
    const broken = new Promise<never>((_, reject) => {
      this.#broken = reject;
    });
    broken.catch(() => undefined);
    const cut = new Promise<never>((_, reject) => {
      this.#cut = reject;
    });
    const endpoint = new FrameEndpoint(transport, {
      frame: (frame) => this.#writer.push(frame),
      refuse: (request) => this.#belongings.refusal(request),
      answered: (request, reply, bytes) => this.#belongings.answered(request, reply, bytes),
      failed: (error) => this.#broken(error),
    });
    this.#endpoint = endpoint;
    this.#writer.push(encodeHello({ status: ControlStatus.Ok, arenaBytes: transport.arenaBytes }));
    this.#reader.waiting = (begun) => this.#patience(begun);
    const records = new RecordSource(this.#machine.header!);
    try {
      await Promise.race([this.#frames(endpoint, records), cut, broken]);
    } catch (error) {
      await this.#fault(error);
      throw error;
    } finally {
      this.#over = true;
      this.hangUp();
      // What is in flight is told of before the client goes: it may have started programs.
      if (this.#machine.error === undefined) await Promise.race([endpoint.drain(), broken]).catch(() => undefined);
      transport.close();
    }
  }

  /** Takes frames until the peer hangs up. */
  async #frames(endpoint: FrameEndpoint, records: RecordSource): Promise<void> {
    for (;;) {
      await this.#writer.below(UNREAD_BYTES);
      const frame = await this.#reader.next();
      if (frame === undefined || this.#over) return;
      switch (frame.kind) {
        case ControlFrameKind.Request:
          endpoint.request(frame.bytes);
          endpoint.flush();
          break;
        case ControlFrameKind.Query:
          this.#writer.push(records.answer(frame.bytes));
          break;
        default:
          throw new ControlError(`a frame of kind ${frame.kind}`, ControlFaultCode.FrameKind);
      }
    }
  }

  /** A peer that has begun to say something is waited for, but not for ever. */
  #patience(begun: boolean): void {
    clearTimeout(this.#late);
    this.#late = undefined;
    if (!begun) return;
    this.#late = setTimeout(() => {
      this.#reason = new ControlError("the rest of a frame did not come", ControlFaultCode.Late);
      if (this.#endpoint === undefined) this.#duplex.close();
      else this.#cut(this.#reason);
    }, LATE_MS);
  }

  async #fault(error: unknown): Promise<void> {
    const code = error instanceof ControlError ? error.fault : ControlFaultCode.Stopped;
    if (code === ControlFaultCode.None) return;
    this.#writer.push(faultFrame(code, 0, 0));
    await this.#flushed();
    this.#writer.close();
  }

  async #flushed(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_MS);
    });
    await Promise.race([this.#writer.below(0), late]);
    clearTimeout(timer);
  }

  /** Gives the client slot and all that the connection held back. */
  async #leave(client: SlotHandleData): Promise<void> {
    if (this.#machine.error !== undefined) return;
    try {
      await this.#belongings.hangUp(this.#machine.client);
      await detachClient(this.#machine.client, client);
    } catch (thrown) {
      if (this.#machine.error === undefined) this.#log("warn", `a control connection left something behind: ${thrown}`);
    }
  }
}
