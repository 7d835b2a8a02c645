/** Tables: what one side builds every other reads; what is damaged is refused by name. */
import { Builder, ByteBuffer } from "flatbuffers";
import { describe, expect, test } from "vitest";
import {
  buildKernelRuntimeState,
  buildLayerManifest,
  KERNEL_RUNTIME_STATE_SHAPE,
  LAYER_MANIFEST_SHAPE,
  type LayerManifestData,
  readKernelRuntimeState,
  readLayerManifest,
  TableError,
  TableFault,
  verifyLayerManifest,
} from "./index.ts";
import { MANIFEST, STATE } from "./table-samples.ts";

function fault(bytes: Uint8Array): number {
  try {
    verifyLayerManifest(bytes);
    return TableFault.Ok;
  } catch (error) {
    if (error instanceof TableError) return TableFault[error.fault];
    throw error;
  }
}

describe("what was built is read back", () => {
  test("a manifest", () => {
    expect(readLayerManifest(buildLayerManifest(MANIFEST))).toEqual(MANIFEST);
  });

  test("a runtime state", () => {
    expect(readKernelRuntimeState(buildKernelRuntimeState(STATE))).toEqual(STATE);
  });

  test("a buffer at an odd place of a larger one, and in shared memory", () => {
    const bytes = buildLayerManifest(MANIFEST);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3));
    shared.set(bytes, 3);
    expect(readLayerManifest(shared.subarray(3))).toEqual(MANIFEST);
  });

  test("values that a field cannot hold are refused", () => {
    const [entry] = MANIFEST.entries;
    expect(() => buildLayerManifest({ ...MANIFEST, entries: [{ ...entry!, mode: -1 }] })).toThrow(RangeError);
    expect(() => buildLayerManifest({ ...MANIFEST, entries: [{ ...entry!, size: 2 ** 53 }] })).toThrow(RangeError);
    expect(() => buildLayerManifest({ entries: [] } as unknown as LayerManifestData)).toThrow(TypeError);
  });
});

describe("FlatBuffers' own library", () => {
  const slot = (shape: typeof LAYER_MANIFEST_SHAPE, name: string): number =>
    shape.fields.find((field) => field.name === name)!.slot;

  test("reads what we build", () => {
    const buffer = new ByteBuffer(buildLayerManifest(MANIFEST));
    expect(buffer.__has_identifier("FSLM")).toBe(true);
    const root = buffer.readInt32(0);
    const at = (table: number, place: number): number => table + buffer.__offset(table, place);
    expect(buffer.__string(at(root, slot(LAYER_MANIFEST_SHAPE, "name")))).toBe("sample");
    const entries = at(root, slot(LAYER_MANIFEST_SHAPE, "entries"));
    expect(buffer.__vector_len(entries)).toBe(4);
    const second = buffer.__indirect(buffer.__vector(entries) + 4);
    expect(buffer.__string(at(second, 4))).toBe("bin/prüfung");
    expect(buffer.readUint64(at(second, 14))).toBe(0xffffffffffffffffn);
    expect(buffer.readUint64(at(second, 16))).toBe(BigInt(Number.MAX_SAFE_INTEGER));
    expect(buffer.__vector_len(at(second, 24))).toBe(32);
    const state = new ByteBuffer(buildKernelRuntimeState(STATE));
    const tables = state.readInt32(0) + state.__offset(state.readInt32(0), slot(KERNEL_RUNTIME_STATE_SHAPE, "tables"));
    expect(state.readUint32(state.__vector(tables) + 32 + 4)).toBe(128);
  });

  test("builds what we read", () => {
    const builder = new Builder(64);
    const path = builder.createString("a/b");
    const digest = Builder.prototype.createByteVector.call(builder, Uint8Array.of(1, 2, 3));
    builder.startObject(13);
    builder.addFieldOffset(0, path, 0);
    builder.addFieldInt32(2, 0o644, 0);
    builder.addFieldInt64(5, 77n, 0n);
    builder.addFieldOffset(10, digest, 0);
    const entry = builder.endObject();
    builder.startVector(4, 1, 4);
    builder.addOffset(entry);
    const entries = builder.endVector();
    const name = builder.createString("stock");
    builder.startObject(3);
    builder.addFieldOffset(0, name, 0);
    builder.addFieldOffset(1, entries, 0);
    builder.finish(builder.endObject(), "FSLM");
    const manifest = readLayerManifest(builder.asUint8Array());
    expect(manifest.name).toBe("stock");
    expect(manifest.entries[0]).toMatchObject({
      path: "a/b",
      mode: 0o644,
      mtimeNs: 77n,
      kind: 0,
      digest: Uint8Array.of(1, 2, 3),
    });
  });
});

describe("damage is named", () => {
  const good = buildLayerManifest(MANIFEST);
  const edit = (change: (view: DataView, bytes: Uint8Array) => void): Uint8Array => {
    const bytes = good.slice();
    change(new DataView(bytes.buffer), bytes);
    return bytes;
  };
  const root = new DataView(good.buffer).getUint32(0, true);
  const vtable = root - new DataView(good.buffer).getInt32(root, true);
  const entriesField = root + new DataView(good.buffer).getUint16(vtable + 6, true);
  const entries = entriesField + new DataView(good.buffer).getUint32(entriesField, true);
  const nameField = root + new DataView(good.buffer).getUint16(vtable + 4, true);
  const name = nameField + new DataView(good.buffer).getUint32(nameField, true);

  test.each<[string, Uint8Array, number]>([
    ["nothing", new Uint8Array(0), TableFault.Bounds],
    ["another table's identifier", buildKernelRuntimeState(STATE), TableFault.Identifier],
    ["a root outside", edit((view) => view.setUint32(0, 0xfffffffc, true)), TableFault.Bounds],
    ["a root of nowhere", edit((view) => view.setUint32(0, 0, true)), TableFault.Bounds],
    ["a root off its alignment", edit((view) => view.setUint32(0, root + 1, true)), TableFault.Alignment],
    ["a vtable outside", edit((view) => view.setInt32(root, -0x70000000, true)), TableFault.Vtable],
    ["a vtable of no size", edit((view) => view.setUint16(vtable, 0, true)), TableFault.Vtable],
    ["a vtable of odd size", edit((view) => view.setUint16(vtable, 7, true)), TableFault.Vtable],
    ["a table beyond the end", edit((view) => view.setUint16(vtable + 2, 0xffff, true)), TableFault.Bounds],
    ["a field outside its table", edit((view) => view.setUint16(vtable + 4, 0x100, true)), TableFault.Vtable],
    ["a required field that is missing", edit((view) => view.setUint16(vtable + 4, 0, true)), TableFault.Required],
    ["a vector beyond the end", edit((view) => view.setUint32(entries, 0x40000000, true)), TableFault.Bounds],
    ["a string beyond the end", edit((view) => view.setUint32(name, 0x7fffffff, true)), TableFault.Bounds],
    ["a string without its NUL", edit((view) => view.setUint32(name, 5, true)), TableFault.Text],
    ["a string that is no UTF-8", edit((_, bytes) => bytes.fill(0xff, name + 4, name + 5)), TableFault.Text],
  ])("%s", (_, bytes, expected) => {
    expect(fault(bytes)).toBe(expected);
  });

  test("a length cut short anywhere", () => {
    for (let length = 0; length < good.length; length++)
      expect(fault(good.subarray(0, length))).not.toBe(TableFault.Ok);
  });

  test("a number beyond 2^53", () => {
    const bytes = buildLayerManifest({ ...MANIFEST, entries: [MANIFEST.entries[1]!] });
    const at = bytes.findIndex(
      (_, i) => i % 8 === 0 && bytes.slice(i, i + 7).every((byte, j) => byte === (j < 6 ? 255 : 31)),
    );
    bytes[at + 6] = 0x20;
    expect(fault(bytes)).toBe(TableFault.Range);
  });

  test("more tables than the reader takes, and entries that share one string without end", () => {
    expect(() => verifyLayerManifest(good, { maxTables: 4 })).toThrow(/Budget/);
    const text = "x".repeat(60_000);
    const bytes = buildLayerManifest({ name: text, entries: [], notes: Array.from({ length: 1000 }, () => "") });
    const view = new DataView(bytes.buffer);
    const table = view.getUint32(0, true);
    const fields = table - view.getInt32(table, true);
    const follow = (at: number): number => at + view.getUint32(at, true);
    const long = follow(table + view.getUint16(fields + 4, true));
    const notes = follow(table + view.getUint16(fields + 8, true));
    expect(long).toBeLessThan(notes);
    // Offsets only lead forwards: the notes share the last one's place, the long text moved there.
    const grown = new Uint8Array(bytes.length + 60_008);
    grown.set(bytes);
    const all = new DataView(grown.buffer);
    const end = Math.ceil(bytes.length / 4) * 4;
    grown.set(bytes.subarray(long, long + 60_005), end);
    for (let i = 0; i < 1000; i++) all.setUint32(notes + 4 + 4 * i, end - (notes + 4 + 4 * i), true);
    expect(fault(grown)).toBe(TableFault.Budget);
  });
});
