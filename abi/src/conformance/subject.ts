/**
 * What the kit drives: an implementation of the ABI, whatever it is written in. A subject in another process, or another
 * language, speaks the JSON lines of `json-lines.ts`; one in TypeScript may implement these interfaces itself.
 */

/**
 * What a machine lets the kit do; cases that need more are skipped, and say so.
 * - `memory`: `read` and `write` reach the machine's memory.
 * - `clients`: rings that AttachClient gives can be driven, by the slot's index.
 * - `events`: the kit is client 0, to whom the kernel sends its events.
 * - `ring-start`: `open` can set where the rings' indices begin.
 * - `raw`: entries reach the kernel as they are, those too that no client of good manners sends. (A control channel looks at
 *   them first, and ends the connection of who sends nonsense.)
 * - `control`: the machine is behind a control channel, which refuses what is a host's to ask (EPERM).
 */
export const FEATURES = ["memory", "clients", "events", "ring-start", "raw", "control"] as const;
export type Feature = (typeof FEATURES)[number];

export interface OpenOptions {
  /** First value of all four ring indices of the kit's client, which are free-running. Default: the subject's. */
  readonly ringStart?: number;
}

/** A running machine. Calls for one machine are made one after another. */
export interface SubjectMachine {
  readonly features: ReadonlySet<Feature>;
  /** Slot of the client that the kit has from the beginning. */
  readonly client: number;
  /** Bytes of a client's arena. */
  readonly arenaBytes: number;
  /**
   * Writes whole entries of 64 bytes into a client's submission ring, publishes them at once and wakes the kernel.
   * @returns how many found room: the first ones
   */
  submit(client: number, entries: Uint8Array): Promise<number>;
  /**
   * Takes up to `most` completions of a client, in their order; waits at most `timeoutMs` for the first.
   * @returns whole entries of 64 bytes, none when none came
   */
  completions(client: number, most: number, timeoutMs: number): Promise<Uint8Array>;
  /** Arena bytes of a client, which lie inside its arena. */
  writeArena(client: number, offset: number, bytes: Uint8Array): Promise<void>;
  readArena(client: number, offset: number, length: number): Promise<Uint8Array>;
  /** Wakes the kernel although there is nothing new. */
  wake(): Promise<void>;
  /** Memory at a linear address (feature `memory`). */
  read(address: number, length: number): Promise<Uint8Array>;
  /** The same; four bytes at a multiple of four are written as one word, which others see whole. */
  write(address: number, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A value of a struct's field: 64-bit integers are decimal text, structs and arrays nest. */
export type CodecValue = number | string | CodecValue[] | { [field: string]: CodecValue };

/** A subject's own encoders, decoders and verifiers: for bindings in other languages. */
export interface SubjectCodec {
  /** The struct's fields by their schema names (or those in camel case), reserved ones left out. */
  decode(struct: string, bytes: Uint8Array): Promise<{ [field: string]: CodecValue }>;
  /** Bytes of a struct with these values, 0 in reserved words. */
  encode(struct: string, values: { [field: string]: CodecValue }): Promise<Uint8Array>;
  /** Whether a buffer is a sound table of that name. */
  verify(table: string, bytes: Uint8Array): Promise<boolean>;
}

export interface Subject {
  readonly name: string;
  open(options: OpenOptions): Promise<SubjectMachine>;
  /** Absent: the vectors are skipped. */
  readonly codec?: SubjectCodec | undefined;
  close(): Promise<void>;
}

/** The subject broke its own protocol: no case can be judged. */
export class SubjectError extends Error {
  override readonly name = "SubjectError";
}
