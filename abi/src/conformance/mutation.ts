/**
 * Wrong subjects, made of a sound one: a proxy between the kit and a subject changes one thing of what passes. The list of
 * changes is made from the lock: each field of each request and of each reply, told of or not. A kit that finds them all has
 * looked at everything that the ABI says.
 */
import { Fixed, Opcode, ReplyEvent } from "../../ts/index.ts";
import type { Subject, SubjectMachine } from "./subject.ts";

/** What is read of `abi.lock.json`. */
export interface LayoutLock {
  readonly enums: Readonly<Record<string, { readonly values: Readonly<Record<string, string>> }>>;
  readonly structs: Readonly<Record<string, LockStruct>>;
}

interface LockStruct {
  readonly size: number;
  readonly opcode?: string;
  readonly union?: string;
  /** Of a request: what words of the reply are called, and what its bytes are. */
  readonly reply?: Readonly<Record<string, unknown>>;
  readonly fields: readonly LockField[];
}

interface LockField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  readonly reserved?: boolean;
  readonly unit?: string;
}

/** One change of what passes. Numbers are little endian. */
export interface Mutation {
  /** "WriteFile: position is not heard". */
  readonly name: string;
  /** Name of the request's opcode: its cases are to see it. */
  readonly opcode: string;
  readonly number: number;
  /** The request's entry, the entry of its successful reply, or that reply's bytes in the arena. */
  readonly where: "request" | "reply" | "bytes";
  readonly offset: number;
  readonly size: number;
  /**
   * zero: as if it were 0; more: one more; less: one less; swap: changed with what lies `size` bytes behind it; latest: of a
   * handle, the generation that this index had last.
   */
  readonly change: "zero" | "more" | "less" | "swap" | "latest";
}

const ENTRY = Fixed.RingEntryBytes;
const HANDLE = "SlotHandle";
const SPAN = "ArenaSpan";
const REPLY = ReplyEvent.OFFSET;

/** The requests with the numbers of their opcodes. */
function requestsOf(lock: LayoutLock): { readonly item: LockStruct; readonly number: number }[] {
  return Object.values(lock.structs)
    .filter((item) => item.union === "KernelWorkerRequest")
    .map((item) => ({ item, number: Number(lock.enums["Opcode"]?.values[item.opcode ?? ""]) }))
    .sort((a, b) => a.number - b.number);
}

/** All mutations, in the order of the opcodes. */
export function mutations(lock: LayoutLock): Mutation[] {
  const reply = lock.structs["ReplyEvent"];
  return requestsOf(lock).flatMap(({ item, number }): Mutation[] => {
    const opcode = item.opcode ?? "";
    const of = (
      where: Mutation["where"],
      says: string,
      offset: number,
      size: number,
      change: Mutation["change"],
    ): Mutation => ({
      name: `${opcode}: ${says}`,
      opcode,
      number,
      where,
      offset,
      size,
      change,
    });
    const payload = lock.structs[String(item.reply?.["payload"])];
    return [
      ...item.fields.flatMap((field, i) => requestMutations(field, item.fields[i + 1], of)),
      ...(reply?.fields ?? []).flatMap((field) => replyMutations(field, item.reply ?? {}, of)),
      ...(payload?.fields ?? [])
        .filter((field) => field.reserved !== true)
        .map((field) =>
          of("bytes", `${field.name} in the reply's bytes is one more`, field.offset, Math.min(field.size, 8), "more"),
        ),
    ];
  });
}

type Make = (
  where: Mutation["where"],
  says: string,
  offset: number,
  size: number,
  change: Mutation["change"],
) => Mutation;

function requestMutations(field: LockField, next: LockField | undefined, of: Make): Mutation[] {
  const { name, offset, size } = field;
  if (field.reserved === true || field.type === "RpcHeader") return [];
  if (field.type === HANDLE)
    return [
      of("request", `${name} is nobody`, offset, 8, "zero"),
      of("request", `the generation of ${name} is not looked at`, offset, 8, "latest"),
    ];
  if (field.type === SPAN)
    return name === "reply"
      ? [of("request", "there is no room for the reply", offset + 4, 4, "zero")]
      : [of("request", `${name} is one byte shorter`, offset + 4, 4, "less")];
  const alike =
    next !== undefined && next.reserved !== true && next.size === size && next.type !== SPAN && next.type !== HANDLE;
  return [
    of("request", `${name} is not heard`, offset, size, "zero"),
    of("request", `${name} is one more`, offset, size, "more"),
    ...(alike ? [of("request", `${name} and ${next.name} are each other`, offset, size, "swap")] : []),
  ];
}

function replyMutations(field: LockField, told: Readonly<Record<string, unknown>>, of: Make): Mutation[] {
  const { name, offset, size } = field;
  if (field.type === "RpcHeader") return [of("reply", "the reply has flags", offset + 2, 2, "more")];
  if (field.reserved === true) return [of("reply", "the reply has reserved words", offset, 4, "more")];
  if (field.type === HANDLE && told[name] !== undefined)
    return [
      of("reply", "the reply's handle is the next one", offset, 4, "more"),
      of("reply", "the reply's handle has another generation", offset + 4, 4, "more"),
    ];
  return [
    of(
      "reply",
      told[name] === undefined ? `the reply has a ${name}` : `the reply's ${name} is one more`,
      offset,
      Math.min(size, 8),
      "more",
    ),
  ];
}

/** Of a request's opcode: where its entry says where the reply's bytes go, and where handles lie in those. */
interface Layout {
  readonly span: number | undefined;
  readonly handles: readonly number[];
}

/** The sound subject with this change. */
export function mutated(sound: Subject, mutation: Mutation, lock: LayoutLock): Subject {
  const layouts = new Map<number, Layout>();
  for (const { item, number } of requestsOf(lock)) {
    const payload = lock.structs[String(item.reply?.["payload"])];
    layouts.set(number, {
      span: item.fields.find(({ name, type }) => name === "reply" && type === SPAN)?.offset,
      handles: (payload?.fields ?? []).filter(({ type }) => type === HANDLE).map(({ offset }) => offset),
    });
  }
  return {
    ...sound,
    name: mutation.name,
    open: async (options) => proxy(await sound.open(options), mutation, layouts),
  };
}

/** Bytes of a reply in a client's arena. */
interface Filled {
  readonly client: number;
  readonly offset: number;
  readonly length: number;
  readonly opcode: number;
}

function proxy(machine: SubjectMachine, mutation: Mutation, layouts: ReadonlyMap<number, Layout>): SubjectMachine {
  /** Requests that were passed on, by client and id. */
  const passed = new Map<string, Filled>();
  let filled: Filled[] = [];
  const latest = new Map<number, number>();
  const learn = (words: DataView, at: number): void => {
    const index = words.getUint32(at, true);
    if (index !== 0) latest.set(index, words.getUint32(at + 4, true));
  };
  const overlapping = (client: number, offset: number, length: number) => (item: Filled) =>
    item.client === client && item.offset < offset + length && offset < item.offset + item.length;
  return {
    ...machine,
    submit: async (client, entries) => {
      const copy = entries.slice();
      const words = new DataView(copy.buffer);
      for (let at = 0; at < copy.length; at += ENTRY) {
        const opcode = words.getUint16(at, true);
        const span = layouts.get(opcode)?.span;
        const [offset, length] =
          span === undefined ? [0, 0] : [words.getUint32(at + span, true), words.getUint32(at + span + 4, true)];
        passed.set(`${client} ${words.getUint32(at + 4, true)}`, { client, offset, length, opcode });
        if (mutation.where === "request" && opcode === mutation.number) apply(mutation, words, at, latest);
      }
      return await machine.submit(client, copy);
    },
    completions: async (client, most, timeoutMs) => {
      const bytes = (await machine.completions(client, most, timeoutMs)).slice();
      const words = new DataView(bytes.buffer);
      for (let at = 0; at + ENTRY <= bytes.length; at += ENTRY) {
        const request = passed.get(`${client} ${words.getUint32(at + 4, true)}`);
        const result = words.getBigInt64(at + REPLY.result, true);
        if (words.getUint16(at, true) !== Opcode.Reply || request === undefined || result < 0n) continue;
        learn(words, at + REPLY.handle);
        if (request.length > 0) {
          filled = [...filled.filter((item) => !overlapping(client, request.offset, request.length)(item)), request];
        }
        if (mutation.where === "reply" && request.opcode === mutation.number) apply(mutation, words, at, latest);
      }
      return bytes;
    },
    writeArena: async (client, offset, bytes) => {
      filled = filled.filter((item) => !overlapping(client, offset, bytes.length)(item));
      await machine.writeArena(client, offset, bytes);
    },
    readArena: async (client, offset, length) => {
      const bytes = (await machine.readArena(client, offset, length)).slice();
      const words = new DataView(bytes.buffer);
      const inside = (at: number, size: number): boolean => at >= 0 && at + size <= length;
      for (const item of filled.filter(overlapping(client, offset, length))) {
        const at = item.offset - offset;
        for (const handle of layouts.get(item.opcode)?.handles ?? [])
          if (inside(at + handle, 8)) learn(words, at + handle);
        const mine = mutation.where === "bytes" && item.opcode === mutation.number;
        if (mine && inside(at + mutation.offset, mutation.size)) apply(mutation, words, at, latest);
      }
      return bytes;
    },
  };
}

/** Changes what lies at `mutation.offset` behind `base`. */
function apply(mutation: Mutation, words: DataView, base: number, latest: ReadonlyMap<number, number>): void {
  const at = base + mutation.offset;
  const { size } = mutation;
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  switch (mutation.change) {
    case "zero":
      bytes.fill(0, at, at + size);
      return;
    case "more":
    case "less":
      // With carry, byte by byte: words of any size.
      for (let i = at, step = mutation.change === "more" ? 1 : -1; i < at + size; i++) {
        const before = bytes[i] ?? 0;
        bytes[i] = before + step;
        if (before !== (step === 1 ? 0xff : 0)) return;
      }
      return;
    case "swap": {
      const mine = bytes.slice(at, at + size);
      bytes.copyWithin(at, at + size, at + 2 * size);
      bytes.set(mine, at + size);
      return;
    }
    case "latest": {
      const generation = latest.get(words.getUint32(at, true));
      if (generation !== undefined) words.setUint32(at + 4, generation, true);
      return;
    }
  }
}
