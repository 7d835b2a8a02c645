/**
 * One worker that is kernel worker and only hart: pages without COOP/COEP. Its
 * memory is its own; entries come and go by messages, so it returns to its
 * event loop after each round instead of sleeping on words.
 */
import { BootState, ClientSlot, Fixed, Opcode, ReplyEvent, RpcHeader } from "@foreshore/abi";
import { type BootedMachine, bootMachine, clientAddress } from "../common/boot.ts";
import { openClock } from "../common/clock.ts";
import { CooperativeLoop } from "../common/cooperative.ts";
import type { BlobBytes, ReplySpan, RpcEntries, SpanBytes, StartSingle, ToWorker } from "../common/worker-protocol.ts";
import { sinkOf, type WorkerPort } from "./port.ts";

const ENTRY = Fixed.RingEntryBytes;
const MASK = Fixed.RingEntries - 1;

/** Client 0's rings as the client itself would use them, driven by messages. */
export class RingEndpoint {
  readonly #machine: Pick<BootedMachine, "mem" | "header">;
  readonly #slot: ClientSlot;
  readonly #header: RpcHeader;
  readonly #reply: ReplyEvent;
  readonly #replies = new Map<number, ReplySpan>();
  readonly #post: WorkerPort["post"];

  constructor(machine: Pick<BootedMachine, "mem" | "header">, post: WorkerPort["post"]) {
    this.#machine = machine;
    this.#slot = new ClientSlot(machine.mem, clientAddress(machine.header, 0));
    this.#header = new RpcHeader(machine.mem);
    this.#reply = new ReplyEvent(machine.mem);
    this.#post = post;
  }

  get arenaBytes(): number {
    return this.#slot.arenaBytes;
  }

  /** Puts entries into the ring; the client never has more in flight than fit. */
  submit(message: RpcEntries): void {
    const { mem } = this.#machine;
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
      entries.set(this.#machine.mem.u8.subarray(addr, addr + ENTRY), i * ENTRY);
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
    return { offset: place.offset, bytes: new Uint8Array(this.#machine.mem.u8.slice(from, from + length)) };
  }
}

export class SingleWorker {
  readonly #port: WorkerPort;
  #machine: BootedMachine | undefined;
  #endpoint: RingEndpoint | undefined;
  #loop: CooperativeLoop | undefined;
  readonly #fail: (error: unknown) => void;

  constructor(port: WorkerPort, fail: (error: unknown) => void) {
    this.#port = port;
    this.#fail = fail;
  }

  async start(start: StartSingle): Promise<void> {
    const machine = await bootMachine(start, sinkOf(this.#port));
    this.#machine = machine;
    const endpoint = new RingEndpoint(machine, (message, transfer) => this.#port.post(message, transfer));
    this.#endpoint = endpoint;
    this.#loop = new CooperativeLoop(machine, {
      budgetInsns: start.budgetInsns,
      now: openClock(start.baseMs),
      served: () => endpoint.flush(),
      stopped: () => this.#end(),
      failed: this.#fail,
    });
    this.#port.post({ type: "ready", single: { maxPages: machine.maxPages, arenaBytes: endpoint.arenaBytes } });
    this.#loop.schedule();
  }

  message(message: ToWorker): void {
    if (message.type === "stop") {
      if (this.#machine !== undefined) this.#machine.header.bootState = BootState.Stopping;
      this.#loop?.close();
      this.#end();
    } else if (message.type === "blob")
      this.#fill(message); // BlobFilled follows in a message of its own
    else if (message.type === "rpc") {
      this.#endpoint?.submit(message);
      this.#loop?.requests();
    }
  }

  #end(): void {
    this.#port.post({ type: "stopped" });
    this.#port.close();
  }

  #fill(message: BlobBytes): void {
    const mem = this.#machine?.mem;
    // The frames may lie in what the memory has grown by.
    mem?.check(message.address, message.bytes.length, 1);
    mem?.u8.set(message.bytes, message.address);
  }
}
