import { FileRecord, FileRecordKind, Mem } from "@foreshore/abi";
import { describe, expect, test } from "vitest";
import { type LayerEntry, packEntry, writeRecords } from "./records.ts";

describe("packEntry", () => {
  test("fills in what is left out, per kind", () => {
    expect(packEntry({ path: "/f", data: "abc" }).record).toMatchObject({
      kind: FileRecordKind.File,
      mode: 0o644,
      uid: 0,
      gid: 0,
      pathLength: 2,
      dataLength: 3,
      size: 3,
    });
    expect(packEntry({ kind: "directory", path: "d" }).record).toMatchObject({
      kind: FileRecordKind.Directory,
      mode: 0o755,
      dataLength: 0,
    });
    expect(packEntry({ kind: "symlink", path: "l", target: "../é" }).record).toMatchObject({
      kind: FileRecordKind.Symlink,
      dataLength: 5,
    });
    expect(packEntry({ kind: "hardlink", path: "h", target: "/f" }).record).toMatchObject({
      kind: FileRecordKind.HardLink,
      dataLength: 2,
    });
    expect(packEntry({ kind: "lazy", path: "z", source: 3, position: 2 ** 40, size: 2 ** 33 }).record).toMatchObject({
      kind: FileRecordKind.LazyFile,
      source: 3,
      sourceOffset: 2 ** 40,
      size: 2 ** 33,
      dataLength: 0,
    });
    expect(packEntry({ kind: "whiteout", path: "w" }).record.kind).toBe(FileRecordKind.Whiteout);
    expect(packEntry({ kind: "fifo", path: "p" }).record.kind).toBe(FileRecordKind.Fifo);
  });

  test("keeps times to the microsecond", () => {
    expect(packEntry({ path: "f", data: "", mtimeMs: 1_700_000_000_123.456 }).record.mtimeNs).toBe(
      1_700_000_000_123_456_000n,
    );
  });

  const bad: [string, LayerEntry][] = [
    ["an empty path", { path: "", data: "" }],
    ["a NUL in a path", { path: "a\0b", data: "" }],
    ["a NUL in a link target", { kind: "symlink", path: "a", target: "b\0" }],
    ["a mode with type bits", { path: "f", data: "", mode: 0o100644 }],
    ["a fractional mode", { path: "f", data: "", mode: 0.5 }],
    ["a negative uid", { path: "f", data: "", uid: -1 }],
    ["a gid that is no number", { path: "f", data: "", gid: Number.NaN }],
    ["a time that is none", { path: "f", data: "", mtimeMs: Number.NaN }],
    ["a time of the year 2300", { path: "f", data: "", mtimeMs: 1.05e13 }],
    ["a source of 33 bits", { kind: "lazy", path: "z", source: 2 ** 32, size: 1 }],
    ["a negative device", { kind: "character-device", path: "d", rdev: -1 }],
    ["a negative size", { kind: "lazy", path: "z", source: 1, size: -1 }],
    ["a fractional position", { kind: "lazy", path: "z", source: 1, size: 1, position: 0.5 }],
  ];
  test.each(bad)("refuses %s", (_name, entry) => {
    expect(() => packEntry(entry)).toThrow(/path|mode|uid|gid|mtimeMs|source|rdev|size|position|NUL/);
  });
});

test("records lie one after the other, each part padded to 8 bytes", () => {
  const entries = [
    packEntry({ path: "/some/file", data: "0123456789", mode: 0o600, uid: 5, gid: 6 }),
    packEntry({ kind: "directory", path: "d" }),
  ];
  const mem = new Mem(new SharedArrayBuffer(4096));
  writeRecords(mem, 64, entries);
  const text = (from: number, length: number): string => new TextDecoder().decode(mem.u8.slice(from, from + length));
  const first = new FileRecord(mem, 64);
  expect(first.toData()).toEqual(entries[0]!.record);
  expect(text(64 + FileRecord.SIZE, 10)).toBe("/some/file");
  expect(text(64 + FileRecord.SIZE + 16, 10)).toBe("0123456789");
  const second = 64 + entries[0]!.bytes;
  expect(second % 8).toBe(0);
  expect(new FileRecord(mem, second).kind).toBe(FileRecordKind.Directory);
  expect(text(second + FileRecord.SIZE, 1)).toBe("d");
});
