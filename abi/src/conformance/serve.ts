/** The other side of the JSON lines: makes a Subject in TypeScript one that a kit in another process can drive. */
import { fromBase64, toBase64 } from "./base64.ts";
import type { Fields } from "./codec.ts";
import { type LineChannel, PROTOCOL } from "./json-lines.ts";
import type { Subject, SubjectMachine } from "./subject.ts";

type Json = Readonly<Record<string, unknown>>;

function number(request: Json, name: string): number {
  const value = request[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError(`"${name}" is ${JSON.stringify(value)}, not a whole number from 0 on`);
  return value;
}

function text(request: Json, name: string): string {
  const value = request[name];
  if (typeof value !== "string") throw new TypeError(`"${name}" is ${JSON.stringify(value)}, not a text`);
  return value;
}

const bytes = (request: Json, name: string): Uint8Array => fromBase64(text(request, name));

/** Answers lines until `bye`, or until there are no more; then closes the subject. */
export async function serveSubject(subject: Subject, channel: LineChannel): Promise<void> {
  const machines = new Map<number, SubjectMachine>();
  let opened = 0;
  const codec = () => {
    if (subject.codec === undefined) throw new Error("this subject has no codec");
    return subject.codec;
  };
  const machineOf = (request: Json): SubjectMachine => {
    const machine = machines.get(number(request, "machine"));
    if (machine === undefined) throw new RangeError(`there is no machine ${JSON.stringify(request["machine"])}`);
    return machine;
  };
  const ops: Readonly<Record<string, (request: Json) => Promise<Json>>> = {
    hello: async () => ({ protocol: PROTOCOL, name: subject.name, codec: subject.codec !== undefined }),
    open: async (request) => {
      const machine = await subject.open(
        request["ringStart"] === undefined ? {} : { ringStart: number(request, "ringStart") },
      );
      machines.set(++opened, machine);
      const { client, arenaBytes, features } = machine;
      return { machine: opened, client, arenaBytes, features: [...features] };
    },
    submit: async (request) => ({
      count: await machineOf(request).submit(number(request, "client"), bytes(request, "entries")),
    }),
    completions: async (request) => {
      const client = number(request, "client");
      // Timeouts may have fractions.
      const timeoutMs = Math.max(0, Number(request["timeoutMs"]) || 0);
      const entries = await machineOf(request).completions(client, number(request, "most"), timeoutMs);
      return { entries: toBase64(entries) };
    },
    writeArena: async (request) => {
      await machineOf(request).writeArena(
        number(request, "client"),
        number(request, "offset"),
        bytes(request, "bytes"),
      );
      return {};
    },
    readArena: async (request) => {
      const [client, offset] = [number(request, "client"), number(request, "offset")];
      return { bytes: toBase64(await machineOf(request).readArena(client, offset, number(request, "length"))) };
    },
    wake: async (request) => {
      await machineOf(request).wake();
      return {};
    },
    read: async (request) => ({
      bytes: toBase64(await machineOf(request).read(number(request, "address"), number(request, "length"))),
    }),
    write: async (request) => {
      await machineOf(request).write(number(request, "address"), bytes(request, "bytes"));
      return {};
    },
    close: async (request) => {
      const machine = machineOf(request);
      machines.delete(number(request, "machine"));
      await machine.close();
      return {};
    },
    decode: async (request) => ({ values: await codec().decode(text(request, "struct"), bytes(request, "bytes")) }),
    encode: async (request) => ({
      bytes: toBase64(await codec().encode(text(request, "struct"), request["values"] as Fields)),
    }),
    verify: async (request) => ({ sound: await codec().verify(text(request, "table"), bytes(request, "bytes")) }),
    bye: async () => ({}),
  };
  try {
    for (;;) {
      const line = await channel.receive().catch(() => undefined);
      if (line === undefined) return;
      let id: unknown;
      try {
        const request = JSON.parse(line) as Json;
        id = request["id"];
        const op = ops[text(request, "op")];
        if (op === undefined) throw new RangeError(`there is no op ${JSON.stringify(request["op"])}`);
        channel.send(JSON.stringify({ id, ok: await op(request) }));
        if (request["op"] === "bye") return;
      } catch (error) {
        channel.send(JSON.stringify({ id, error: error instanceof Error ? error.message : String(error) }));
      }
    }
  } finally {
    for (const machine of machines.values()) await machine.close().catch(() => undefined);
    await subject.close();
    await channel.close();
  }
}
