/** The kit's side of a subject behind a byte stream: one JSON object a line each way, one answer for each request. */
import { fromBase64, toBase64 } from "./base64.ts";
import type { Fields } from "./codec.ts";
import {
  FEATURES,
  type Feature,
  type Subject,
  type SubjectCodec,
  SubjectError,
  type SubjectMachine,
} from "./subject.ts";

/** Version of the lines, said by both sides in `hello`. */
export const PROTOCOL = 1;

/** Lines to and from a subject. */
export interface LineChannel {
  /** Sends a line, without its newline. */
  send(line: string): void;
  /** The next line; rejects when there is none any more. */
  receive(): Promise<string>;
  close(): Promise<void>;
}

type Json = Readonly<Record<string, unknown>>;

/** A field of an answer, of the type that it must have. */
function field<T>(answer: Json, name: string, check: (value: unknown) => value is T, type: string): T {
  const value = answer[name];
  if (check(value)) return value;
  throw new SubjectError(`the answer's "${name}" is ${JSON.stringify(value)}, not ${type}`);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === "string";
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function bytesOf(answer: Json, name: string): Uint8Array {
  const text = field(answer, name, isText, "base64");
  try {
    return fromBase64(text);
  } catch {
    throw new SubjectError(`the answer's "${name}" is no base64: ${text.slice(0, 40)}`);
  }
}

class Lines {
  readonly #channel: LineChannel;
  #nextId = 1;
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: LineChannel) {
    this.#channel = channel;
  }

  /** One request and its answer; requests wait for one another. */
  ask(op: string, fields: Json = {}): Promise<Json> {
    const answer = this.#last.then(() => this.#ask(op, fields));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #ask(op: string, fields: Json): Promise<Json> {
    const id = this.#nextId++;
    this.#channel.send(JSON.stringify({ id, op, ...fields }));
    const line = await this.#channel.receive();
    let answer: unknown;
    try {
      answer = JSON.parse(line);
    } catch {
      throw new SubjectError(`the subject's line is no JSON: ${line.slice(0, 80)}`);
    }
    if (!isObject(answer)) throw new SubjectError(`the subject's line is no object: ${line.slice(0, 80)}`);
    const { id: theirs, ok, error } = answer as Json;
    if (theirs !== id) throw new SubjectError(`the answer to request ${id} (${op}) has id ${JSON.stringify(theirs)}`);
    if (isText(error)) throw new Error(`the subject says to ${op}: ${error}`);
    if (!isObject(ok)) throw new SubjectError(`the answer to ${op} has neither an object "ok" nor a text "error"`);
    return ok;
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}

/**
 * A subject that speaks JSON lines.
 * @throws SubjectError when it does not, or speaks another version
 */
export async function jsonLinesSubject(channel: LineChannel): Promise<Subject> {
  const lines = new Lines(channel);
  const hello = await lines.ask("hello", { protocol: PROTOCOL });
  const theirs = field(hello, "protocol", isCount, "a number");
  if (theirs !== PROTOCOL)
    throw new SubjectError(`the subject speaks version ${theirs} of the lines, the kit ${PROTOCOL}`);
  const codec: SubjectCodec = {
    decode: async (struct, bytes) =>
      field(await lines.ask("decode", { struct, bytes: toBase64(bytes) }), "values", isObject, "an object"),
    encode: async (struct, values) => bytesOf(await lines.ask("encode", { struct, values }), "bytes"),
    verify: async (table, bytes) =>
      field(await lines.ask("verify", { table, bytes: toBase64(bytes) }), "sound", isFlag, "true or false"),
  };
  return {
    name: field(hello, "name", isText, "a text"),
    codec: field(hello, "codec", isFlag, "true or false") ? codec : undefined,
    open: async (options) => machineOf(lines, await lines.ask("open", { ...options })),
    close: async () => {
      await lines.ask("bye").catch(() => undefined);
      await lines.close();
    },
  };
}

function machineOf(lines: Lines, opened: Json): SubjectMachine {
  const machine = field(opened, "machine", isCount, "a number");
  const names = field(opened, "features", (value) => Array.isArray(value) && value.every(isText), "a list of texts");
  const unknown = (names as string[]).filter((name) => !(FEATURES as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new SubjectError(`there is no feature ${unknown.join(", ")}; there are ${FEATURES.join(", ")}`);
  const ask = (op: string, fields: Json = {}): Promise<Json> => lines.ask(op, { machine, ...fields });
  return {
    features: new Set(names as Feature[]),
    client: field(opened, "client", isCount, "a number"),
    arenaBytes: field(opened, "arenaBytes", isCount, "a number"),
    submit: async (client, entries) =>
      field(await ask("submit", { client, entries: toBase64(entries) }), "count", isCount, "a number"),
    completions: async (client, most, timeoutMs) =>
      bytesOf(await ask("completions", { client, most, timeoutMs }), "entries"),
    writeArena: async (client, offset, bytes) =>
      void (await ask("writeArena", { client, offset, bytes: toBase64(bytes) })),
    readArena: async (client, offset, length) => exact(await ask("readArena", { client, offset, length }), length),
    wake: async () => void (await ask("wake")),
    read: async (address, length) => exact(await ask("read", { address, length }), length),
    write: async (address, bytes) => void (await ask("write", { address, bytes: toBase64(bytes) })),
    close: async () => void (await ask("close")),
  };
}

function exact(answer: Json, length: number): Uint8Array {
  const bytes = bytesOf(answer, "bytes");
  if (bytes.length !== length) throw new SubjectError(`${length} bytes were asked for, ${bytes.length} came`);
  return bytes;
}
