/** One connection of the control channel: hellos, then frames until one side hangs up. */
import {
  ClientSlot,
  ControlError,
  ControlFaultCode,
  ControlFrameKind,
  ControlHello,
  ControlStatus,
  clientAddress,
  type Duplex,
  decodeHello,
  Errno,
  encodeHello,
  FrameEndpoint,
  FrameReader,
  FrameWriter,
  faultFrame,
  helloMismatch,
  type MachineHeader,
  RecordSource,
  type RpcClient,
  refusalFrame,
  SystemError,
  type Transport,
} from "@foreshore/abi";
import type { ClientSlots, SlotUser } from "./client-slots.ts";
import { HandleTable } from "./handle-table.ts";
import type { LogLevel } from "./platform.ts";

/** What the control channel needs of a machine. */
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

export type ControlLog = (level: LogLevel, text: string) => void;

/** How a connection ended: undefined when the peer hung up or `close` was called, else why it was cut off or refused. */
export type ControlEnd = Error | undefined;

/** A peer that has begun a frame gets so long to send the rest. */
const FRAME_MS = 10_000;
/** Nothing more is read from a peer that has left so many bytes unread. */
const MAX_UNREAD_BYTES = 1 << 20;
/** How long a peer may take to read why the connection ends. */
const FLUSH_MS = 300;

/** The rings of a connection's client slot, while it has one. */
interface Rings {
  readonly transport: Transport;
  readonly endpoint: FrameEndpoint;
}

export class Connection implements SlotUser {
  readonly #machine: ControlMachine;
  readonly #slots: ClientSlots;
  readonly #log: ControlLog;
  readonly #duplex: Duplex;
  readonly #busy: boolean;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #handles: HandleTable;
  #rings: Rings | undefined;
  /** Settles when no request for a client slot is under way. */
  #attaching: Promise<unknown> = Promise.resolve();
  /** Both hellos were exchanged. */
  #open = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Frames of the peer are no longer looked at. */
  #over = false;
  /** Why the connection ends, once it does. */
  #reason: ControlError | undefined;
  /** Ends the connection; what is in flight is still waited for. */
  #cut: (error: Error) => void = () => undefined;
  /** The rings or the machine are gone: there is nothing to wait for. */
  #broken: (error: Error) => void = () => undefined;
  ended: Promise<ControlEnd> = Promise.resolve(undefined);

  /** @param busy there are too many: it is refused */
  constructor(machine: ControlMachine, slots: ClientSlots, log: ControlLog, duplex: Duplex, busy: boolean) {
    this.#busy = busy;
    this.#machine = machine;
    this.#slots = slots;
    this.#log = log;
    this.#duplex = duplex;
    this.#reader = new FrameReader(duplex);
    this.#writer = new FrameWriter(duplex, () => duplex.close());
    this.#handles = new HandleTable();
  }

  get idle(): boolean {
    return (this.#rings === undefined || this.#rings.endpoint.inFlight === 0) && this.#handles.empty && this.#open;
  }

  releaseSlot(): void {
    this.#rings?.transport.close();
    this.#rings = undefined;
  }

  /** @param opened called when both hellos were exchanged */
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
    if (this.#open) this.#broken(error);
    else this.hangUp();
  }

  async #run(opened: () => void): Promise<ControlEnd> {
    try {
      const header = await this.#hello();
      opened();
      await this.#serve(header);
      return undefined;
    } catch (error) {
      return this.#reason ?? (error instanceof Error ? error : new ControlError(String(error)));
    } finally {
      clearTimeout(this.#timer);
      this.hangUp();
      await this.#leave();
    }
  }

  /** The peer's hello. */
  async #hello(): Promise<MachineHeader> {
    this.#deadline(true);
    const bytes = await this.#reader.exactly(ControlHello.SIZE);
    this.#deadline(false);
    if (this.#reason !== undefined) throw this.#reason;
    if (bytes === undefined) throw new ControlError("the peer left before it said hello");
    const mismatch = helloMismatch(decodeHello(bytes), "peer");
    if (mismatch !== undefined) throw await this.#refuse(mismatch.status, mismatch.why);
    if (this.#busy) throw await this.#refuse(ControlStatus.Busy, "there are too many connections");
    const { header, error } = this.#machine;
    if (header === undefined || error !== undefined) {
      const why = error?.message ?? "the machine's memory cannot be seen here";
      throw await this.#refuse(ControlStatus.Unavailable, why);
    }
    return header;
  }

  async #refuse(status: ControlStatus, why: string): Promise<ControlError> {
    this.#writer.push(encodeHello({ status, arenaBytes: 0 }));
    await this.#flushed();
    return new ControlError(why, ControlFaultCode.None, status);
  }

  async #serve(header: MachineHeader): Promise<void> {
    const broken = new Promise<never>((_, reject) => {
      this.#broken = reject;
    });
    broken.catch(() => undefined);
    const cut = new Promise<never>((_, reject) => {
      this.#cut = reject;
    });
    // All clients but the Runtime have arenas of one size.
    const { arenaBytes } = new ClientSlot(header.$mem, clientAddress(header, header.clientCount - 1));
    this.#writer.push(encodeHello({ status: ControlStatus.Ok, arenaBytes }));
    this.#open = true;
    this.#reader.waiting = (begun) => this.#deadline(begun);
    try {
      await Promise.race([this.#frames(new RecordSource(header)), cut, broken]);
    } catch (error) {
      await this.#fault(error);
      throw error;
    } finally {
      this.#over = true;
      this.hangUp();
      await this.#attaching;
      // Replies to what is in flight come before the client goes: they may name processes.
      const drained = this.#machine.error === undefined ? this.#rings?.endpoint.drain() : undefined;
      if (drained !== undefined) await Promise.race([drained, broken]).catch(() => undefined);
      this.releaseSlot();
    }
  }

  /** Takes frames until the peer hangs up. */
  async #frames(records: RecordSource): Promise<void> {
    for (;;) {
      await this.#writer.below(MAX_UNREAD_BYTES);
      const frame = await this.#reader.next();
      if (frame === undefined || this.#over) return;
      switch (frame.kind) {
        case ControlFrameKind.Request:
          await this.#request(frame.bytes);
          break;
        case ControlFrameKind.Query:
          this.#writer.push(records.answer(frame.bytes));
          break;
        default:
          throw new ControlError(`a frame of kind ${frame.kind}`, ControlFaultCode.FrameKind, undefined, {
            value: frame.kind,
          });
      }
    }
  }

  /** Where no client slot is to be had, a request is answered EAGAIN. */
  async #request(bytes: Uint8Array): Promise<void> {
    if (this.#rings === undefined) {
      const attaching = this.#attach();
      this.#attaching = attaching.catch(() => undefined);
      try {
        await attaching;
      } catch (error) {
        if (!(error instanceof SystemError && error.errno === Errno.EAGAIN)) throw error;
        this.#writer.push(refusalFrame(bytes, error.errno));
        return;
      }
    }
    if (this.#over) return;
    this.#slots.touch(this);
    this.#rings?.endpoint.request(bytes);
    this.#rings?.endpoint.flush();
  }

  async #attach(): Promise<void> {
    const { index } = await this.#slots.take(this);
    const transport = this.#machine.openTransport(index);
    const endpoint = new FrameEndpoint(transport, {
      frame: (frame) => this.#writer.push(frame),
      refuse: (request) => this.#handles.refusal(request),
      answered: (request, reply, bytes) => {
        this.#handles.answered(request, reply, bytes);
        if (this.idle) this.#slots.becameIdle();
      },
      failed: (error) => this.#broken(error),
    });
    this.#rings = { transport, endpoint };
  }

  /** @param begun a frame has begun: the rest must come in time. False stops the clock. */
  #deadline(begun: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!begun) return;
    this.#timer = setTimeout(() => {
      this.#reason = new ControlError("the rest of a frame did not come", ControlFaultCode.Late);
      if (this.#open) this.#cut(this.#reason);
      else this.#duplex.close();
    }, FRAME_MS);
  }

  async #fault(error: unknown): Promise<void> {
    const code = error instanceof ControlError ? error.fault : ControlFaultCode.Stopped;
    if (code === ControlFaultCode.None) return;
    this.#writer.push(faultFrame(code, error instanceof ControlError ? error.about : { id: 0, value: 0 }));
    await this.#flushed();
    this.#writer.close();
  }

  async #flushed(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MS);
    });
    await Promise.race([this.#writer.below(0), late]);
    clearTimeout(timer);
  }

  /** Gives the client slot and all that the connection held back. */
  async #leave(): Promise<void> {
    if (this.#machine.error !== undefined) return;
    try {
      await this.#handles.hangUp(this.#machine.client);
      await this.#slots.release(this);
    } catch (thrown) {
      if (this.#machine.error === undefined) this.#log("warn", `a control connection left something behind: ${thrown}`);
    }
  }
}
