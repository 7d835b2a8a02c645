/**
 * The same entries and arena bytes over a MessagePort: for a machine whose
 * memory this thread cannot see (a single worker without COOP/COEP). This side
 * keeps its own copy of the client's arena; a request brings the spans that it
 * names, a reply brings back those that it was given.
 */
import { encodeKernelWorkerRequest, Fixed, type KernelWorkerRequest, Opcode } from "../../ts/index.ts";
import { Mem } from "../mem.ts";
import { RpcProtocolError } from "./errors.ts";
import type { ReplySpan, RpcFromKernel, RpcToKernel, SpanBytes } from "./messages.ts";
import type { Transport } from "./transport.ts";

/** Where this side's copy lies: one entry to write, one to read, then the arena. */
const OUT = 0;
const IN = Fixed.RingEntryBytes;
const ARENA = 2 * Fixed.RingEntryBytes;

/** Replies of these carry `result` bytes; those of the others fill their span. */
const BYTE_COUNTED: ReadonlySet<number> = new Set([
  Opcode.ReadFile,
  Opcode.Readlink,
  Opcode.Readdir,
  Opcode.StreamRead,
]);

export class MessageTransport implements Transport {
  readonly kind = "message";
  readonly mem: Mem;
  readonly arenaBase = ARENA;
  readonly arenaBytes: number;
  readonly #post: (message: RpcToKernel, transfer: ArrayBuffer[]) => void;
  #inFlight = 0;
  #entries: Uint8Array<ArrayBuffer>[] = [];
  #spans: SpanBytes[] = [];
  #replies: ReplySpan[] = [];
  #received: RpcFromKernel[] = [];
  /** Bytes of the first received message that have been consumed. */
  #consumed = 0;
  #ready: (() => void) | undefined;
  #closed = false;

  constructor(arenaBytes: number, post: (message: RpcToKernel, transfer: ArrayBuffer[]) => void) {
    this.arenaBytes = arenaBytes;
    this.mem = new Mem(new ArrayBuffer(ARENA + arenaBytes));
    this.#post = post;
  }

  submit(entry: KernelWorkerRequest): boolean {
    if (this.#inFlight >= Fixed.RingEntries) return false;
    this.#inFlight++;
    encodeKernelWorkerRequest(this.mem, OUT, entry);
    this.#entries.push(new Uint8Array(this.mem.u8.slice(OUT, OUT + Fixed.RingEntryBytes)));
    for (const [name, value] of Object.entries(entry)) {
      if (!isSpan(value) || value.length === 0) continue;
      if (name === "reply") {
        this.#replies.push({
          id: entry.requestId,
          offset: value.offset,
          length: value.length,
          counted: BYTE_COUNTED.has(entry.opcode),
        });
      } else {
        const from = ARENA + value.offset;
        this.#spans.push({ offset: value.offset, bytes: new Uint8Array(this.mem.u8.slice(from, from + value.length)) });
      }
    }
    return true;
  }

  flush(): void {
    if (this.#entries.length === 0 || this.#closed) return;
    const entries = new Uint8Array(this.#entries.length * Fixed.RingEntryBytes);
    for (const [i, entry] of this.#entries.entries()) entries.set(entry, i * Fixed.RingEntryBytes);
    const spans = this.#spans;
    const message: RpcToKernel = { type: "rpc", entries, spans, replies: this.#replies };
    this.#entries = [];
    this.#spans = [];
    this.#replies = [];
    this.#post(message, [entries.buffer, ...spans.map((span) => span.bytes.buffer)]);
  }

  /** A message of completions from the worker. */
  receive(message: RpcFromKernel): void {
    if (this.#closed) return;
    this.#received.push(message);
    const ready = this.#ready;
    this.#ready = undefined;
    ready?.();
  }

  next(): number {
    const message = this.#received[0];
    if (message === undefined) return -1;
    if (this.#consumed === 0) this.#open(message);
    this.mem.u8.set(message.entries.subarray(this.#consumed, this.#consumed + Fixed.RingEntryBytes), IN);
    return IN;
  }

  #open(message: RpcFromKernel): void {
    const { entries, spans } = message;
    if (entries.length === 0 || entries.length % Fixed.RingEntryBytes !== 0) {
      throw new RpcProtocolError(`a message carries ${entries.length} bytes of completions`);
    }
    for (const span of spans) {
      if (span.offset + span.bytes.length > this.arenaBytes) {
        throw new RpcProtocolError(`a reply of ${span.bytes.length} bytes at ${span.offset} lies outside the arena`);
      }
      this.mem.u8.set(span.bytes, ARENA + span.offset);
    }
  }

  consume(): void {
    const message = this.#received[0];
    if (message === undefined) return;
    if (this.mem.u32[(IN + 4) >>> 2] !== 0) this.#inFlight--;
    this.#consumed += Fixed.RingEntryBytes;
    if (this.#consumed < message.entries.length) return;
    this.#received.shift();
    this.#consumed = 0;
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
    const bytes = new Uint8Array(target.subarray(0, length));
    // Messages keep their order: these bytes are there before BlobFilled.
    this.#post({ type: "blob", address, bytes }, [bytes.buffer]);
  }

  close(): void {
    this.#closed = true;
    this.#ready = undefined;
    this.#received = [];
  }
}

function isSpan(value: unknown): value is { offset: number; length: number } {
  return typeof value === "object" && value !== null && "offset" in value && "length" in value;
}
