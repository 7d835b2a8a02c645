/**
 * One worker that is kernel worker and only hart: pages without COOP/COEP. Its
 * memory is its own; entries come and go by messages, so it returns to its
 * event loop after each round instead of sleeping on words.
 */
import { BootState, ClientSlot, Fixed, HartExit, type HartSlot, Opcode, ReplyEvent, RpcHeader } from "@foreshore/abi";
import { type BootedMachine, bootMachine, clientAddress } from "../common/boot.ts";
import { openClock } from "../common/clock.ts";
import type { BlobBytes, ReplySpan, RpcEntries, SpanBytes, StartSingle, ToWorker } from "../common/worker-protocol.ts";
import { hartSlot, untilWakeMs } from "./hart.ts";
import { sinkOf, type WorkerPort } from "./port.ts";

const ENTRY = Fixed.RingEntryBytes;
const MASK = Fixed.RingEntries - 1;
/** setTimeout's largest delay. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

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
  readonly #channel = new MessageChannel();
  #machine: BootedMachine | undefined;
  #endpoint: RingEndpoint | undefined;
  #hart: HartSlot | undefined;
  /** The hart had nothing to run when it was last asked. */
  #idle = false;
  #now: () => number = () => 0;
  #budgetInsns = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #scheduled = false;
  #stopping = false;
  #initialStack = 0;
  readonly #fail: (error: unknown) => void;

  constructor(port: WorkerPort, fail: (error: unknown) => void) {
    this.#port = port;
    this.#fail = fail;
    this.#channel.port1.onmessage = () => {
      this.#scheduled = false;
      this.#guarded(() => this.#round());
    };
  }

  async start(start: StartSingle): Promise<void> {
    const machine = await bootMachine(start, sinkOf(this.#port));
    this.#machine = machine;
    this.#hart = hartSlot(machine.mem, 0);
    this.#now = openClock(start.baseMs);
    this.#budgetInsns = start.budgetInsns;
    this.#initialStack = machine.kernel.__stack_pointer.value;
    this.#endpoint = new RingEndpoint(machine, (message, transfer) => this.#port.post(message, transfer));
    this.#port.post({ type: "ready", single: { maxPages: machine.maxPages, arenaBytes: this.#endpoint.arenaBytes } });
    this.#schedule();
  }

  message(message: ToWorker): void {
    if (message.type === "stop") {
      this.#stopping = true;
      if (this.#machine !== undefined) this.#machine.header.bootState = BootState.Stopping;
    } else if (message.type === "blob") {
      // BlobFilled follows in a message of its own.
      this.#fill(message);
      return;
    } else if (message.type === "rpc") {
      this.#endpoint?.submit(message);
      // Answered here and now: a round of its own would cost each request another turn of the event loop.
      if (this.#guarded(() => this.#serve()) && this.#idle && this.#sleep()) return;
    }
    this.#schedule();
  }

  #fill(message: BlobBytes): void {
    const mem = this.#machine?.mem;
    // The frames may lie in what the memory has grown by.
    mem?.check(message.address, message.bytes.length, 1);
    mem?.u8.set(message.bytes, message.address);
  }

  /** A round as soon as the messages that have arrived are handled. */
  #schedule(): void {
    if (this.#scheduled || this.#machine === undefined) return;
    this.#scheduled = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#channel.port2.postMessage(0);
  }

  /** False when the machine has failed. */
  #guarded(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#machine = undefined;
      this.#fail(error);
      return false;
    }
  }

  /** Requests of the client, and the answers. The two roles share one instance: each has its own kernel stack. */
  #serve(): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    machine.kernel.__stack_pointer.value = this.#initialStack;
    if (machine.kernel.kernel_service() < 0) throw new Error("kernel_service reports a broken invariant");
    this.#endpoint?.flush();
  }

  /** One slice of guest code and the requests that it completed; then sleep until there is a reason. */
  #round(): void {
    const machine = this.#machine;
    const hart = this.#hart;
    if (machine === undefined || hart === undefined) return;
    if (this.#stopping) {
      this.#channel.port1.close();
      this.#port.post({ type: "stopped" });
      this.#port.close();
      return;
    }
    machine.kernel.__stack_pointer.value = hart.stackTop;
    const exit = machine.kernel.hart_run(0, this.#budgetInsns);
    if (exit === HartExit.Stop) this.#stopping = true;
    else if (exit !== HartExit.Budget && exit !== HartExit.Idle) {
      throw new Error(`hart 0 stopped with exit ${exit}: an invariant of the kernel is broken`);
    }
    this.#idle = exit === HartExit.Idle;
    this.#serve();
    if (this.#idle && this.#sleep()) return;
    this.#schedule();
  }

  /** Arms the timer for the next thing that is due; false when that is now. */
  #sleep(): boolean {
    const machine = this.#machine;
    const hart = this.#hart;
    if (machine === undefined || hart === undefined || hart.doorbell !== hart.doorbellSeen) return false;
    const serviceMs = machine.kernel.kernel_prepare_sleep();
    machine.header.kernelSleeping = 0;
    if (serviceMs === 0) return false;
    const ms = Math.min(untilWakeMs(hart, this.#now()), serviceMs < 0 ? Number.POSITIVE_INFINITY : serviceMs);
    // Timers of hosts are no finer than this.
    if (ms < 1) return false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (ms !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#schedule(), Math.min(ms, MAX_TIMEOUT_MS));
    return true;
  }
}
