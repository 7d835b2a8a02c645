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
  decodeKernelWorkerRequest,
  Errno,
  encodeKernelWorkerOutbound,
  Fixed,
  type KernelWorkerRequest,
  Opcode,
  ReplyEvent,
  RpcHeader,
} from "../../ts/index.ts";
import { align, ControlError } from "../control/frames.ts";
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
    if (bytes.length < Fixed.RingEntryBytes) {
      throw new ControlError(`a request of ${bytes.length} bytes`, ControlFaultCode.FrameLength);
    }
    const entry = memOf(bytes.subarray(0, Fixed.RingEntryBytes));
    const request = decodeKernelWorkerRequest(entry, 0);
    if (request === undefined) {
      throw new ControlError(`opcode ${entry.u16[0]} is no request`, ControlFaultCode.Opcode);
    }
    const { requestId: id } = request;
    if (id === 0 || this.#inFlight.has(id)) {
      throw new ControlError(`request id ${id} is 0 or in flight`, ControlFaultCode.RequestId);
    }
    if (this.#inFlight.size >= Control.RequestsAndPrompt) {
      throw new ControlError(`${this.#inFlight.size} requests are in flight`, ControlFaultCode.InFlight);
    }
    const { arenaBytes, arenaBase, mem } = this.#transport;
    let length: number = Fixed.RingEntryBytes;
    const spans = requestSpans(request);
    const reply = replySpan(request);
    for (const span of reply === undefined ? spans : [...spans, reply]) {
      if (span.offset + span.length > arenaBytes) {
        throw new ControlError(
          `a span of ${span.length} bytes at ${span.offset} lies outside the arena`,
          ControlFaultCode.Span,
        );
      }
      // `answered` reads there what the kernel has said, not what the peer has put over it.
      for (const taken of this.#replies.values()) {
        if (overlap(span, taken)) {
          throw new ControlError(
            `a span of ${span.length} bytes at ${span.offset} lies over a reply in flight`,
            ControlFaultCode.Span,
          );
        }
      }
      if (span !== reply) length += align(span.length);
    }
    if (length !== bytes.length) {
      throw new ControlError(`a request of ${bytes.length} bytes names ${length}`, ControlFaultCode.FrameLength);
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

/**
 * The answer to what a Request frame carries, without a machine that looks at it.
 * @throws ControlError when it is no request
 */
export function refusalFrame(bytes: Uint8Array, errno: number): Uint8Array<ArrayBuffer> {
  if (bytes.length < Fixed.RingEntryBytes) {
    throw new ControlError(`a request of ${bytes.length} bytes`, ControlFaultCode.FrameLength);
  }
  const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(RpcHeader.OFFSET.requestId, true);
  if (id === 0) throw new ControlError("request id 0", ControlFaultCode.RequestId);
  return errorFrame(id, errno);
}
