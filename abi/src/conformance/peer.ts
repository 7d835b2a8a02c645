/** One client of the subject's machine: makes requests, matches replies, and notices what no kernel may do. */

import {
  type ArenaSpanData,
  decodeKernelWorkerOutbound,
  decodeKernelWorkerRequest,
  encodeKernelWorkerOutbound,
  encodeKernelWorkerRequest,
  errnoName,
  Fixed,
  type KernelWorkerOutbound,
  type KernelWorkerRequest,
  Opcode,
  opcodeName,
  type ReplyEventData,
} from "../../ts/index.ts";
import { ArenaAllocator } from "../client/arena.ts";
import { Mem } from "../core/mem.ts";
import { declaredErrnos, unaskedWords } from "./declared.ts";
import { SubjectError, type SubjectMachine } from "./subject.ts";

const ENTRY = Fixed.RingEntryBytes;
/** Bytes before and behind each span for a reply that must stay as they are. */
const GUARD = 64;
const GUARD_BYTE = 0xa5;
/** More than a ring holds: `completions` is asked for all that there is. */
const ALL = 2 * Fixed.RingEntries;

/** A case that did not go as the ABI says. */
export class CaseFailure extends Error {
  override readonly name: string = "CaseFailure";
}

/** A request without what the peer fills in. */
export type Ask<R = KernelWorkerRequest> = R extends KernelWorkerRequest ? Omit<R, "flags" | "requestId"> : never;

export type Reply = ReplyEventData;

/** "0", "42", "ENOENT". */
export function resultText(result: bigint): string {
  return result < 0n && result >= -4095n ? errnoName(Number(-result)) : String(result);
}

export class Peer {
  readonly machine: SubjectMachine;
  readonly client: number;
  /** Events that came, oldest first; only the client that has the feature gets any. */
  readonly events: KernelWorkerOutbound[] = [];
  readonly #timeoutMs: number;
  readonly #scratch = new Mem(new ArrayBuffer(65536));
  readonly #arena: ArenaAllocator;
  #taken: number[] = [];
  /** Requests in flight, by id: their opcodes. */
  readonly #waiting = new Map<number, number>();
  readonly #replies = new Map<number, Reply>();
  readonly #problems: string[] = [];
  #guards: { readonly at: number; readonly length: number }[] = [];
  #nextId = 1;

  constructor(machine: SubjectMachine, client: number, timeoutMs: number) {
    this.machine = machine;
    this.client = client;
    this.#timeoutMs = timeoutMs;
    this.#arena = new ArenaAllocator(machine.arenaBytes);
  }

  /** Requests that were not answered yet. */
  get inFlight(): number {
    return this.#waiting.size;
  }

  #allocate(length: number): number {
    const at = this.#arena.allocate(Math.max(length, 1));
    if (at < 0) throw new CaseFailure(`an arena of ${this.machine.arenaBytes} bytes has no room for ${length}`);
    this.#taken.push(at);
    return at;
  }

  /** Puts bytes, or a text's UTF-8, into the arena. */
  async place(data: Uint8Array | string): Promise<ArenaSpanData> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const offset = this.#allocate(bytes.length);
    await this.machine.writeArena(this.client, offset, bytes);
    return { offset, length: bytes.length };
  }

  /** Room for a reply between guards, which `settle` looks at. */
  async room(length: number): Promise<ArenaSpanData> {
    const at = this.#allocate(length + 2 * GUARD);
    await this.machine.writeArena(this.client, at, new Uint8Array(length + 2 * GUARD).fill(GUARD_BYTE));
    this.#guards.push({ at, length });
    return { offset: at + GUARD, length };
  }

  bytes(span: ArenaSpanData, length = span.length): Promise<Uint8Array> {
    return this.machine.readArena(this.client, span.offset, length);
  }

  async text(span: ArenaSpanData, length = span.length): Promise<string> {
    return new TextDecoder().decode(await this.bytes(span, length));
  }

  /** An id that is not in use. */
  id(): number {
    return this.#nextId++;
  }

  /** The entry's 64 bytes; they count as in flight when `submit` takes them. */
  encode(ask: Ask, id = this.id()): Uint8Array {
    encodeKernelWorkerRequest(this.#scratch, 0, { ...ask, flags: 0, requestId: id } as KernelWorkerRequest);
    return this.#scratch.u8.slice(0, ENTRY);
  }

  /** Publishes entries at once; returns the ids of those that found room. */
  async submit(entries: readonly Uint8Array[]): Promise<number[]> {
    const bytes = new Uint8Array(entries.length * ENTRY);
    for (const [i, entry] of entries.entries()) bytes.set(entry, i * ENTRY);
    const ids: number[] = [];
    const words = new DataView(bytes.buffer);
    // They count as in flight before they are published: an answer may be there before `submit` is.
    for (let at = 0; at < bytes.length; at += ENTRY) {
      const id = words.getUint32(at + 4, true);
      ids.push(id);
      this.#waiting.set(id, words.getUint16(at, true));
    }
    const count = await this.machine.submit(this.client, bytes);
    if (!Number.isInteger(count) || count < 0 || count > entries.length)
      throw new SubjectError(`submit of ${entries.length} entries answers ${count}`);
    for (const id of ids.splice(count)) this.#waiting.delete(id);
    return ids;
  }

  async send(...asks: Ask[]): Promise<number[]> {
    const ids = await this.submit(asks.map((ask) => this.encode(ask)));
    if (ids.length < asks.length) throw new CaseFailure(`only ${ids.length} of ${asks.length} entries found room`);
    return ids;
  }

  /** Takes the completions that come within `timeoutMs`; false when none came. */
  async take(timeoutMs: number, most = ALL): Promise<boolean> {
    const bytes = await this.machine.completions(this.client, most, timeoutMs);
    if (bytes.length % ENTRY !== 0) throw new SubjectError(`completions answers ${bytes.length} bytes`);
    for (let at = 0; at < bytes.length; at += ENTRY) {
      this.#scratch.u8.set(bytes.subarray(at, at + ENTRY), 0);
      const raw = this.#scratch.u16[0] ?? 0;
      const entry = decodeKernelWorkerOutbound(this.#scratch, 0);
      if (entry === undefined) {
        this.#problems.push(`a completion has opcode ${raw}, which no kernel sends`);
        continue;
      }
      const written = this.#again(entry);
      const odd = written.findIndex((byte, i) => byte !== this.#scratch.u8[i]);
      if (odd >= 0) this.#problems.push(`${opcodeName(raw)}: byte ${odd} of the entry is reserved, and not 0`);
      if (entry.flags !== 0) this.#problems.push(`${opcodeName(raw)} has flags ${entry.flags}; none is defined`);
      this.#receive(entry);
    }
    return bytes.length > 0;
  }

  /** The entry as it is written: 0 in reserved words. */
  #again(entry: KernelWorkerOutbound): Uint8Array {
    const mem = new Mem(new ArrayBuffer(ENTRY));
    encodeKernelWorkerOutbound(mem, 0, entry);
    return mem.u8;
  }

  #receive(entry: KernelWorkerOutbound): void {
    const { opcode, requestId } = entry;
    if (opcode !== Opcode.Reply) {
      if (requestId !== 0) this.#problems.push(`an event ${opcodeName(opcode)} has request id ${requestId}, not 0`);
      this.events.push(entry);
      return;
    }
    const asked = this.#waiting.get(requestId);
    if (asked === undefined) {
      this.#problems.push(`a reply (${resultText(entry.result)}) to request ${requestId}, which is not in flight`);
      return;
    }
    this.#waiting.delete(requestId);
    this.#replies.set(requestId, entry);
    const unasked = unaskedWords(asked, entry);
    if (unasked.length > 0)
      this.#problems.push(
        `${opcodeName(asked)} answers ${resultText(entry.result)} with ${unasked.join(", ")}; nothing says what that is`,
      );
    if (entry.result >= 0n) return;
    const errno = Number(-entry.result);
    const declared = declaredErrnos(asked);
    if (declared !== undefined && !declared.has(errnoName(errno)))
      this.#problems.push(`${opcodeName(asked)} answers ${errnoName(errno)}, which it does not declare`);
  }

  /** The reply to request `id`. */
  async answer(id: number): Promise<Reply> {
    const until = performance.now() + this.#timeoutMs;
    for (;;) {
      const reply = this.#replies.get(id);
      if (reply !== undefined) {
        this.#replies.delete(id);
        return reply;
      }
      const left = until - performance.now();
      if (left <= 0) throw new CaseFailure(`request ${id} was not answered within ${this.#timeoutMs} ms`);
      await this.take(left);
      this.#raise();
    }
  }

  /** The next event of an opcode. */
  async event<O extends KernelWorkerOutbound["opcode"]>(
    opcode: O,
  ): Promise<Extract<KernelWorkerOutbound, { opcode: O }>> {
    const until = performance.now() + this.#timeoutMs;
    for (;;) {
      const at = this.events.findIndex((event) => event.opcode === opcode);
      const found = at < 0 ? undefined : this.events.splice(at, 1)[0];
      if (found !== undefined) return found as Extract<KernelWorkerOutbound, { opcode: O }>;
      const left = until - performance.now();
      if (left <= 0) throw new CaseFailure(`no ${opcodeName(opcode)} came within ${this.#timeoutMs} ms`);
      await this.take(left);
      this.#raise();
    }
  }

  async request(ask: Ask): Promise<Reply> {
    const [id] = await this.send(ask);
    return await this.answer(id ?? 0);
  }

  /** The reply, which must be a success. */
  async ok(ask: Ask): Promise<Reply> {
    const reply = await this.request(ask);
    if (reply.result < 0n) throw new CaseFailure(`${opcodeName(ask.opcode)} answers ${resultText(reply.result)}`);
    return reply;
  }

  /** The request must fail with this errno. */
  async refused(ask: Ask, errno: string): Promise<Reply> {
    const reply = await this.request(ask);
    if (resultText(reply.result) !== errno)
      throw new CaseFailure(`${opcodeName(ask.opcode)} answers ${resultText(reply.result)}, not ${errno}`);
    return reply;
  }

  /** Whether the kernel has answered `id`; takes what is there without waiting. */
  async answered(id: number): Promise<boolean> {
    await this.take(0);
    return this.#replies.has(id);
  }

  /**
   * The end of a case: nothing may be in flight, nothing more may come, and the guards stand. The arena is free again.
   */
  async settle(): Promise<void> {
    const left = [...this.#waiting.values()].map((opcode) => opcodeName(opcode));
    if (left.length > 0) throw new CaseFailure(`never answered: ${left.join(", ")}`);
    // What comes twice comes before the answer to this.
    await this.request({ opcode: Opcode.Noop });
    while (await this.take(0));
    this.#raise();
    for (const { at, length } of this.#guards) {
      const all = await this.machine.readArena(this.client, at, length + 2 * GUARD);
      const bad = all.findIndex((byte, i) => (i < GUARD || i >= GUARD + length) && byte !== GUARD_BYTE);
      if (bad >= 0)
        throw new CaseFailure(
          `a byte was written ${bad < GUARD ? `${GUARD - bad} before` : `${bad - GUARD - length + 1} behind`} a span of ${length} bytes`,
        );
    }
    this.forget();
  }

  /** Gives the arena back, whatever happened. */
  forget(): void {
    for (const at of this.#taken) this.#arena.free(at);
    this.#taken = [];
    this.#guards = [];
    this.#replies.clear();
    this.events.length = 0;
  }

  #raise(): void {
    if (this.#problems.length > 0) throw new CaseFailure(this.#problems.splice(0).join("; "));
  }
}

/** An entry's opcode and id; undefined for one that is no request. */
export function requestOf(entry: Uint8Array): KernelWorkerRequest | undefined {
  const mem = new Mem(new ArrayBuffer(ENTRY));
  mem.u8.set(entry);
  return decodeKernelWorkerRequest(mem, 0);
}
