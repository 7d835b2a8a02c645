/**
 * The page "a client in another language": a hello, a request, its reply and a query of state, byte for byte, with the field
 * that each byte belongs to. Only for a schema that has a control channel.
 */
import { type FieldModel, fieldSize, type Model, SCALAR_SIZE, type StructModel } from "../model.ts";

type Value = number | bigint | { readonly [field: string]: Value };
type Values = { readonly [field: string]: Value };

/** Bytes of a struct, and what they are. */
interface Line {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** The structs that the page shows; a schema without them has no such page. */
const SHOWN = [
  "ControlHello",
  "ControlFrame",
  "ReadFileRequest",
  "ReplyEvent",
  "ControlQuery",
  "ControlState",
  "ControlRecord",
  "ProcessState",
];

const PATH = "/greeting";
const CONTENTS = "Hello!\n";
/** Where the kernel puts the reply's bytes: a peer of a control channel sees its arena in the reply only. */
const REPLY = { offset: 64, length: 4096 };

export function hasControl(model: Model): boolean {
  return SHOWN.every((name) => model.structs.has(name));
}

export function byHandPage(model: Model): string[] {
  const struct = (name: string): StructModel => {
    const found = model.structs.get(name);
    if (found === undefined) throw new Error(`the page of bytes wants a struct ${name}`);
    return found;
  };
  const number = (owner: string, name: string): number => {
    const values = model.enums.get(owner)?.values ?? constants(model, owner);
    const found = values.find((value) => value.name === name);
    if (found === undefined) throw new Error(`the page of bytes wants ${owner}.${name}`);
    return Number(found.value);
  };
  const align = number("Control", "Align");
  const show = (name: string, values: Values): Line[] => lines(struct(name), values, model, "");
  const text = (bytes: string): Line => {
    const data = new TextEncoder().encode(bytes);
    const padded = new Uint8Array(Math.ceil(data.length / align) * align);
    padded.set(data);
    const zeros = padded.length - data.length;
    return {
      bytes: padded,
      text: `${JSON.stringify(bytes)}${zeros === 0 ? "" : `, then ${zeros} zeros up to a multiple of ${align}`}`,
    };
  };
  const frame = (kind: string, parts: readonly Line[]): string[] =>
    block([
      ...show("ControlFrame", {
        length: parts.reduce((sum, part) => sum + part.bytes.length, 0),
        kind: number("ControlFrameKind", kind),
      }),
      ...parts,
    ]);
  const hello = (arena: number): string[] =>
    block(
      show("ControlHello", {
        magic: number("Control", "Magic"),
        abi_major: model.version.major,
        abi_minor: model.version.minor,
        layout_hash_lo: BigInt(`0x${model.layoutHash.slice(8)}`),
        layout_hash_hi: BigInt(`0x${model.layoutHash.slice(0, 8)}`),
        status: number("ControlStatus", "Ok"),
        frame_bytes: number("Control", "FrameBytes"),
        arena_bytes: arena,
      }),
    );
  // The first process is the machine's own, to which orphans go.
  const records = [1, 2].map((index) => {
    const portable = show("ProcessState", { pid: index, parent: 0, pgid: index, sid: index }).slice(0, 4);
    const length = portable.reduce((sum, line) => sum + line.bytes.length, 0);
    return { length, lines: [...show("ControlRecord", { index, generation: 1, length, refs: 1 }), ...portable] };
  });
  const most = records[0]?.length ?? 0;
  const query = { id: 1, kind: number("SlotKind", "Process") };
  return [
    "# A client in another language",
    "",
    "What a client of a machine says and hears over its control channel, byte for byte, and how one reads the memory itself. Numbers and",
    "layouts are in `abi.lock.json`, whose grammar is in `abi/README.md`; the opcodes, with what each carries and",
    "answers, are in [opcodes.md](opcodes.md). `examples/python/foreshore.py` does what is shown here in 150 lines, `examples/c-top` reads a",
    "memory in C. Each line below has an offset in the message, bytes, and the field that they are; `test/by-hand.test.ts` says these very bytes to a machine.",
    "",
    "## 1. Hellos",
    "",
    "`foreshore run --control PATH` (in Node `controlSocket(machine, PATH)` of `@foreshore/sdk/node`) listens on a unix socket. Both sides begin with a",
    "[`ControlHello`](schema-control.md#controlhello), the client first. The client:",
    "",
    ...hello(0),
    "The machine's has the same fields, of its own. `status` 0 (`ControlStatus.Ok`) is a welcome and `arena_bytes` the room for the spans of requests;",
    "after another status nothing follows: it says why, and after `Version` the other words say which version met. Whether two versions fit is decided by `AbiVersion`'s rule in `abi/README.md`.",
    "",
    "## 2. A request",
    "",
    `Reading up to ${REPLY.length} bytes of the file \`${PATH}\`: a frame, the entry, then the bytes of each span but \`reply\` in the order of the fields. Spans say where`,
    "in the connection's arena their bytes are to lie, which the client keeps account of: no two requests in flight share a place.",
    "",
    ...frame("Request", [
      ...show("ReadFileRequest", {
        header: { opcode: number("Opcode", "ReadFile"), flags: 0, request_id: 1 },
        path: { offset: 0, length: PATH.length },
        reply: REPLY,
        position: 0,
      }),
      text(PATH),
    ]),
    "## 3. Its reply",
    "",
    "The machine's frame has a [`ReplyEvent`](schema-rpc.md#replyevent) with the `request_id`, and the first `result` bytes of the request's `reply` span. `result` may also be a negative errno",
    "(`Errno`); what it and the other words mean is said at each [opcode](opcodes.md#readfile). Replies come in any order.",
    "",
    ...frame("Outbound", [
      ...show("ReplyEvent", {
        header: { opcode: number("Opcode", "Reply"), flags: 0, request_id: 1 },
        result: CONTENTS.length,
        value: CONTENTS.length,
        value2: 2,
        handle: { index: 5, generation: 1 },
      }),
      text(CONTENTS),
    ]),
    "## 4. A query of state",
    "",
    `All processes, of each the first ${most} bytes (0: all), from the first slot on:`,
    "",
    ...frame("Query", show("ControlQuery", { ...query, from: 0, most })),
    "The answer has records, each with the slot's bytes from behind its `SlotHeader`: here the first words of a `ProcessState`. Zeros at a record's end are left out.",
    "`next` that is not 0 is the `from` with which to ask for more.",
    "",
    ...frame("State", [
      ...show("ControlState", { ...query, count: records.length, end: records.length + 1 }),
      ...records.flatMap(({ lines: record }) => record),
    ]),
    ...memory(model),
  ];
}

/** Reading slots where they lie. */
function memory(model: Model): string[] {
  const header = model.structs.get("SlotHeader");
  const at = (name: string): string =>
    `${name} (offset ${header?.fields.find((field) => field.name === name)?.offset})`;
  return [
    "## Out of the memory itself",
    "",
    "Who has the memory (an attachment, a dump, a file that `foreshore-native -share FILE` shares) needs no messages to look at it:",
    "",
    `1. The [\`MachineHeader\`](schema-machine.md#machineheader) lies at \`Fixed.HeaderAddress\`. Compare its \`magic\`, then the version, before anything else.`,
    "2. `tables[SlotKind]` says where the slots of a kind begin, how many there are and their `stride`: the slot's size is that, not the struct's.",
    "   Slot 0 is none in all tables but `Hart` and `Client`.",
    `3. A slot, but of \`Frame\`, begins with a \`SlotHeader\`. It is in use while \`${at("generation")}\` is odd. What it says is copied between two looks at \`${at("seq")}\`:`,
    "",
    "   | step | memory order in C and C++ |",
    "   |---|---|",
    "   | load `seq`; odd: begin again, a bounded number of times | acquire |",
    "   | copy the slot, in atomic words of up to 8 bytes | relaxed |",
    "   | a fence, so that no word is read after what follows | acquire |",
    "   | load `seq` again; another: begin again | relaxed |",
    "",
    "   In Rust and Go's `sync/atomic` the same with their own names; JavaScript's and WebAssembly's atomics are sequentially consistent, which is more.",
    "   A plain copy instead of atomic words is a data race by the letter of C11 and C++11; the header's `fsh_slot_load` does it right.",
    "4. A slot that is in use may be half made: it counts when the word by which it counts is not 0, and only from then on do the words under its sequence",
    "   belong together. [Which words that are](README.md#the-sequence-of-a-slot) says the reference.",
    "5. Two slots are of one moment when the one that leads to the other is found unchanged (`seq` and `generation`) after the other was read.",
    "",
    "In C that is `fsh_slot(memory, size, kind, index, bytes)` and `fsh_slot_load(slot, to, bytes)` of `abi/c/foreshore_abi.h`.",
  ];
}

function constants(model: Model, name: string): readonly { readonly name: string; readonly value: bigint }[] {
  return model.files.flatMap((file) => file.constants).find((item) => item.name === name)?.values ?? [];
}

/** A line for each number of a struct; reserved words together. */
function lines(item: StructModel, values: Values, model: Model, before: string): Line[] {
  for (const name of Object.keys(values)) {
    if (!item.fields.some((field) => field.name === name && !field.reserved))
      throw new Error(`the page of bytes: ${item.name} has no field ${name}`);
  }
  return item.fields.flatMap((field): Line[] => {
    const label = `${before}${field.name}`;
    const value = values[field.name] ?? 0;
    const inner = "struct" in field.type ? model.structs.get(field.type.struct) : undefined;
    if (inner !== undefined && field.count === undefined)
      return lines(inner, typeof value === "object" ? value : {}, model, `${label}.`);
    const bytes = new Uint8Array(fieldSize(field));
    if (typeof value === "object") throw new Error(`the page of bytes: ${item.name}.${field.name} is a number`);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number((BigInt(value) >> BigInt(8 * i)) & 0xffn);
    return [{ bytes, text: field.reserved ? "0" : `${label}${meaning(field, BigInt(value), model)}` }];
  });
}

function meaning(field: FieldModel, value: bigint, model: Model): string {
  const name = model.enums.get(field.enum ?? "")?.values.find((entry) => entry.value === value)?.name;
  if (name !== undefined) return `: ${field.enum}.${name}`;
  const wide = field.unit === "hash" || (field.unit === "number" && value > 0xffffn);
  return `: ${wide ? `0x${value.toString(16).padStart(2 * SCALAR_SIZE.u32, "0")}` : value}`;
}

const BYTES_PER_ROW = 16;

function block(parts: readonly Line[]): string[] {
  let at = 0;
  const rows = parts.flatMap(({ bytes, text }) =>
    Array.from({ length: Math.ceil(bytes.length / BYTES_PER_ROW) }, (_, row): string => {
      const slice = bytes.subarray(row * BYTES_PER_ROW, (row + 1) * BYTES_PER_ROW);
      const hex = Array.from(slice, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
      const line = `${String(at).padStart(4)}  ${hex.padEnd(3 * BYTES_PER_ROW - 1)}  ${row === 0 ? text : ""}`;
      at += slice.length;
      return line.trimEnd();
    }),
  );
  return ["```text", ...rows, "```", ""];
}
