import { describe, expect, test } from "vitest";
import { workspace } from "../test/workspace.ts";
import { readBfbs } from "./bfbs.ts";
import { buildModel, SchemaError } from "./build.ts";
import { compileSchema } from "./flatc.ts";
import { generate } from "./generate.ts";

/** The problems of a schema, without the place that each begins with. */
function problems(schema: string): string[] {
  try {
    generate(workspace(schema), { accept: false, drafts: true });
  } catch (error) {
    if (error instanceof SchemaError) return error.problems.map((line) => line.replace(/^\S+: /, ""));
    throw error;
  }
  return [];
}

const UNION = `enum Opcode : ushort { None = 0, A = 1, B = 2 }
struct Header { opcode: Opcode; flags: ushort; id: uint; }`;

const SLOTS = `${UNION} enum Errno : uint (bare) { OK = 0, EBADF = 9 }
struct ArenaSpan { offset: uint; length: uint; }
struct SlotHandle { index: uint; generation: uint; }`;
const request = (attributes: string, fields: string): string =>
  `${SLOTS} struct X (union: "U", opcode: "A", errnos: "EBADF"${attributes}) { h: Header; ${fields} }`;

/** What a request says of itself and is not so. */
const REQUESTS: readonly [string, string, string][] = [
  [
    "a span without a role",
    request("", "path: ArenaSpan;"),
    'struct X: path does not say what lies there; add (span: "path"), or one of path, text, bytes, reply.',
  ],
  [
    "a role of what is no span",
    request("", 'path: uint (span: "path");'),
    "struct X: path: (span) is for an ArenaSpan; remove it.",
  ],
  [
    "the kernel's span under another name",
    request(', payload: "text"', 'answer: ArenaSpan (span: "reply");'),
    "struct X: answer: the span that the kernel writes is the one that is called reply; rename it.",
  ],
  [
    "bytes of a reply without a span",
    request(', payload: "text"', "a: uint;"),
    "struct X: a reply has bytes when there is a span for them; give both (payload) and a field reply, or none.",
  ],
  [
    "a handle of no kind",
    request(', handle: "ofd: the file"', "a: uint;"),
    'struct X: (handle) a handle says which slot it is, and nothing else does; write (handle: "ofd (slot:Ofd): the file").',
  ],
  [
    "a thing given that is nowhere",
    request(', gives: "ofd"', "a: uint;"),
    "struct X: (gives) ofd is neither the reply's handle nor a SlotHandle of its payload with a slot; correct it.",
  ],
  [
    "a thing given that nobody takes",
    request(', gives: "ofd", handle: "ofd (slot:Ofd): the file"', "a: uint;"),
    "struct X: (gives) nothing takes a Ofd back; add (takes) to the request that does.",
  ],
  [
    "a thing taken that is none",
    request(', takes: "ofd"', "ofd: uint;"),
    'struct X: (takes) ofd is no SlotHandle field with (unit: "slot:Kind"); correct it.',
  ],
  [
    "an errno of who may not that is not declared",
    request("", 'ofd: SlotHandle (unit: "slot:Ofd", mine: "ESRCH");'),
    "struct X: ofd: (mine) answers ESRCH, which its (errnos) lack; add it there.",
  ],
  [
    "a field of a request outside of one",
    "struct S { a: uint (omittable); }",
    "S.a: (omittable) is for fields of requests; remove it.",
  ],
];

describe("layouts", () => {
  test.each<[string, string, string]>([
    [
      "padding between fields",
      "struct S { a: ubyte; b: uint; }",
      'S.b: flatc puts 3 bytes of implicit padding before it (offset 1); add "reservedN: [ubyte:3] (reserved);" there.',
    ],
    [
      "padding at the end",
      "struct S { a: ulong; b: uint; }",
      'struct S: flatc puts 4 bytes of implicit padding at its end (offset 12); add "reservedN: uint (reserved);" there.',
    ],
    [
      "bool",
      "struct S { a: bool; }",
      "S.a: bool has no fixed meaning for its other 254 values; use ubyte or a bit of a flags word.",
    ],
    [
      "an atomic ushort",
      "struct S { a: ushort (atomic); }",
      "S.a: u16 cannot be atomic; use uint, int, ulong or long.",
    ],
    [
      "an atomic double",
      "struct S { a: double (atomic); }",
      "S.a: f64 cannot be atomic; use uint, int, ulong or long.",
    ],
    [
      "an atomic struct",
      "struct I { a: uint; } struct S { i: I (atomic); }",
      "S.i: a struct cannot be atomic; use uint, int, ulong or long.",
    ],
    [
      "a bounded uint",
      "struct S { a: uint (bounded); }",
      "S.a: (bounded) is for ulong and long, which may not fit a Number; remove it.",
    ],
    [
      "a view of a number",
      'struct V { a: uint; } struct S { a: uint (views: "V"); }',
      "S.a: (views) is for an array of numbers; make it one.",
    ],
    [
      "a view that is not there",
      'struct S { a: [uint:2] (views: "V"); }',
      "S.a: there is no struct V; declare it or correct (views).",
    ],
    [
      "a view that is too large",
      'struct V { a: ulong; b: uint; c: uint; } struct S { a: [ulong:1] (views: "V"); }',
      "S.a: V (16 bytes, aligned to 8) does not fit 8 bytes at offset 0; make the array larger or move it.",
    ],
    [
      "a view with a field's name",
      'struct V { a: uint; } struct S { a: [uint:1] (views: "V"); v: uint; }',
      "S.v: another field is also spelt V in Go; rename one.",
    ],
    [
      "a size that is no multiple of the line",
      "struct S (cacheline: 64) { a: [uint:12]; }",
      "struct S: 48 bytes are no multiple of its cache line of 64; add 16 reserved bytes.",
    ],
    [
      "a line that is no power of two",
      "struct S (cacheline: 48) { a: [uint:12]; }",
      "struct S: (cacheline) must be a power of two of at least 8; write (cacheline: 64).",
    ],
    [
      "a line field off its line",
      "struct S (cacheline: 64) { a: uint; b: uint (line); c: [uint:14]; }",
      "S.b: (line) field at offset 4 does not start a cache line of 64; add 60 reserved bytes before it.",
    ],
    [
      "a line field without lines",
      "struct S { a: uint (line); }",
      "S.a: (line) needs a struct with (cacheline: 64); add it to S.",
    ],
    [
      "a nested struct off its line",
      "struct I (cacheline: 64) { a: [uint:16]; } struct S (cacheline: 64) { a: uint; i: I; b: [uint:15]; }",
      "S.i: I starts on a cache line of 64; put the field at a multiple of it and give S (cacheline: 64).",
    ],
    [
      "a nested struct in one without lines",
      "struct I (cacheline: 64) { a: [uint:16]; } struct S { i: I; }",
      "S.i: I starts on a cache line of 64; put the field at a multiple of it and give S (cacheline: 64).",
    ],
    [
      "force_align",
      "struct S (force_align: 16) { a: [ulong:2]; }",
      "struct S: force_align reaches neither Go nor TypeScript; use (cacheline) and explicit padding.",
    ],
    [
      "more than a schema can describe",
      "struct S { a: [ulong:8000]; b: [ulong:8000]; }",
      "struct S: 128000 bytes are more than a schema can describe (65535); split it.",
    ],
    [
      "an unknown owner",
      'struct S { a: uint (owner: "kernel|me"); }',
      'S.a: unknown owner "me"; use kernel, hart, client, host, boot, guest, any, joined by |.',
    ],
    [
      "a view's own member",
      "struct S { at: uint; }",
      'S.at: "at" is a member of every TypeScript view; rename the field.',
    ],
    [
      "one name twice",
      "struct S { ab_c: uint; abC: uint; }",
      "S.abC: another field is also spelt AbC in Go; rename one.",
    ],
  ])("%s", (_, schema, sentence) => {
    expect(problems(schema)).toContain(sentence);
  });

  test("an unaligned u64, which no flatc writes", () => {
    const { bfbs, sources } = compileSchema(
      `${workspace("struct S { a: uint; b: uint; c: ulong; }")}/abi/foreshore.fbs`,
    );
    const raw = readBfbs(bfbs);
    const objects = raw.objects.map((item) => ({
      ...item,
      fields: item.fields.map((field) => (field.name === "c" ? { ...field, offset: 4 } : field)),
    }));
    expect(() => buildModel({ ...raw, objects }, sources)).toThrow(
      "foreshore.fbs:4: S.c: u64 at offset 4 is not aligned to 8; move it or pad before it.",
    );
  });
});

describe("declarations", () => {
  test.each<[string, string, string]>([
    [
      "a table on a live path",
      'enum SlotKind : uint { None, T } table T (slot: "T") { a: uint; }',
      "table T: a table is never on a live path, but it has (slot); make it a struct.",
    ],
    [
      "a FlatBuffers union",
      "table T (constants) { a: uint; } union U { T }",
      'union U: FlatBuffers unions need tables; give each struct (union:"…", opcode:"…") instead.',
    ],
    [
      "a constant that is no integer",
      "table T (constants) { a: float = 1.5; }",
      "T.a: a constant must be an integer; give it an integer type.",
    ],
    [
      "a constant that flatc loses",
      "table T (constants) { a: ulong = 1; }",
      "T.a: flatc turns a default above 2^63 into 0; make the constant a long.",
    ],
    [
      "a number used twice",
      "enum E : uint { A = 0, B = 5, C = 5 }",
      "E.C: 5 is the number of B already; give it its own, or make the enum a table with (constants).",
    ],
    [
      "a bare name that Go does not export",
      "enum E : uint (bare) { ready = 0 }",
      "E.ready: Go exports names with a capital first letter only; rename it or remove (bare).",
    ],
    ["one constant twice", "enum E : uint { a_b = 0, aB = 1 }", "E.aB: EAB is declared twice; rename one."],
    [
      "an enum that is not there",
      'struct S { a: int (enum: "Errno"); }',
      "S.a: there is no enum Errno; declare it or correct (enum).",
    ],
    [
      "an enum of another size",
      'enum E : ubyte { A = 1 } struct S { a: int (enum: "E"); }',
      "S.a: E is stored as u8; give the field that type.",
    ],
    [
      "a slot kind that is not there",
      'enum SlotKind : uint { None = 0 } struct S (slot: "Pipe") { a: ulong; }',
      "struct S: SlotKind has no value Pipe; add it or correct (slot).",
    ],
    [
      "an object of no table",
      'enum SlotKind : uint { None = 0 } enum Kind : uint { None = 0, End = 1 (object: "Pipe") }',
      "Kind.End: SlotKind has no value Pipe; add it or correct (object).",
    ],
    [
      "a slot that is no multiple of 8 bytes",
      'enum SlotKind : uint { None = 0, Pipe = 1 } struct A (slot: "Pipe") { a: uint; }',
      "struct A: a slot of 4 bytes; readers copy words of 8, add reserved ones at its end.",
    ],
    [
      "a sequence of slots that have none",
      'enum SlotKind : uint { None = 0, Pipe = 1 } struct A (slot: "Pipe", headless) { a: ulong (seqlock); }',
      "struct A: a slot without a SlotHeader has no sequence; remove (seqlock), (counts).",
    ],
    [
      "a slot table of two structs",
      'enum SlotKind : uint { None = 0, Pipe = 1 } struct A (slot: "Pipe") { a: ulong; } struct B (slot: "Pipe") { a: ulong; }',
      "struct B: slot table Pipe has elements already, A; give it a kind of its own.",
    ],
  ])("%s", (_, schema, sentence) => {
    expect(problems(schema)).toContain(sentence);
  });

  test("a file name that Go would read as a build constraint", () => {
    const { bfbs, sources } = compileSchema(`${workspace("enum E : uint { A = 0 }")}/abi/foreshore.fbs`);
    const raw = readBfbs(bfbs);
    const enums = raw.enums.map((item) => ({ ...item, file: "//abi_linux.fbs" }));
    expect(() => buildModel({ ...raw, enums }, sources)).toThrow(
      'abi_linux.fbs: Go reads the ending "_linux" of a file name as a build constraint; put that word first.',
    );
  });

  test("a schema without its version", () => {
    const { bfbs, sources } = compileSchema(`${workspace("enum E : uint { A = 0 }")}/abi/foreshore.fbs`);
    const raw = readBfbs(bfbs);
    expect(() => buildModel({ ...raw, objects: [] }, sources)).toThrow("version.fbs: AbiVersion.Major is missing");
  });
});

describe("documentation", () => {
  const whole = '/// One.\nstruct S (owner: "kernel") {\n/// Its field.\na: uint (unit: "count"); }';

  function undocumented(schema: string): string[] {
    try {
      generate(workspace(schema), { accept: false });
    } catch (error) {
      if (error instanceof SchemaError) return error.problems.map((line) => line.replace(/^\S+: /, ""));
      throw error;
    }
    return [];
  }

  test("a schema that says everything passes", () => {
    expect(undocumented(whole)).toEqual([]);
    expect(undocumented('/// struct s.\nstruct S (uapi, owner: "guest") { a: uint; }')).toEqual([]);
  });

  test.each<[string, string, string]>([
    [
      "a struct",
      whole.replace("/// One.\n", ""),
      'S: it has no documentation; write what it is in a "///" line above it.',
    ],
    [
      "a field",
      whole.replace("/// Its field.\n", ""),
      'S.a: it has no documentation; write what it is in a "///" line above it.',
    ],
    [
      "an enum",
      `${whole} enum E : uint { A = 0 }`,
      'E: it has no documentation; write what it is in a "///" line above it.',
    ],
    [
      "an owner",
      whole.replace(' (owner: "kernel")', ""),
      'S.a: nobody may write it; add (owner: "kernel") to it, or to S for all.',
    ],
    [
      "a unit",
      whole.replace(' (unit: "count")', ""),
      'S.a: it has no unit; add (unit: "bytes"), (unit: "slot:Thread") or another.',
    ],
    [
      "a slot for what lies under a sequence",
      whole.replace('unit: "count"', 'unit: "count", seqlock'),
      "S.a: it lies in no slot, so that there is no sequence; remove (seqlock), (counts).",
    ],
    [
      "a slot kind of a unit",
      whole.replace("count", "slot:Thing"),
      "S.a: SlotKind has no value Thing; add it or correct (unit).",
    ],
    [
      "a parameter's unit",
      `${whole}\n/// F.\ntable F (export: "f", caller: "hart") {\n/// Its parameter.\na: uint; }`,
      'F.a: it has no unit; add (unit: "bytes"), (unit: "slot:Thread") or another.',
    ],
  ])("%s is missing", (_, schema, sentence) => {
    expect(undocumented(schema)).toEqual([sentence]);
  });

  test.each([
    ["that tells kinds apart", "Pipes: bytes inside. Terminals: rows of the screen."],
    ["that goes by a kind", "Slot of what is open, by its kind."],
  ])("a word of a slot with documentation %s", (_, doc) => {
    const slot = `/// Kinds.\nenum SlotKind : uint { None = 0, Thing = 1 }\n/// One.\nstruct ThingSlot (slot: "Thing") {\n/// Its state.\ns: S; }`;
    const schema = `${whole.replace("Its field.", doc).replace("a: uint", "a: ulong")}\n${slot}`;
    expect(undocumented(schema)).toEqual([
      'S.a: its documentation lists kinds, each of which has a word of its own there; make it an array with (views: "OfOne|OfAnother").',
    ]);
    expect(undocumented(schema.replace(doc, "Its only meaning: this."))).toEqual([]);
  });

  test("an unknown unit", () => {
    expect(undocumented(whole.replace("count", "parsecs"))).toEqual([
      expect.stringMatching(/^S\.a: unknown unit "parsecs"; use slot:Kind, bytes, pages, /),
    ]);
  });
});

describe("ring entries", () => {
  test.each<[string, string, string]>([
    [
      "one opcode twice",
      `${UNION} struct X (union: "U", opcode: "A") { h: Header; } struct Y (union: "U", opcode: "A") { h: Header; }`,
      "struct Y: U has opcode A already, for X; give it an opcode of its own.",
    ],
    [
      "an opcode that is not there",
      `${UNION} struct X (union: "U", opcode: "Z") { h: Header; }`,
      "struct X: Opcode has no value Z; add it or correct (opcode).",
    ],
    [
      "entries of two sizes",
      `${UNION} struct X (union: "U", opcode: "A") { h: Header; } struct Y (union: "U", opcode: "B") { h: Header; a: uint; }`,
      "struct Y: 12 bytes, but entries of U have 8; pad it.",
    ],
    [
      "no discriminant",
      'struct X (union: "U", opcode: "A") { a: uint; }',
      'struct X: a member of U needs an enum field "opcode", its own or of its first nested struct; add it.',
    ],
    [
      "another discriminant",
      `${UNION} struct X (union: "U", opcode: "A") { h: Header; } struct Y (union: "U", opcode: "B") { a: ushort; opcode: Opcode; id: uint; }`,
      "struct Y: its opcode is Opcode at offset 2, but U has Opcode at 0; use the same header.",
    ],
    [
      "a union without an opcode",
      'struct X (union: "U") { a: uint; }',
      "struct X: (union) and (opcode) belong together; give both or none.",
    ],
    [
      "a payload that is not there",
      `${UNION} struct X (union: "U", opcode: "A", errnos: "", payload: "Row records") { h: Header; }`,
      "struct X: there is no struct or table Row; declare it or correct (payload).",
    ],
    ...REQUESTS,
    [
      "a header's field once more",
      `${UNION} struct X (union: "U", opcode: "A") { h: Header; id: uint; }`,
      'X.id: the header has a field "id" too, and both stand in one data object; rename it.',
    ],
  ])("%s", (_, schema, sentence) => {
    expect(problems(schema)).toContain(sentence);
  });
});

describe("tables", () => {
  test.each<[string, string, string]>([
    [
      "bool",
      "table T { a: bool; }",
      "T.a: bool has no fixed meaning for its other 254 values; use ubyte or a bit of a flags word.",
    ],
    [
      "a scalar that may be null",
      "table T { a: uint = null; }",
      "T.a: a scalar that may be null has no reader; give it a default, or add a flag.",
    ],
    [
      "a deprecated field",
      "table T { a: uint (deprecated); }",
      "T.a: deprecated fields lose their readers; keep it and say in its documentation that it is 0.",
    ],
    [
      "a fraction as default",
      "table T { a: double = 1.5; }",
      "T.a: defaults other than 0 are for integers; remove it.",
    ],
    [
      "a bounded uint",
      "table T { a: uint (bounded); }",
      "T.a: (bounded) is for ulong and long, which may not fit a Number; remove it.",
    ],
    [
      "an identifier of another form",
      'table T (root: "abc") { a: uint; }',
      'table T: a file identifier has four capital letters or digits; write (root: "FSXX").',
    ],
    [
      "a table that holds itself",
      "table T { a: [U]; } table U { b: T; }",
      "table T: it holds itself, by U; use indices instead.",
    ],
    [
      "a table that is none",
      "table N (constants) { X: uint = 1; } table T { a: N; }",
      "T.a: N is no layout; name a struct or a table.",
    ],
    [
      "tables nine deep",
      `table T9 { a: uint; } ${[8, 7, 6, 5, 4, 3, 2, 1].map((i) => `table T${i} { a: T${i + 1}; }`).join(" ")}`,
      "table T1: 9 tables deep, readers go to 8; flatten it.",
    ],
  ])("%s", (_, schema, sentence) => {
    expect(problems(schema)).toContain(sentence);
  });

  test("FlatBuffers has no table inside a struct", () => {
    expect(() => generate(workspace("table T { a: uint; } struct S { t: T; }"), { accept: false })).toThrow(
      /structs may contain only scalar or struct fields/,
    );
  });
});

describe("the wasm boundary", () => {
  test.each<[string, string, string]>([
    [
      "an import without a module",
      'table F (import: "now", caller: "kernel") {}',
      'table F: (import) names a module and a name; write (import: "host.now").',
    ],
    [
      "nobody who may call it",
      'table F (export: "f") {}',
      'table F: it does not say who may call it; add (caller: "…") with boot, hart, kernel-worker, kernel.',
    ],
    [
      "a parameter that wasm does not pass",
      'table F (export: "f", caller: "hart") { a: ushort; }',
      "F.a: wasm passes int, uint, long, ulong, float and double; use one of them.",
    ],
    [
      "a result that wasm does not have",
      'table F (export: "f", caller: "hart", returns: "string") {}',
      'table F: wasm has no result of type "string"; use int, uint, long, ulong, float, double.',
    ],
    [
      "a status that is no enum",
      'table F (export: "f", caller: "hart", returns: "int", status: "E") {}',
      "table F: (status) names an enum of an int result, but there is no enum E, or the result is another.",
    ],
    [
      "a memory that is not shared",
      'table F (import: "env.memory", memory: "private") {}',
      'table F: a machine\'s memory is shared by its workers; write (memory: "shared").',
    ],
    [
      "a global of another kind",
      'table F (export: "f", global: "variable", returns: "uint", caller: "hart") {}',
      'table F: a global may change or not; write (global: "mutable") or (global: "const").',
    ],
    [
      "an order after nothing",
      'table F (export: "f", caller: "hart", after: "g") {}',
      "table F: there is no export g; declare it or correct (after).",
    ],
    [
      "one name twice",
      'table F (export: "f", caller: "hart") {} table G (export: "f", caller: "hart") {}',
      "table G: f is declared already; remove one.",
    ],
  ])("%s", (_, schema, sentence) => {
    expect(problems(schema)).toContain(sentence);
  });
});

describe("input that is no schema", () => {
  test("flatc's own message is kept", () => {
    expect(() => generate(workspace("struct S { a: nothing; }"), { accept: false, drafts: true })).toThrow(
      /flatc refused the schema:[\s\S]*nothing/,
    );
  });

  test("bytes that are no binary schema", () => {
    expect(() => readBfbs(new Uint8Array(0))).toThrow('the identifier "BFBS" is missing');
    expect(() => readBfbs(new TextEncoder().encode("not a schema at all"))).toThrow('the identifier "BFBS" is missing');
  });

  test("a binary schema that was cut short is refused at every length", () => {
    const { bfbs } = compileSchema(`${workspace("struct S { a: uint; }")}/abi/foreshore.fbs`);
    for (let length = 0; length < bfbs.length - 8; length += 7) {
      expect(() => readBfbs(bfbs.slice(0, length)), `${length} bytes`).toThrow(/^binary schema: /);
    }
  });
});
