/**
 * The RPC client: requests with ids over a Transport, answered in any order.
 *
 * A call takes arena bytes, writes its entry, and is settled when its reply is
 * read; what cannot be sent at once (too much in flight, arena or ring full)
 * waits in order, and is refused with EAGAIN where too much waits. What the
 * kernel answers at once (`prompt`) waits for nothing that may not be: it goes
 * first, and has arena bytes of its own. A call that its caller gave up keeps
 * its id and arena bytes until the kernel has answered, since the kernel may
 * still write there.
 */
import {
  Control,
  decodeKernelWorkerOutbound,
  Errno,
  type KernelWorkerOutbound,
  type KernelWorkerRequest,
  KernelWorkerRequests,
  Opcode,
  opcodeName,
  ReplyEvent,
} from "../../ts/index.ts";
import type { Arena, Caller, CallOptions, CallSpec as RequestSpec } from "../core/request.ts";
import { ArenaAllocator } from "./arena.ts";
import {
  abortReason,
  MachineFailed,
  MachineStopped,
  RequestTimeout,
  RpcProtocolError,
  SessionClosed,
  SystemError,
} from "./errors.ts";
import type { Transport } from "./transport.ts";

/** A request id is `use << SLOT_BITS | slot`: 31 bits, which V8 keeps without a heap number. A reply is matched by its whole id. */
const SLOT_BITS = 14;
const SLOT_MASK = 2 ** SLOT_BITS - 1;
const USES = 2 ** (31 - SLOT_BITS);
/** Calls that wait for room: more are refused with EAGAIN. */
const MAX_QUEUED = 16_384;
/** Arena bytes that only prompt calls may use: at most so many, and at most this part of it. */
const PROMPT_BYTES = 256 * 1024;
const PROMPT_PART = 4;
const MAX_ERRNO = 4095;
const TWO_32 = 2 ** 32;

export type { CallOptions };
/** One request: how it is written and its reply read. */
export type CallSpec<T> = RequestSpec<T, KernelWorkerRequest, ReplyEvent>;

/** Keeps the host's event loop alive while calls are in flight. */
export interface KeepAlive {
  ref(): void;
  unref(): void;
  /** It is not needed any more. */
  close(): void;
}

export interface RpcClientOptions {
  readonly keepAlive?: KeepAlive;
  /** Entries with request id 0. */
  onEvent?(event: KernelWorkerOutbound): void;
  /** The client ended by itself (a protocol error, or its transport says that the machine has ended); not called for `fail()`. */
  onFailure?(error: Error): void;
}

const isLength = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

class PendingCall {
  readonly spec: CallSpec<unknown>;
  resolve!: (value: unknown) => void;
  reject!: (error: Error) => void;
  /** 0 while it waits for room. */
  id = 0;
  at = -1;
  /** The caller's promise is settled already: the reply only frees what the call holds. */
  settled = false;
  timer: ReturnType<typeof setTimeout> | undefined;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;

  constructor(spec: CallSpec<unknown>) {
    this.spec = spec;
  }
}

/** First in, first out. */
class CallQueue {
  #calls: PendingCall[] = [];
  #head = 0;

  get size(): number {
    return this.#calls.length - this.#head;
  }

  get first(): PendingCall | undefined {
    return this.#calls[this.#head];
  }

  push(call: PendingCall): void {
    this.#calls.push(call);
  }

  shift(): void {
    this.#head++;
    // What is gone is kept for as long as it is less than what waits.
    if (this.#head * 2 < this.#calls.length) return;
    this.#calls.splice(0, this.#head);
    this.#head = 0;
  }

  clear(): PendingCall[] {
    const left = this.#calls.slice(this.#head);
    this.#calls = [];
    this.#head = 0;
    return left;
  }
}

export class RpcClient implements Caller<KernelWorkerRequest, ReplyEvent> {
  readonly transport: Transport;
  /** Every request as a method. */
  readonly request = new KernelWorkerRequests(this);
  /** The arena's bytes, for specs that are no method of `request`. */
  readonly arena: Arena;
  readonly #arena: ArenaAllocator;
  /** The arena's end, for prompt calls. */
  readonly #promptArena: ArenaAllocator;
  readonly #options: RpcClientOptions;
  /** Calls in flight by the slots of their ids, of which there are as many as were ever needed at once. */
  readonly #calls: (PendingCall | undefined)[] = [];
  readonly #uses: number[] = [];
  readonly #freeSlots: number[] = [];
  #inFlight = 0;
  readonly #reply: ReplyEvent;
  readonly #queue = new CallQueue();
  readonly #promptQueue = new CallQueue();
  #flushScheduled = false;
  #error: Error | undefined;

  constructor(transport: Transport, options: RpcClientOptions = {}) {
    this.transport = transport;
    this.#options = options;
    const { arenaBytes } = transport;
    this.#promptArena = new ArenaAllocator(Math.min(PROMPT_BYTES, Math.floor(arenaBytes / PROMPT_PART)));
    this.#arena = new ArenaAllocator(arenaBytes - this.#promptArena.bytes);
    this.#reply = new ReplyEvent(transport.mem);
    const { mem, arenaBase: base } = transport;
    this.arena = { mem, base, bytes: (at, length) => mem.u8.subarray(base + at, base + at + length) };
    transport.wait(this.#pump);
  }

  /** Requests that the kernel has not answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls that wait for room. */
  get queued(): number {
    return this.#queue.size + this.#promptQueue.size;
  }

  /** Arena bytes in use. */
  get arenaUsed(): number {
    return this.#arena.used + this.#promptArena.used;
  }

  /** The largest piece of a payload: several of them fit into the arena at once. */
  get chunkBytes(): number {
    return Math.max(64, this.#arena.capacity >>> 3);
  }

  /**
   * Makes one request.
   * @throws SystemError for a negative result; the signal's reason; RequestTimeout;
   * MachineStopped or MachineFailed when the machine ends first. EAGAIN: too many calls wait, here or in the kernel
   */
  call<T>(spec: CallSpec<T>, options?: CallOptions): Promise<T> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const { bytes, room = 0 } = spec;
    // A length of nonsense would name bytes of others.
    if (!isLength(bytes) || !isLength(room) || bytes > this.#arena.capacity) {
      return Promise.reject(
        new RangeError(
          `${spec.syscall}: ${isLength(bytes) ? room : bytes} is no length, or ${bytes} bytes do not fit the arena of ${this.#arena.capacity}`,
        ),
      );
    }
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const queue = spec.prompt === true ? this.#promptQueue : this.#queue;
    if (queue.size >= MAX_QUEUED) return Promise.reject(new SystemError(Errno.EAGAIN, spec.syscall, spec.path));
    const call = new PendingCall(spec as CallSpec<unknown>);
    const promise = new Promise<T>((resolve, reject) => {
      call.resolve = resolve as (value: unknown) => void;
      call.reject = reject;
    });
    if (signal !== undefined) {
      call.signal = signal;
      call.onAbort = (): void => this.#abandon(call, abortReason(signal));
      signal.addEventListener("abort", call.onAbort, { once: true });
    }
    const timeoutMs = options?.timeoutMs;
    if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY) {
      const late = (): void =>
        this.#abandon(call, new RequestTimeout(`${spec.syscall} did not answer within ${timeoutMs} ms`));
      call.timer = setTimeout(late, timeoutMs);
    }
    if (this.#inFlight === 0 && this.queued === 0) this.#options.keepAlive?.ref();
    // Prompt requests overtake the others; each of the two keeps its order.
    if (queue.size > 0 || !this.#start(call)) queue.push(call);
    return promise;
  }

  /** Asks the kernel to end request `id` early; nobody waits for the answer. */
  #cancel(id: number): void {
    // A request that was answered meanwhile is no error of anybody.
    this.request.cancel({ target: id }).catch(() => undefined);
  }

  /** Ends the client: every call, now and later, rejects with `error`. */
  fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.transport.close();
    const calls = [...this.#calls, ...this.#promptQueue.clear(), ...this.#queue.clear()];
    this.#calls.fill(undefined);
    this.#inFlight = 0;
    this.#options.keepAlive?.close();
    for (const call of calls) if (call !== undefined) this.#settle(call, error);
  }

  /** Sends the call; false when there is no room for it now. */
  #start(call: PendingCall): boolean {
    const spec = call.spec;
    const prompt = spec.prompt === true;
    if (this.#inFlight >= (prompt ? Control.RequestsAndPrompt : Control.Requests)) return false;
    let at = 0;
    if (spec.bytes > 0) {
      at = this.#arena.allocate(spec.bytes);
      if (at < 0 && prompt) {
        at = this.#promptArena.allocate(spec.bytes);
        if (at >= 0) at += this.#arena.bytes;
      }
      if (at < 0) return false;
      call.at = at;
    }
    const slot = this.#freeSlots.pop() ?? this.#calls.length;
    // Use counts start at 1, so that no id is 0.
    const use = ((this.#uses[slot] ?? 0) + 1) % USES || 1;
    const id = use * (SLOT_MASK + 1) + slot;
    this.#uses[slot] = use;
    let sent: boolean;
    try {
      const entry = spec.encode(at, this.arena);
      entry.requestId = id;
      sent = this.transport.submit(entry);
    } catch (error) {
      // A number that its field cannot hold, mostly: nothing was sent.
      this.#giveBack(call, slot);
      this.#settle(call, error as Error);
      this.#becameIdle();
      return true;
    }
    // Of a ring that is full the kernel says when it has room again: the pump looks.
    if (!sent) {
      this.#giveBack(call, slot);
      return false;
    }
    call.id = id;
    this.#calls[slot] = call;
    this.#inFlight++;
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flush);
    }
    return true;
  }

  /** What a call took that was not sent. */
  #giveBack(call: PendingCall, slot: number): void {
    this.#calls[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#release(call);
  }

  /** One wake for all that was submitted in this turn. */
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#error === undefined) this.transport.flush();
  };

  readonly #pump = (): void => {
    if (this.#error !== undefined) return;
    try {
      for (let addr = this.transport.next(); addr >= 0; addr = this.transport.next()) {
        this.#completion(addr);
        if (this.#error !== undefined) return;
      }
    } catch (error) {
      const ended = error instanceof MachineFailed || error instanceof MachineStopped || error instanceof SessionClosed;
      const failure = ended ? error : new MachineFailed("the RPC client failed", { cause: error });
      this.fail(failure);
      this.#options.onFailure?.(failure);
      return;
    }
    this.#admit();
    this.transport.wait(this.#pump);
  };

  #completion(addr: number): void {
    const reply = this.#reply.at(addr);
    const opcode = reply.header.opcode;
    const id = reply.header.requestId;
    if (opcode !== Opcode.Reply) {
      const event = decodeKernelWorkerOutbound(this.transport.mem, addr);
      this.transport.consume();
      if (event === undefined) throw new RpcProtocolError(`completion with unknown opcode ${opcodeName(opcode)}`);
      if (id !== 0) throw new RpcProtocolError(`event ${opcodeName(opcode)} carries request id ${id}`);
      this.#options.onEvent?.(event);
      return;
    }
    const call = this.#calls[id & SLOT_MASK];
    if (call === undefined || call.id !== id) {
      throw new RpcProtocolError(`reply to request ${id}, which is not in flight`);
    }
    const result = reply.resultHi * TWO_32 + reply.resultLo;
    if (result < -MAX_ERRNO)
      throw new RpcProtocolError(`reply to ${call.spec.syscall} carries result ${result}, which is no errno`);
    let value: unknown;
    let error: Error | undefined;
    if (result < 0) error = new SystemError(-result, call.spec.syscall, call.spec.path);
    else if (!call.settled || call.spec.undo !== undefined) {
      try {
        const { room, exact } = call.spec;
        if (room !== undefined && (result > room || (exact === true && result !== room)))
          throw new RpcProtocolError(`${call.spec.syscall} answers ${result} bytes in a span of ${room}`);
        value = call.spec.decode(result, reply, call.at, this.arena);
      } catch (thrown) {
        error = thrown as Error;
      }
    }
    this.transport.consume();
    this.#calls[id & SLOT_MASK] = undefined;
    this.#freeSlots.push(id & SLOT_MASK);
    this.#inFlight--;
    this.#release(call);
    if (call.settled && error === undefined) call.spec.undo?.(value);
    this.#settle(call, error, value);
    if (error instanceof RpcProtocolError) throw error;
  }

  /** Sends queued calls while there is room, in order. */
  #admit(): void {
    for (const queue of [this.#promptQueue, this.#queue]) {
      for (let call = queue.first; call !== undefined; call = queue.first) {
        if (!call.settled && !this.#start(call)) break;
        queue.shift();
      }
    }
    this.#becameIdle();
  }

  /** The caller does not wait any longer. */
  #abandon(call: PendingCall, error: Error): void {
    if (call.settled) return;
    this.#settle(call, error);
    if (this.#error !== undefined) return;
    if (call.id !== 0) this.#cancel(call.id);
    else this.#admit();
  }

  #settle(call: PendingCall, error: Error | undefined, value?: unknown): void {
    if (call.settled) return;
    call.settled = true;
    if (call.timer !== undefined) clearTimeout(call.timer);
    if (call.onAbort !== undefined) call.signal?.removeEventListener("abort", call.onAbort);
    if (error !== undefined) call.reject(error);
    else call.resolve(value);
  }

  #release(call: PendingCall): void {
    if (call.at < 0) return;
    const beyond = call.at - this.#arena.bytes;
    if (beyond < 0) this.#arena.free(call.at);
    else this.#promptArena.free(beyond);
    call.at = -1;
  }

  #becameIdle(): void {
    if (this.#error === undefined && this.#inFlight === 0 && this.queued === 0) this.#options.keepAlive?.unref();
  }
}
