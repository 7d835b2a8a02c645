/** Two versions, the later with one of each addition: both sides' generated code on the other's memory. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { copyFromRoot, setSchema, workspace, write } from "../test/workspace.ts";
import { generate } from "./generate.ts";

const OLD = `
enum SlotKind : uint { None = 0, T = 1, Count = 2 }
enum Opcode : ushort { None = 0, A = 1 }
struct Header { opcode: Opcode; flags: ushort; id: uint; }
struct AEntry (union: "AnyRequest", opcode: "A", errnos: "") { header: Header; a: uint; reserved0: uint (reserved); }
struct Table { base: uint; stride: uint; capacity: uint; kind: SlotKind; }
struct TSlot (slot: "T") { seq: uint (atomic); generation: uint (atomic); a: uint; reserved0: [uint:3] (reserved); }
table Inner { a: uint; }
table M (root: "FSMM") { a: uint; name: string (required); inner: [Inner]; }`;
const NEW = OLD.replace("A = 1 }", "A = 1, B = 2 }")
  .replace("a: uint; reserved0: uint (reserved);", "a: uint; b: uint;")
  .replace("a: uint; reserved0: [uint:3]", "a: uint; b: uint; reserved0: [uint:2]")
  .replace("table Inner { a: uint; }", "table Inner { a: uint; b: string; }")
  .replace("inner: [Inner]; }", "inner: [Inner]; more: ulong = 7; }")
  .concat(' struct BEntry (union: "AnyRequest", opcode: "B", errnos: "") { header: Header; c: ulong; }');

/** What the tests use of a generated module. */
interface Side {
  Mem: new (source: ArrayBuffer) => object;
  TSlot: { SIZE: number; new (mem: object, addr: number): { a: number; b: number; setData(data: object): void } };
  decodeAnyRequest(mem: object, addr: number): object | undefined;
  encodeAnyRequest(mem: object, addr: number, entry: object): void;
  readM(bytes: Uint8Array): object;
  buildM(data: object): Uint8Array;
}

async function sides(): Promise<{ before: Side; after: Side }> {
  const root = workspace("");
  const load = async (schema: string, version: readonly [number, number]): Promise<Side> => {
    setSchema(root, schema, version);
    const generated = generate(root, { accept: false, drafts: true });
    write(root, generated);
    const own = workspace("");
    write(own, generated);
    copyFromRoot(own, "abi/src/core");
    const at = (path: string): string => pathToFileURL(join(own, path)).href;
    const [ts, mem] = await Promise.all([
      import(/* @vite-ignore */ at("abi/ts/index.ts")),
      import(/* @vite-ignore */ at("abi/src/core/mem.ts")),
    ]);

    return { ...ts, ...mem } as Side;
  };
  const before = await load(OLD, [1, 0]);
  const after = await load(NEW, [1, 1]);
  return { before, after };
}

/** Both sides on one memory. */
async function shared(): Promise<{ before: Side; after: Side; old: object; now: object }> {
  const { before, after } = await sides();
  const memory = new ArrayBuffer(4096);
  return { before, after, old: new before.Mem(memory), now: new after.Mem(memory) };
}

describe("a minor version apart", () => {
  test("slots, addressed by a stride that grew", async () => {
    const { before, after, old, now } = await shared();
    const stride = 2 * after.TSlot.SIZE;
    for (let i = 0; i < 4; i++)
      new after.TSlot(now, 64 + i * stride).setData({ seq: 0, generation: 1, a: i, b: 10 + i });
    expect([0, 1, 2, 3].map((i) => new before.TSlot(old, 64 + i * stride).a)).toEqual([0, 1, 2, 3]);
    for (let i = 0; i < 4; i++) new before.TSlot(old, 64 + i * stride).setData({ seq: 0, generation: 1, a: 20 + i });
    // What the older writes into reserved words is 0: as before.
    expect([0, 1, 2, 3].map((i) => new after.TSlot(now, 64 + i * stride)).map(({ a, b }) => [a, b])).toEqual([
      [20, 0],
      [21, 0],
      [22, 0],
      [23, 0],
    ]);
  });

  test("ring entries", async () => {
    const { before, after, old, now } = await shared();
    after.encodeAnyRequest(now, 1024, { opcode: 1, flags: 0, id: 5, a: 6, b: 7 });
    expect(before.decodeAnyRequest(old, 1024)).toEqual({ opcode: 1, flags: 0, id: 5, a: 6 });
    after.encodeAnyRequest(now, 1024, { opcode: 2, flags: 0, id: 5, c: 6n });
    expect(before.decodeAnyRequest(old, 1024)).toBeUndefined();
    before.encodeAnyRequest(old, 1024, { opcode: 1, flags: 0, id: 5, a: 6 });
    expect(after.decodeAnyRequest(now, 1024)).toEqual({ opcode: 1, flags: 0, id: 5, a: 6, b: 0 });
  });

  test("tables", async () => {
    const { before, after } = await shared();
    const written = after.buildM({ a: 1, name: "n", inner: [{ a: 2, b: "new" }], more: 9n });
    expect(before.readM(written)).toEqual({ a: 1, name: "n", inner: [{ a: 2 }] });
    const earlier = before.buildM({ a: 1, name: "n", inner: [{ a: 2 }] });
    expect(after.readM(earlier)).toEqual({ a: 1, name: "n", inner: [{ a: 2 }], more: 7n });
  });
});
