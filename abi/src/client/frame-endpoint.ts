/**
 * The machine's side of frames: puts their entries into a client's rings, and
 * sends what is completed. What comes is read once and checked before the rings
 * see it; the kernel checks again what the entries mean.
 */
import {
  type ArenaSpanData,
  Control,
  ControlFaultCode,
  ControlFrameKind,
  ControlStatus,
  decodeKernelWorkerRequest,
  Errno,
  encodeKernelWorkerOutbound,
  Fixed,
  type KernelWorkerRequest,
  Opcode,
  ReplyEvent,
  RpcHeader,
} from "../../ts/index.ts";
import { align, ControlError, type FaultAbout } from "../control/frames.ts";
import { Mem, memOf } from "../core/mem.ts";
import { entryFrame, replySpan, requestSpans } from "./frames.ts";
import type { Transport } from "./transport.ts";

export interface EndpointEvents {
  /** Sends an Outbound frame; the bytes are the receiver's from now on. */
  frame(frame: Uint8Array<ArrayBuffer>): void;
  /** An errno with which this side answers a request itself; undefined lets it go to the kernel. */
  refuse?(request: KernelWorkerRequest): number | undefined;
  /** A request was answered; `bytes` are the reply's, in place. */
  answered?(request: KernelWorkerRequest, reply: ReplyEvent, bytes: Uint8Array): void;
  /** The rings make no sense any more. */
  failed(error: Error): void;
}

const overlap = (a: ArenaSpanData, b: ArenaSpanData): boolean =>
  Math.max(a.offset, b.offset) < Math.min(a.offset + a.length, b.offset + b.length);

export class FrameEndpoint {
  readonly #transport: Transport;
  readonly #events: EndpointEvents;
  readonly #inFlight = new Map<number, KernelWorkerRequest>();
  /** Where the kernel writes the replies to requests in flight: nothing else may be put there. */
  readonly #replies = new Map<number, ArenaSpanData>();
  /** Requests in flight for which the ring had no room. */
  #backlog: KernelWorkerRequest[] = [];
  readonly #reply: ReplyEvent;
  /** Nothing goes out any more: requests in flight are only waited for. */
  #muted = false;
  #onIdle: (() => void) | undefined;
  #lastOwn = 0;

  /** @param transport of a client slot that nobody else uses */
  constructor(transport: Transport, events: EndpointEvents) {
    this.#transport = transport;
    this.#events = events;
    this.#reply = new ReplyEvent(transport.mem);
    transport.wait(this.#pump);
  }

  get arenaBytes(): number {
    return this.#transport.arenaBytes;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /**
   * Takes what a Request frame carries; `flush` follows.
   * @throws ControlError when it is no request, or more than a client may have in flight
   */
  request(bytes: Uint8Array): void {
    const id = requestIdOf(bytes);
    if (this.#inFlight.has(id)) fault(ControlFaultCode.RequestId, `request id ${id} is in flight`, { id, value: id });
    const value = this.#inFlight.size;
    if (value >= Control.RequestsAndPrompt)
      fault(ControlFaultCode.InFlight, `${value} requests are in flight`, { id, value });
    const request = decodeKernelWorkerRequest(memOf(bytes.subarray(0, Fixed.RingEntryBytes)), 0);
    if (request === undefined) {
      // A later minor's, perhaps: what it carries is no business of a side that does not know it.
      this.#answer(id, Errno.EOPNOTSUPP);
      return;
    }
    const { arenaBytes, arenaBase, mem } = this.#transport;
    let length: number = Fixed.RingEntryBytes;
    const spans = requestSpans(request);
    const reply = replySpan(request);
    for (const span of reply === undefined ? spans : [...spans, reply]) {
      const said = (where: string): string => `a span of ${span.length} bytes at ${span.offset} lies ${where}`;
      const about = { id, value: span.offset };
      if (span.offset + span.length > arenaBytes) fault(ControlFaultCode.Span, said("outside the arena"), about);
      // `answered` reads there what the kernel has said, not what the peer has put over it.
      for (const taken of this.#replies.values()) {
        if (overlap(span, taken)) fault(ControlFaultCode.Span, said("over a reply in flight"), about);
      }
      if (span !== reply) length += align(span.length);
    }
    if (length !== bytes.length) {
      const about = { id, value: bytes.length };
      fault(ControlFaultCode.FrameLength, `a request of ${bytes.length} bytes names ${length}`, about);
    }
    const refused = this.#events.refuse?.(request);
    if (refused !== undefined) {
      this.#answer(id, refused);
      return;
    }
    let at = Fixed.RingEntryBytes;
    for (const span of spans) {
      mem.u8.set(bytes.subarray(at, at + span.length), arenaBase + span.offset);
      at += align(span.length);
    }
    if (reply !== undefined) this.#replies.set(id, reply);
    this.#submit(request);
  }

  /** The requests so far are to be looked at. */
  flush(): void {
    this.#transport.flush();
  }

  /**
   * Cancels what is in flight and waits until nothing is; nothing is sent meanwhile, but `answered` is called for all.
   * A request that the kernel has not begun is answered like any other.
   */
  async drain(): Promise<void> {
    this.#muted = true;
    for (const target of [...this.#inFlight.keys()]) {
      do this.#lastOwn = (this.#lastOwn + 1) >>> 0 || 1;
      while (this.#inFlight.has(this.#lastOwn));
      this.#submit({ opcode: Opcode.Cancel, flags: 0, requestId: this.#lastOwn, target });
    }
    while (this.#inFlight.size > 0) {
      // Awaited from before the flush, which may bring the answers at once.
      const answered = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      this.flush();
      await answered;
    }
  }

  #submit(request: KernelWorkerRequest): void {
    this.#inFlight.set(request.requestId, request);
    if (this.#backlog.length > 0 || !this.#put(request)) this.#backlog.push(request);
  }

  /** False when the ring has no room. */
  #put(request: KernelWorkerRequest): boolean {
    try {
      return this.#transport.submit(request);
    } catch (error) {
      // A number beyond what the schema bounds its field to is not written into the ring.
      if (!(error instanceof RangeError)) throw error;
      this.#inFlight.delete(request.requestId);
      this.#replies.delete(request.requestId);
      this.#answer(request.requestId, Errno.EINVAL);
      return true;
    }
  }

  /** Answers a request that the kernel does not get. */
  #answer(requestId: number, errno: number): void {
    this.#events.frame(errorFrame(requestId, errno));
  }

  readonly #pump = (): void => {
    try {
      for (let at = this.#transport.next(); at >= 0; at = this.#transport.next()) {
        this.#completion(at);
        this.#transport.consume();
      }
    } catch (error) {
      this.#events.failed(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const put = this.#backlog.findIndex((request) => !this.#put(request));
    const gone = this.#backlog.splice(0, put < 0 ? this.#backlog.length : put).length;
    this.#transport.wait(this.#pump);
    if (gone > 0) this.flush();
    const idle = this.#onIdle;
    this.#onIdle = undefined;
    idle?.();
  };

  #completion(at: number): void {
    const { mem, arenaBase } = this.#transport;
    const reply = this.#reply.at(at);
    const id = reply.header.requestId;
    const call = reply.header.opcode === Opcode.Reply ? this.#inFlight.get(id) : undefined;
    if (call === undefined) {
      if (!this.#muted) this.#events.frame(entryFrame(ControlFrameKind.Outbound, mem, at, []));
      return;
    }
    this.#inFlight.delete(id);
    const place = this.#replies.get(id);
    this.#replies.delete(id);
    const length = place === undefined || reply.resultHi < 0 ? 0 : Math.min(place.length, reply.resultLo);
    const address = arenaBase + (place?.offset ?? 0);
    this.#events.answered?.(call, reply, mem.u8.subarray(address, address + length));
    if (!this.#muted) {
      this.#events.frame(entryFrame(ControlFrameKind.Outbound, mem, at, length === 0 ? [] : [{ address, length }]));
    }
  }
}

function errorFrame(requestId: number, errno: number): Uint8Array<ArrayBuffer> {
  const mem = new Mem(new ArrayBuffer(Fixed.RingEntryBytes));
  encodeKernelWorkerOutbound(mem, 0, {
    opcode: Opcode.Reply,
    flags: 0,
    requestId,
    result: BigInt(-errno),
    value: 0n,
    value2: 0n,
    handle: { index: 0, generation: 0 },
  });
  return entryFrame(ControlFrameKind.Outbound, mem, 0, []);
}

function fault(code: ControlFaultCode, message: string, about: FaultAbout): never {
  throw new ControlError(message, code, ControlStatus.Ok, about);
}

/** @throws ControlError when a Request frame carries no entry, or one that cannot be answered */
function requestIdOf(bytes: Uint8Array): number {
  if (bytes.length < Fixed.RingEntryBytes)
    fault(ControlFaultCode.FrameLength, `a request of ${bytes.length} bytes`, { value: bytes.length });
  const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(RpcHeader.OFFSET.requestId, true);
  if (id === 0) fault(ControlFaultCode.RequestId, "request id 0", {});
  return id;
}

/**
 * The answer to what a Request frame carries, without a machine that looks at it.
 * @throws ControlError when it is no request
 */
export function refusalFrame(bytes: Uint8Array, errno: number): Uint8Array<ArrayBuffer> {
  return errorFrame(requestIdOf(bytes), errno);
}
