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
import { Belongings } from "./belongings.ts";
import type { SeatHolder, Seats } from "./control-seats.ts";
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

export type ControlLog = (level: LogLevel, text: string) => void;

/** How a connection ended: undefined when the peer hung up or `close` was called, else why it was cut off or refused. */
export type ControlEnd = Error | undefined;

/** A peer that has begun to say something gets so long to finish. */
const LATE_MS = 10_000;
/** Nothing more is read from a peer that has not taken so many bytes. */
const UNREAD_BYTES = 1 << 20;
/** How long the last words may take. */
const LAST_MS = 300;

/** A connection's client slot in use. */
interface Seat {
  readonly transport: Transport;
  readonly endpoint: FrameEndpoint;
}

export class Connection implements SeatHolder {
  readonly #machine: ControlMachine;
  readonly #seats: Seats;
  readonly #log: ControlLog;
  readonly #duplex: Duplex;
  readonly #busy: boolean;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #belongings: Belongings;
  #seat: Seat | undefined;
  /** Settles when no client slot is asked for any more. */
  #seating: Promise<unknown> = Promise.resolve();
  /** Both hellos are said. */
  #open = false;
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

  /** @param busy there is no place for it: it is told so */
  constructor(machine: ControlMachine, seats: Seats, log: ControlLog, duplex: Duplex, busy: boolean) {
    this.#busy = busy;
    this.#machine = machine;
    this.#seats = seats;
    this.#log = log;
    this.#duplex = duplex;
    this.#reader = new FrameReader(duplex);
    this.#writer = new FrameWriter(duplex, () => duplex.close());
    this.#belongings = new Belongings();
  }

  get idle(): boolean {
    return (this.#seat === undefined || this.#seat.endpoint.inFlight === 0) && this.#belongings.empty && this.#open;
  }

  standUp(): void {
    this.#seat?.transport.close();
    this.#seat = undefined;
  }

  /** @param opened called when both hellos are said */
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
      clearTimeout(this.#late);
      this.hangUp();
      await this.#leave();
    }
  }

  /** The peer's hello. */
  async #hello(): Promise<MachineHeader> {
    this.#patience(true);
    const bytes = await this.#reader.exactly(ControlHello.SIZE);
    this.#patience(false);
    if (this.#reason !== undefined) throw this.#reason;
    if (bytes === undefined) throw new ControlError("the peer left before it said hello");
    const mismatch = helloMismatch(decodeHello(bytes), "peer");
    if (mismatch !== undefined) throw await this.#refuse(ControlStatus.Version, mismatch);
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
    this.#reader.waiting = (begun) => this.#patience(begun);
    try {
      await Promise.race([this.#frames(new RecordSource(header)), cut, broken]);
    } catch (error) {
      await this.#fault(error);
      throw error;
    } finally {
      this.#over = true;
      this.hangUp();
      await this.#seating;
      // What is in flight is told of before the client goes: it may have started programs.
      const drained = this.#machine.error === undefined ? this.#seat?.endpoint.drain() : undefined;
      if (drained !== undefined) await Promise.race([drained, broken]).catch(() => undefined);
      this.standUp();
    }
  }

  /** Takes frames until the peer hangs up. */
  async #frames(records: RecordSource): Promise<void> {
    for (;;) {
      await this.#writer.below(UNREAD_BYTES);
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
          throw new ControlError(`a frame of kind ${frame.kind}`, ControlFaultCode.FrameKind);
      }
    }
  }

  /** Where no client slot is to be had, a request is answered EAGAIN. */
  async #request(bytes: Uint8Array): Promise<void> {
    if (this.#seat === undefined) {
      const seating = this.#sitDown();
      this.#seating = seating.catch(() => undefined);
      try {
        await seating;
      } catch (error) {
        if (!(error instanceof SystemError && error.errno === Errno.EAGAIN)) throw error;
        this.#writer.push(refusalFrame(bytes, error.errno));
        return;
      }
    }
    if (this.#over) return;
    this.#seats.used(this);
    this.#seat?.endpoint.request(bytes);
    this.#seat?.endpoint.flush();
  }

  async #sitDown(): Promise<void> {
    const { index } = await this.#seats.take(this);
    const transport = this.#machine.openTransport(index);
    const endpoint = new FrameEndpoint(transport, {
      frame: (frame) => this.#writer.push(frame),
      refuse: (request) => this.#belongings.refusal(request),
      answered: (request, reply, bytes) => {
        this.#belongings.answered(request, reply, bytes);
        if (this.idle) this.#seats.rested();
      },
      failed: (error) => this.#broken(error),
    });
    this.#seat = { transport, endpoint };
  }

  /** A peer that has begun to say something is waited for, but not for ever. */
  #patience(begun: boolean): void {
    clearTimeout(this.#late);
    this.#late = undefined;
    if (!begun) return;
    this.#late = setTimeout(() => {
      this.#reason = new ControlError("the rest of a frame did not come", ControlFaultCode.Late);
      if (this.#open) this.#cut(this.#reason);
      else this.#duplex.close();
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
  async #leave(): Promise<void> {
    if (this.#machine.error !== undefined) return;
    try {
      await this.#belongings.hangUp(this.#machine.client);
      await this.#seats.leave(this);
    } catch (thrown) {
      if (this.#machine.error === undefined) this.#log("warn", `a control connection left something behind: ${thrown}`);
    }
  }
}
