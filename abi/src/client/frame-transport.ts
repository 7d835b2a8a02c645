/**
 * Entries and arena bytes as frames: for a client whose thread cannot see the
 * machine's memory. This side keeps an arena of its own; a request brings the
 * bytes that it names, a reply brings those that it was asked for.
 */
import {
  type ArenaSpanData,
  ControlFrameKind,
  encodeKernelWorkerRequest,
  Fixed,
  type KernelWorkerRequest,
  Opcode,
  ReplyEvent,
} from "../../ts/index.ts";
import { Mem } from "../core/mem.ts";
import { RpcProtocolError } from "./errors.ts";
import { entryFrame, replySpan, requestSpans } from "./frames.ts";
import type { Transport } from "./transport.ts";

/** Where this side's copy lies: one entry to write, one to read, then the arena. */
const OUT = 0;
const IN = Fixed.RingEntryBytes;
const ARENA = 2 * Fixed.RingEntryBytes;

export interface FrameSink {
  /** Sends one frame; the bytes are the sink's from now on. */
  frame(frame: Uint8Array<ArrayBuffer>): void;
  /** Sends bytes of a blob source. Absent in a client that serves no blobs. */
  blob?(address: number, bytes: Uint8Array<ArrayBuffer>): void;
}

export class FrameTransport implements Transport {
  readonly kind = "message";
  readonly mem: Mem;
  readonly arenaBase = ARENA;
  readonly arenaBytes: number;
  readonly #sink: FrameSink;
  readonly #reply: ReplyEvent;
  /** Requests in flight, and where their replies' bytes go. */
  readonly #places = new Map<number, ArenaSpanData | undefined>();
  #outgoing: Uint8Array<ArrayBuffer>[] = [];
  #received: Uint8Array[] = [];
  #opened = false;
  #ready: (() => void) | undefined;
  #closed = false;

  constructor(arenaBytes: number, sink: FrameSink) {
    this.arenaBytes = arenaBytes;
    this.mem = new Mem(new ArrayBuffer(ARENA + arenaBytes));
    this.#reply = new ReplyEvent(this.mem, IN);
    this.#sink = sink;
  }

  submit(entry: KernelWorkerRequest): boolean {
    encodeKernelWorkerRequest(this.mem, OUT, entry);
    const parts = requestSpans(entry).map(({ offset, length }) => ({ address: ARENA + offset, length }));
    this.#outgoing.push(entryFrame(ControlFrameKind.Request, this.mem, OUT, parts));
    this.#places.set(entry.requestId, replySpan(entry));
    return true;
  }

  flush(): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    if (!this.#closed) for (const frame of outgoing) this.#sink.frame(frame);
  }

  /** What an Outbound frame carries: an entry, and a reply's bytes. */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#received.push(bytes);
    const ready = this.#ready;
    this.#ready = undefined;
    ready?.();
  }

  next(): number {
    const bytes = this.#received[0];
    if (bytes === undefined) return -1;
    if (!this.#opened) this.#open(bytes);
    return IN;
  }

  #open(bytes: Uint8Array): void {
    if (bytes.length < Fixed.RingEntryBytes)
      throw new RpcProtocolError(`an outbound frame carries ${bytes.length} bytes`);
    const { u8 } = this.mem;
    u8.set(bytes.subarray(0, Fixed.RingEntryBytes), IN);
    this.#opened = true;
    const { header, resultHi, resultLo } = this.#reply;
    if (header.opcode !== Opcode.Reply || resultHi !== 0) return;
    const place = this.#places.get(header.requestId);
    if (place === undefined) return;
    if (resultLo > place.length || bytes.length < Fixed.RingEntryBytes + resultLo) {
      throw new RpcProtocolError(
        `a reply of ${resultLo} bytes comes with ${bytes.length - Fixed.RingEntryBytes}, for a span of ${place.length}`,
      );
    }
    u8.set(bytes.subarray(Fixed.RingEntryBytes, Fixed.RingEntryBytes + resultLo), ARENA + place.offset);
  }

  consume(): void {
    if (!this.#opened) return;
    this.#opened = false;
    this.#received.shift();
    this.#places.delete(this.#reply.header.requestId);
  }

  wait(ready: () => void): void {
    if (this.#closed) return;
    if (this.#received.length > 0) queueMicrotask(ready);
    else this.#ready = ready;
  }

  blobTarget(_address: number, length: number): Uint8Array {
    return new Uint8Array(length);
  }

  blobCommit(address: number, target: Uint8Array, length: number): void {
    if (this.#closed || length === 0) return;
    // Messages keep their order: these bytes are there before BlobFilled.
    this.#sink.blob?.(address, new Uint8Array(target.subarray(0, length)));
  }

  close(): void {
    this.#closed = true;
    this.#ready = undefined;
    this.#received = [];
    this.#outgoing = [];
  }
}
