/** What the generated requests are made of: pieces that know no opcode. */
import type { Mem } from "./mem.ts";

/** A client's part of the memory, in which requests name spans by their offset. */
export interface Arena {
  readonly mem: Mem;
  /** Address in `mem` of offset 0. */
  readonly base: number;
  /** The bytes from offset `at` on, in place. */
  bytes(at: number, length: number): Uint8Array;
}

export interface CallOptions {
  /** Aborting rejects the call with the signal's reason and cancels the request. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the call rejects with RequestTimeout and the request is cancelled. */
  readonly timeoutMs?: number | undefined;
  /** What errors call the operation. Default: Linux's name of it. */
  readonly syscall?: string | undefined;
}

/** One request: how it is written and its reply read. */
export interface CallSpec<T, Entry, Reply> {
  /** Linux's name of the operation, for errors. */
  readonly syscall: string;
  readonly path?: string | undefined;
  /** Arena bytes that the call needs, 0 for none. */
  readonly bytes: number;
  /** Bytes that its reply may have; undefined when `result` counts none in the arena. */
  readonly room?: number | undefined;
  /** The reply has all of them. */
  readonly exact?: boolean | undefined;
  /** The kernel answers it at once, whatever its guests do: it never waits behind what may wait. */
  readonly prompt?: boolean | undefined;
  /** The entry; `at` is the offset in the arena of the bytes asked for. The client sets its requestId. */
  encode(at: number, arena: Arena): Entry;
  /** Reads a successful reply; `reply` and the arena bytes are gone after it returns. */
  decode(result: number, reply: Reply, at: number, arena: Arena): T;
  /** Takes back what a request has made whose caller has given up meanwhile. */
  readonly undo?: ((value: T) => void) | undefined;
}

/** Who sends requests. */
export interface Caller<Entry, Reply> {
  call<T>(spec: CallSpec<T, Entry, Reply>, options?: CallOptions): Promise<T>;
}

/** Bytes that their owner writes into the arena itself, sparing a copy. */
export interface BytesWriter {
  readonly length: number;
  /** Writes `length` bytes at `address`, a multiple of 8. */
  write(mem: Mem, address: number): void;
}

/** What a request carries in a span. */
export type RequestBytes = Uint8Array | BytesWriter;

/** Puts the bytes of a span at offset `at` of the arena. */
export function putBytes(arena: Arena, at: number, bytes: RequestBytes): void {
  if (bytes instanceof Uint8Array) arena.bytes(at, bytes.length).set(bytes);
  else bytes.write(arena.mem, arena.base + at);
}

/**
 * `value`, an argument that is called `name`, when its field holds it as it is: a typed array would store another.
 * @throws RangeError unless it is a whole number from `least` to `most`
 */
export function within<T extends number | bigint>(
  value: T,
  least: number | bigint,
  most: number | bigint,
  name: string,
): T {
  if (value >= least && value <= most && (typeof value === "bigint" || Number.isInteger(value))) return value;
  throw new RangeError(`${name} is ${value}; it is a whole number from ${least} to ${most}`);
}

/** Reply of a request that says nothing but that it was done. */
export function nothing(): void {}

/** A field of a request, a SlotHandle or an index (0: none), that names a slot which only the client may name that got it. */
export interface OwnField {
  readonly field: string;
  /** SlotKind. */
  readonly kind: number;
  /** What others are answered. */
  readonly errno: number;
}

/** A slot that the client holds when a request was answered. */
export interface GivenSlot {
  /** SlotKind. */
  readonly kind: number;
  /** Where its SlotHandle lies in the reply's bytes; undefined: it is the reply's handle. */
  readonly offset: number | undefined;
}

/** What holds for all requests of one opcode. */
export interface RequestRules {
  /** Errors of its own, by name; those that any request may have are in docs/abi/opcodes.md. */
  readonly errnos: readonly string[];
  /** Words of its reply that say something where it succeeds; the others are 0. */
  readonly says: readonly ("result" | "value" | "value2" | "handle")[];
  /** Only the machine's own host may make it; a control channel is answered EPERM. */
  readonly host: boolean;
  readonly own: readonly OwnField[];
  readonly gives: readonly GivenSlot[];
  /** Its field with the SlotHandle of what the client holds no more when it was answered. */
  readonly takes: { readonly field: string; readonly kind: number } | undefined;
}
