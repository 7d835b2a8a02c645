/**
 * The RPC client: requests with ids over a Transport, answered in any order.
 *
 * A call takes arena bytes, writes its entry, and is settled when its reply is
 * read; what cannot be sent at once (too much in flight, arena full) waits in
 * order. A call that its caller gave up keeps its id and arena bytes until the
 * kernel has answered, since the kernel may still write there.
 */
import {
  decodeKernelWorkerOutbound,
  Fixed,
  type KernelWorkerOutbound,
  type KernelWorkerRequest,
  Opcode,
  opcodeName,
  ReplyEvent,
} from "../../ts/index.ts";
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

/** Ids are `use << SLOT_BITS | slot`; a reply is matched by its whole id. */
const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;
const SLOT_MASK = SLOTS - 1;
const USE_LIMIT = 2 ** (32 - SLOT_BITS);
/** Places in flight that only Cancel and BlobFilled may take, so that they are never stuck behind what they end. */
const CONTROL_RESERVE = 16;
/** What the kernel takes of one client before it reads no further. */
const MAX_IN_FLIGHT = Fixed.RingEntries - Fixed.RingEventRoom;
const MAX_ERRNO = 4095;
const TWO_32 = 2 ** 32;

export interface CallOptions {
  /** Aborting rejects the call with the signal's reason and cancels the request. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the call rejects with RequestTimeout and the request is cancelled. */
  readonly timeoutMs?: number | undefined;
}

/** How one kind of request is written and its reply read. */
export interface CallSpec<T> {
  /** Linux's name of the operation, for errors. */
  readonly syscall: string;
  readonly path?: string | undefined;
  /** Arena bytes that the call needs, 0 for none. */
  readonly bytes: number;
  /** The entry; `at` is the offset in the arena of the bytes asked for. The client sets its requestId. */
  encode(at: number): KernelWorkerRequest;
  /** Reads a successful reply; `reply` and the arena bytes are gone after it returns. */
  decode(result: number, reply: ReplyEvent, at: number): T;
  /** True for what keeps the machine going (Cancel, BlobFilled): it may use the reserve. */
  readonly control?: boolean;
}

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

class PendingCall {
  readonly spec: CallSpec<unknown>;
  resolve!: (value: unknown) => void;
  reject!: (error: Error) => void;
  /** 0 while it waits for room. */
  id = 0;
  at = -1;
  /** The caller has been told already: the reply only gives back what the call holds. */
  settled = false;
  timer: ReturnType<typeof setTimeout> | undefined;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;

  constructor(spec: CallSpec<unknown>) {
    this.spec = spec;
  }
}

export class RpcClient {
  readonly transport: Transport;
  readonly #arena: ArenaAllocator;
  readonly #options: RpcClientOptions;
  readonly #calls: (PendingCall | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #uses = new Uint32Array(SLOTS);
  readonly #freeSlots: number[] = [];
  readonly #reply: ReplyEvent;
  #queue: PendingCall[] = [];
  #queueHead = 0;
  #controlQueue: PendingCall[] = [];
  #inFlight = 0;
  #flushScheduled = false;
  #error: Error | undefined;

  constructor(transport: Transport, options: RpcClientOptions = {}) {
    this.transport = transport;
    this.#options = options;
    this.#arena = new ArenaAllocator(transport.arenaBytes);
    this.#reply = new ReplyEvent(transport.mem);
    for (let slot = SLOTS - 1; slot >= 0; slot--) this.#freeSlots.push(slot);
    transport.wait(this.#pump);
  }

  /** Requests that the kernel has not answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls that wait for room. */
  get queued(): number {
    return this.#queue.length - this.#queueHead + this.#controlQueue.length;
  }

  /** Arena bytes in use. */
  get arenaUsed(): number {
    return this.#arena.used;
  }

  /** The largest piece of a payload: several of them fit into the arena at once. */
  get chunkBytes(): number {
    return Math.max(64, this.#arena.capacity >>> 3);
  }

  /** The arena bytes from `at` on, in place. */
  bytes(at: number, length: number): Uint8Array {
    const { mem, arenaBase } = this.transport;
    return mem.u8.subarray(arenaBase + at, arenaBase + at + length);
  }

  /** Address in the transport's memory of arena offset `at`. */
  address(at: number): number {
    return this.transport.arenaBase + at;
  }

  /**
   * Makes one request.
   * @throws SystemError for a negative result; the signal's reason; RequestTimeout;
   * MachineStopped or MachineFailed when the machine ends first
   */
  call<T>(spec: CallSpec<T>, options?: CallOptions): Promise<T> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (spec.bytes > this.#arena.capacity) {
      return Promise.reject(
        new RangeError(`${spec.syscall}: ${spec.bytes} bytes do not fit the arena of ${this.#arena.capacity}`),
      );
    }
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
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
    // Control requests overtake the queue; the others keep their order.
    if (spec.control === true) {
      if (!this.#start(call)) this.#controlQueue.push(call);
    } else if (this.#queueHead < this.#queue.length || !this.#start(call)) this.#queue.push(call);
    return promise;
  }

  /** Asks the kernel to end request `id` early; nobody waits for the answer. */
  #cancel(id: number): void {
    const spec: CallSpec<void> = {
      syscall: "cancel",
      bytes: 0,
      control: true,
      encode: () => ({ opcode: Opcode.Cancel, flags: 0, requestId: 0, target: id }),
      decode: () => undefined,
    };
    // A request that was answered meanwhile is no error of anybody.
    this.call(spec).catch(() => undefined);
  }

  /** Ends the client: every call, now and later, rejects with `error`. */
  fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.transport.close();
    const calls = [...this.#calls, ...this.#controlQueue, ...this.#queue.slice(this.#queueHead)];
    this.#calls.fill(undefined);
    this.#controlQueue = [];
    this.#queue = [];
    this.#queueHead = 0;
    this.#inFlight = 0;
    this.#options.keepAlive?.close();
    for (const call of calls) if (call !== undefined) this.#settle(call, error);
  }

  /** Sends the call; false when there is no room for it now. */
  #start(call: PendingCall): boolean {
    const spec = call.spec;
    if (this.#inFlight >= (spec.control === true ? MAX_IN_FLIGHT : MAX_IN_FLIGHT - CONTROL_RESERVE)) return false;
    let at = 0;
    if (spec.bytes > 0) {
      at = this.#arena.allocate(spec.bytes);
      if (at < 0) return false;
      call.at = at;
    }
    let entry: KernelWorkerRequest;
    try {
      entry = spec.encode(at);
    } catch (error) {
      this.#release(call);
      this.#settle(call, error as Error);
      this.#becameIdle();
      return true;
    }
    const slot = this.#freeSlots.pop()!;
    // Use counts start at 1, so that no id is 0.
    const use = (this.#uses[slot]! + 1) % USE_LIMIT || 1;
    this.#uses[slot] = use;
    call.id = use * SLOTS + slot;
    entry.requestId = call.id;
    if (!this.transport.submit(entry)) {
      this.#freeSlots.push(slot);
      call.id = 0;
      this.#release(call);
      return false;
    }
    this.#calls[slot] = call;
    this.#inFlight++;
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flush);
    }
    return true;
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
    else if (!call.settled) {
      try {
        value = call.spec.decode(result, reply, call.at);
      } catch (thrown) {
        error = thrown as Error;
      }
    }
    this.transport.consume();
    this.#calls[id & SLOT_MASK] = undefined;
    this.#freeSlots.push(id & SLOT_MASK);
    this.#inFlight--;
    this.#release(call);
    this.#settle(call, error, value);
    if (error instanceof RpcProtocolError) throw error;
  }

  /** Sends queued calls while there is room, in order. */
  #admit(): void {
    while (this.#controlQueue.length > 0 && this.#start(this.#controlQueue[0]!)) this.#controlQueue.shift();
    while (this.#queueHead < this.#queue.length) {
      const call = this.#queue[this.#queueHead]!;
      if (!call.settled && !this.#start(call)) return;
      this.#queueHead++;
    }
    if (this.#queue.length > 0) {
      this.#queue = [];
      this.#queueHead = 0;
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
    this.#arena.free(call.at);
    call.at = -1;
  }

  #becameIdle(): void {
    if (this.#error === undefined && this.#inFlight === 0 && this.queued === 0) this.#options.keepAlive?.unref();
  }
}
