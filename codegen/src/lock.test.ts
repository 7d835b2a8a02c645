import { describe, expect, test } from "vitest";
import { setSchema, workspace, write } from "../test/workspace.ts";
import { SchemaError } from "./build.ts";
import { generate } from "./generate.ts";
import { parseLock } from "./lock.ts";

type Version = readonly [number, number];

const S = "struct S { a: uint; b: uint; reserved0: [uint:2] (reserved); }";
const E = "enum E : uint { A = 0, B = 1, C = 2 }";
const F = 'table F (export: "f", returns: "int", caller: "hart") { a: uint; }';
const I = 'table I (import: "host.i", caller: "kernel") {}';
const M = 'table M (root: "FSMM") { a: uint; b: string; }';
const R = `enum Op : ushort { None = 0, A = 1 } enum Errno : uint (bare) { OK = 0 }
struct Row { a: uint; } struct Other { a: uint; }
struct ArenaSpan { offset: uint; length: uint; }
struct Ask (union: "U", opcode: "A", errnos: "", value: "size: of it", payload: "Row records") { opcode: Op; a: ushort; reply: ArenaSpan (span: "reply"); }`;
const BASE = `${R} ${M} ${S} ${E} table T (constants) { X: uint = 1; } ${F} ${I}`;

/** Facts that only some declarations have: before, after, what is said, and whether that is a breach. */
const ERRNOS = BASE.replace("OK = 0", "OK = 0, EIO = 5");
const TOLD: [string, string, string, RegExp, boolean][] = [
  [
    "the unit of a table's field",
    BASE.replace("{ a: uint; b: string; }", '{ a: uint (unit: "ns"); b: string; }'),
    BASE.replace("{ a: uint; b: string; }", '{ a: uint (unit: "ms"); b: string; }'),
    /^M\.a: its unit was ns and is ms; put it back or take a new field/,
    true,
  ],
  [
    "the unit of a parameter of the boundary",
    BASE.replace(F, F.replace("a: uint", 'a: uint (unit: "index")')),
    BASE.replace(F, F.replace("a: uint", 'a: uint (unit: "bytes")')),
    /^export f: it was \(a u32 index\) -> i32 by hart and is \(a u32 bytes\)/,
    true,
  ],
  [
    "bytes of a reply that are told in other words",
    BASE.replace('"Row records"', '"its text"'),
    BASE.replace('"Row records"', '"its text and a NUL"'),
    /^Ask: its reply's payload was in words \(\w+\) and is in words \(\w+\); put it back and add an opcode/,
    true,
  ],
  ["an errno more", ERRNOS, ERRNOS.replace('errnos: ""', 'errnos: "EIO"'), /^Ask: it may be answered EIO/, false],
  ["an errno less", ERRNOS.replace('errnos: ""', 'errnos: "EIO"'), ERRNOS, /^Ask: it is answered EIO no more/, false],
];

/** Generates `before`, then `after` over its lock; returns the problems, or the notes when it went through. */
function change(
  before: string,
  after: string,
  versions: readonly [Version, Version],
  accept = false,
): { problems: string[]; notes: string[] } {
  const root = workspace("");
  setSchema(root, before, versions[0]);
  write(root, generate(root, { accept: false, drafts: true }));
  setSchema(root, after, versions[1]);
  try {
    return { problems: [], notes: [...generate(root, { accept, drafts: true }).notes] };
  } catch (error) {
    if (error instanceof SchemaError) return { problems: [...error.problems], notes: [] };
    throw error;
  }
}

const DRAFT: readonly [Version, Version] = [
  [0, 1],
  [0, 1],
];

const BREAKING: [string, string, string][] = [
  ["an enum value removed", BASE.replace(", B = 1", ""), "E.B: its number 1 was removed; put it back"],
  [
    "an enum value renamed",
    BASE.replace("B = 1", "Z = 1"),
    "E.Z: its number 1 was E.B; numbers are never used again, take a new one",
  ],
  [
    "an enum value renumbered",
    BASE.replace("C = 2", "C = 3"),
    "E.C: its number was 2 and is 3; put it back and add a new name",
  ],
  [
    "an enum of another type",
    BASE.replace("E : uint", "E : ushort"),
    "enum E: its type was u32 and is u16; put it back",
  ],
  ["an enum removed", BASE.replace(E, ""), "enum E: it was removed; put it back"],
  [
    "a constant changed",
    BASE.replace("X: uint = 1", "X: uint = 2"),
    "T.X: its number was 1 and is 2; put it back and add a new name",
  ],
  ["a struct removed", BASE.replace(S, ""), "struct S: it was removed; put it back"],
  [
    "a field removed",
    BASE.replace("b: uint; reserved0: [uint:2]", "reserved0: [uint:3]"),
    "S.b: it was removed or renamed; put it back",
  ],
  [
    "fields swapped",
    BASE.replace("a: uint; b: uint;", "b: uint; a: uint;"),
    "S.a: it was u32 at offset 0 and is u32 at 4; put it back or add SV2",
  ],
  [
    "a field of another type",
    BASE.replace("b: uint", "b: int"),
    "S.b: it was u32 at offset 4 and is i32 at 4; put it back or add SV2",
  ],
  [
    "a struct that grew",
    BASE.replace("[uint:2] (reserved);", "[uint:2] (reserved); c: uint;"),
    "struct S: its size was 16 and is 20; structs never change, put it back or add SV2",
  ],
  [
    "a new field where nothing was reserved",
    BASE.replace("[uint:2] (reserved);", "[uint:2] (reserved); c: uint;"),
    "S.c: it is new, but offset 16 was not reserved; put it into reserved words or add SV2",
  ],
  ["a table's field removed", BASE.replace("b: string;", ""), "M.b: it was removed or renamed; put it back"],
  [
    "a table's fields swapped",
    BASE.replace("a: uint; b: string;", "b: string; a: uint;"),
    "M.a: its place was 0 and is 1; new fields go to the end",
  ],
  [
    "a table's field of another type",
    BASE.replace("b: string;", "b: [ubyte];"),
    "M.b: it was string and is [u8]; put it back and add a new field",
  ],
  [
    "a table's field of another default",
    BASE.replace("{ a: uint; b", "{ a: uint = 7; b"),
    "M.a: it was u32 and is u32 = 7; put it back and add a new field",
  ],
  [
    "a required field added to a table",
    BASE.replace("b: string;", "b: string; c: string (required);"),
    "M.c: it is new and required, and buffers of before lack it; make it optional",
  ],
  [
    "a table of another identifier",
    BASE.replace("FSMM", "FSMN"),
    "table M: its root was FSMM and is FSMN; put it back",
  ],
  ["an export removed", BASE.replace(F, ""), "export f: it was removed; put it back"],
  [
    "an export of another signature",
    BASE.replace(F, F.replace("a: uint", "a: ulong")),
    "export f: it was (a u32) -> i32 by hart and is (a u64) -> i32 by hart; put it back and add a new name",
  ],
  [
    "an export's parameters renamed, or swapped",
    BASE.replace(F, F.replace("a: uint", "b: uint")),
    "export f: it was (a u32) -> i32 by hart and is (b u32) -> i32 by hart; put it back and add a new name",
  ],
  [
    "a reply's word of another meaning",
    BASE.replace('value: "size', 'value: "pid'),
    "Ask: its reply's value was size and is pid; put it back and add an opcode",
  ],
  [
    "a reply's bytes of another layout",
    BASE.replace("Row records", "Other"),
    "Ask: its reply's payload was Row and is Other; put it back and add an opcode",
  ],
  [
    "a new import",
    `${BASE} table J (import: "host.j", caller: "kernel") {}`,
    "import host.j: it is new, and the hosts of before do not give it; remove it",
  ],
];

const ADDITIVE: [string, string, string][] = [
  ["an enum value", BASE.replace("C = 2", "C = 2, D = 3"), "E.D: 3 added."],
  ["an enum", `${BASE} enum G : uint { A = 0 }`, "enum G: added."],
  ["a constant", BASE.replace("X: uint = 1;", "X: uint = 1; Y: uint = 1;"), "T.Y: 1 added."],
  ["a table", `${BASE} table N { a: uint; }`, "table N: added."],
  ["a table's field at its end", BASE.replace("b: string;", "b: string; c: uint;"), "M.c: added."],
  ["an export", `${BASE} table G (export: "g", caller: "hart") {}`, "export g: added."],
  [
    "a name for a reply's word",
    BASE.replace('value: "size: of it"', 'value: "size: of it", value2: "seq: of it"'),
    "Ask: its reply's value2 is seq.",
  ],
  ["an import less", BASE.replace(I, ""), "import host.i: it was removed."],
  ["a struct", `${BASE} struct R { a: uint; }`, "struct R: added."],
  [
    "a reserved word named",
    BASE.replace("reserved0: [uint:2] (reserved);", "reserved0: uint (reserved); named: uint;"),
    "S.named: names reserved bytes at offset 12.",
  ],
];

describe("before the first release", () => {
  test.each(BREAKING)("%s needs --accept", (_, after, sentence) => {
    expect(change(BASE, after, DRAFT).problems).toContain(`${sentence} (or accept it with --accept).`);
    expect(change(BASE, after, DRAFT, true)).toMatchObject({
      problems: [],
      notes: expect.arrayContaining([`${sentence}.`]),
    });
  });

  test.each(ADDITIVE)("%s added is free", (_, after, sentence) => {
    expect(change(BASE, after, DRAFT).notes).toContain(sentence);
  });

  test.each(TOLD)("%s", (_, before, after, said, breaks) => {
    const { problems, notes } = change(before, after, DRAFT);
    expect(breaks ? problems : notes).toEqual([expect.stringMatching(said)]);
    expect(change(before, after, DRAFT, true)).toEqual({ problems: [], notes: [expect.stringMatching(said)] });
  });

  test("documentation is no change", () => {
    expect(change(BASE, BASE.replace("b: uint", "\n/// Doc.\n b: uint"), DRAFT)).toEqual({ problems: [], notes: [] });
  });

  test("an owner and a unit may be given, and then stay", () => {
    const told = BASE.replace("b: uint", 'b: uint (owner: "kernel", unit: "ns")');
    const notes = ["S.b: its owner is kernel.", "S.b: its unit is ns."];
    expect(change(BASE, told, DRAFT)).toEqual({ problems: [], notes });
    const sentence = (fact: string, was: string, is: string) =>
      `S.b: its ${fact} was ${was} and is ${is}; put it back or take a new field`;
    expect(change(told, told.replace('"kernel"', '"client"'), DRAFT).problems.join()).toContain(
      sentence("owner", "kernel", "client"),
    );
    expect(change(told, told.replace('"ns"', '"ms"'), DRAFT).problems.join()).toContain(sentence("unit", "ns", "ms"));
    expect(change(told, BASE, DRAFT).problems.join()).toContain(sentence("unit", "ns", "not declared"));
  });
});

describe("what readers of a slot rely on", () => {
  const slot = (a: string): string =>
    BASE.replace(
      "struct S",
      `struct SlotHeader { seq: uint; generation: uint; next_free: uint; refs: uint; }
struct ASlot (slot: "A") { header: SlotHeader; a: uint${a}; b: uint; }
enum SlotKind : uint { None = 0, A = 1 }
struct S`,
    );

  test("may become more, and then stays", () => {
    const [none, under, counts] = [slot(""), slot(" (seqlock)"), slot(" (counts, seqlock)")];
    expect(change(none, under, DRAFT)).toEqual({
      problems: [],
      notes: ["ASlot.a: its seqlock is under the sequence."],
    });
    for (const [before, after, was, is] of [
      [under, none, "under the sequence", "not declared"],
      [counts, under, "under the sequence, makes the slot count", "under the sequence"],
    ] as const)
      expect(change(before, after, DRAFT).problems.join()).toContain(
        `ASlot.a: its seqlock was ${was} and is ${is}; put it back`,
      );
  });
});

describe("after the first release", () => {
  const added = ADDITIVE[0]?.[1] ?? "";
  const broken = BREAKING[0]?.[1] ?? "";

  test("an addition raises Minor", () => {
    expect(
      change(BASE, added, [
        [1, 0],
        [1, 0],
      ]).problems,
    ).toEqual(["AbiVersion: 1 addition to 1.0; raise Minor."]);
    expect(
      change(BASE, added, [
        [1, 0],
        [1, 1],
      ]).problems,
    ).toEqual([]);
  });

  test("a break raises Major, even with --accept", () => {
    expect(
      change(
        BASE,
        broken,
        [
          [1, 0],
          [1, 1],
        ],
        true,
      ).problems,
    ).toEqual(["AbiVersion: 1 change breaks 1.0; raise Major."]);
    expect(
      change(BASE, broken, [
        [1, 0],
        [2, 0],
      ]).problems,
    ).toHaveLength(1);
    expect(
      change(
        BASE,
        broken,
        [
          [1, 0],
          [2, 0],
        ],
        true,
      ).problems,
    ).toEqual([]);
  });

  test("versions only grow", () => {
    expect(
      change(BASE, BASE, [
        [1, 2],
        [1, 1],
      ]).problems,
    ).toEqual(["AbiVersion: 1.1 is older than 1.2 of abi.lock.json; versions only grow."]);
  });

  test("a number that was given up stays retired", () => {
    const root = workspace("");
    setSchema(root, E, [1, 0]);
    write(root, generate(root, { accept: false, drafts: true }));
    setSchema(root, E.replace(", B = 1", ""), [2, 0]);
    write(root, generate(root, { accept: true, drafts: true }));
    setSchema(root, E.replace("B = 1", "New = 1"), [2, 1]);
    expect(() => generate(root, { accept: false, drafts: true })).toThrow(
      "E.New: its number 1 was E.B; numbers are never used again, take a new one",
    );
  });
});

test("a lock of another format is refused", () => {
  expect(() => parseLock('{ "format": 99 }')).toThrow("format 99 is not the 1 that this generator reads");
});
