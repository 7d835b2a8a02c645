/** The other side of a MessageTransport: puts its entries into a client's rings, and takes the completions out. */
import { ClientSlot, Fixed, type MachineHeader, Opcode, ReplyEvent, RpcHeader } from "../../ts/index.ts";
import { clientAddress } from "../attach.ts";
import type { Mem } from "../mem.ts";
import type { ReplySpan, RpcEntries, RpcFromKernel, SpanBytes } from "./messages.ts";

type PostReplies = (message: RpcFromKernel, transfer: ArrayBuffer[]) => void;

const ENTRY = Fixed.RingEntryBytes;
const MASK = Fixed.RingEntries - 1;

/** A client's rings, used as the client itself would, driven by messages. */
export class RingEndpoint {
  readonly #mem: Mem;
  readonly #slot: ClientSlot;
  readonly #header: RpcHeader;
  readonly #reply: ReplyEvent;
  readonly #replies = new Map<number, ReplySpan>();
  readonly #post: PostReplies;

  /** @param client index of the client slot, which nobody else uses */
  constructor(machine: { readonly mem: Mem; readonly header: MachineHeader }, client: number, post: PostReplies) {
    const { mem } = machine;
    this.#mem = mem;
    this.#slot = new ClientSlot(mem, clientAddress(machine.header, client));
    this.#header = new RpcHeader(mem);
    this.#reply = new ReplyEvent(mem);
    this.#post = post;
  }

  get arenaBytes(): number {
    return this.#slot.arenaBytes;
  }

  /** Puts entries into the ring; the client never has more in flight than fit. */
  submit(message: RpcEntries): void {
    const mem = this.#mem;
    for (const span of message.spans) mem.u8.set(span.bytes, this.#slot.arenaBase + span.offset);
    for (const reply of message.replies) this.#replies.set(reply.id, reply);
    for (let at = 0; at < message.entries.length; at += ENTRY) {
      const tail = this.#slot.submissionTail;
      mem.u8.set(message.entries.subarray(at, at + ENTRY), this.#slot.submissionBase + (tail & MASK) * ENTRY);
      this.#slot.submissionTail = (tail + 1) >>> 0;
    }
  }

  /** Sends what the kernel has completed, with the arena bytes of the replies. */
  flush(): void {
    const count = (this.#slot.completionTail - this.#slot.completionHead) >>> 0;
    if (count === 0) return;
    const entries = new Uint8Array(count * ENTRY);
    const spans: SpanBytes[] = [];
    for (let i = 0; i < count; i++) {
      const head = this.#slot.completionHead;
      const addr = this.#slot.completionBase + (head & MASK) * ENTRY;
      entries.set(this.#mem.u8.subarray(addr, addr + ENTRY), i * ENTRY);
      const span = this.#replyBytes(addr);
      if (span !== undefined) spans.push(span);
      this.#slot.completionHead = (head + 1) >>> 0;
    }
    this.#post({ type: "rpc", entries, spans }, [entries.buffer, ...spans.map((span) => span.bytes.buffer)]);
  }

  #replyBytes(addr: number): SpanBytes | undefined {
    const header = this.#header.at(addr);
    const place = this.#replies.get(header.requestId);
    if (header.opcode !== Opcode.Reply || place === undefined) return undefined;
    this.#replies.delete(place.id);
    const reply = this.#reply.at(addr);
    if (reply.resultHi < 0) return undefined;
    const length = place.counted ? Math.min(place.length, reply.resultLo) : place.length;
    if (length === 0) return undefined;
    const from = this.#slot.arenaBase + place.offset;
    return { offset: place.offset, bytes: new Uint8Array(this.#mem.u8.slice(from, from + length)) };
  }
}
