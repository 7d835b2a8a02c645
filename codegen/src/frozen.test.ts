import { describe, expect, test } from "vitest";
import { setSchema, workspace, write } from "../test/workspace.ts";
import { SchemaError } from "./build.ts";
import { generate } from "./generate.ts";

const BASE = `enum Errno : uint (bare) { OK = 0 }
enum Op : ushort { None = 0, A = 1 (frozen), B = 2 }
enum Free : uint { None = 0, X = 1 }
struct Inner (frozen) { a: uint; }
struct S (frozen) { a: uint; inner: Inner; reserved0: [uint:2] (reserved); }
struct Part { a: uint (frozen); b: uint; }
struct Ask (frozen, union: "U", opcode: "A", errnos: "", value: "size: of it") { opcode: Op; a: ushort; b: uint; }
struct More (union: "U", opcode: "B", errnos: "") { opcode: Op; a: ushort; b: uint; }
table Fixed (constants) { Magic: uint = 7 (frozen); Other: uint = 8; }
table State (frozen, root: "FSST") { a: uint; }`;

/** What is said of a change that is accepted in every other way; undefined: nothing. */
function said(after: string, versions: readonly [readonly [number, number], readonly [number, number]]): string[] {
  const root = workspace("");
  setSchema(root, BASE, versions[0]);
  write(root, generate(root, { accept: false, drafts: true }));
  setSchema(root, after, versions[1]);
  try {
    generate(root, { accept: true, drafts: true });
    return [];
  } catch (error) {
    if (error instanceof SchemaError) return [...error.problems];
    throw error;
  }
}

const REFUSED: [string, string, string][] = [
  [
    "a field moved",
    BASE.replace("{ a: uint; inner: Inner;", "{ inner: Inner; a: uint;"),
    "S.a: it is frozen as u32 at 0, and is u32 at 4",
  ],
  [
    "a field of another type",
    BASE.replace("struct Inner (frozen) { a: uint; }", "struct Inner (frozen) { a: int; }"),
    "Inner.a: it is frozen as u32 at 0, and is i32 at 0",
  ],
  [
    "a field removed",
    BASE.replace("{ a: uint; inner: Inner;", "{ reserved1: uint (reserved); inner: Inner;"),
    "S.a: it is frozen as u32 at 0, and is no frozen part any more",
  ],
  [
    "a struct that grew",
    BASE.replace("[uint:2] (reserved)", "[uint:3] (reserved)"),
    "struct S: it is frozen as 16 bytes, and is 20 bytes",
  ],
  [
    "the mark taken away",
    BASE.replace("struct S (frozen)", "struct S"),
    "struct S: it is frozen as 16 bytes, and is no frozen part any more",
  ],
  [
    "one frozen field of a struct",
    BASE.replace("{ a: uint (frozen); b: uint; }", "{ b: uint; a: uint (frozen); }"),
    "Part.a: it is frozen as u32 at 0, and is u32 at 4",
  ],
  ["a number", BASE.replace("A = 1 (frozen)", "A = 3 (frozen)"), "Op.A: it is frozen as 1, and is 3"],
  ["a constant", BASE.replace("Magic: uint = 7", "Magic: uint = 9"), "Fixed.Magic: it is frozen as 7, and is 9"],
  [
    "a word of a reply",
    BASE.replace('value: "size', 'value: "pid'),
    "Ask's reply's value: it is frozen as size, and is pid",
  ],
  [
    "a field of a table",
    BASE.replace('"FSST") { a: uint; }', '"FSST") { a: ulong; }'),
    "State.a: it is frozen as u32 in place 0, and is u64 in place 0",
  ],
];

describe("frozen parts", () => {
  test.each(REFUSED)("%s is refused, whatever is accepted", (_, after, sentence) => {
    const rest = "; put it back: sides of every version read it, and --accept does not change that.";
    for (const versions of [
      [
        [0, 1],
        [0, 1],
      ],
      [
        [1, 0],
        [2, 0],
      ],
    ] as const)
      expect(said(after, versions)).toContain(sentence + rest);
  });

  test.each([
    [
      "naming reserved bytes",
      BASE.replace("reserved0: [uint:2] (reserved)", "named: uint; reserved0: uint (reserved)"),
    ],
    ["a table's field at its end", BASE.replace('"FSST") { a: uint; }', '"FSST") { a: uint; b: uint; }')],
    ["more that is frozen", BASE.replace("X = 1", "X = 1 (frozen)")],
    [
      "what is not frozen, accepted",
      BASE.replace("Other: uint = 8", "Other: uint = 9").replace("b: uint; }\nstruct Ask", "c: uint; }\nstruct Ask"),
    ],
  ])("%s goes through", (_, after) => {
    expect(after).not.toBe(BASE);
    expect(
      said(after, [
        [0, 1],
        [0, 1],
      ]),
    ).toEqual([]);
    expect(
      said(after, [
        [1, 0],
        [2, 0],
      ]),
    ).toEqual([]);
  });

  test("stand on frozen parts only", () => {
    const root = workspace(BASE.replace("struct Inner (frozen)", "struct Inner"));
    expect(() => generate(root, { accept: false, drafts: true })).toThrow(
      "S.inner: it is frozen, and the Inner that it is is not; mark struct Inner (frozen), too.",
    );
    const table = workspace(BASE.replace('"FSST") { a: uint; }', '"FSST") { a: uint; part: Part; }'));
    expect(() => generate(table, { accept: false, drafts: true })).toThrow(
      "State.part: it is frozen, and the Part that it is is not; mark struct Part (frozen), too.",
    );
  });
});
