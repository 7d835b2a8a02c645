/** Entries of a layer as the FileRecords that WriteFiles and ApplyFileLayer take. */
import { FileRecord, type FileRecordData, FileRecordKind } from "../../ts/index.ts";
import type { Mem } from "../core/mem.ts";
import { type BytesWriter, within } from "../core/request.ts";
import { align8, dataBytes, type PathLike, pathBytes, pathText } from "../core/text.ts";
import { nanoseconds } from "./attributes.ts";

export interface EntryAttributes {
  /** Absolute, or relative to the layer's prefix. */
  readonly path: PathLike;
  /** Permission bits, 0 to 0o7777. Default: 0o644 for files, 0o755 for directories. */
  readonly mode?: number | undefined;
  /** Default 0. */
  readonly uid?: number | undefined;
  /** Default 0. */
  readonly gid?: number | undefined;
  /** Modification time in milliseconds since 1970, fractions allowed. Default: now. */
  readonly mtimeMs?: number | undefined;
}

/** A file whose bytes are in memory; text stands for its UTF-8 bytes. */
export interface FileEntry extends EntryAttributes {
  readonly kind?: "file" | undefined;
  readonly data: Uint8Array | string;
}

/** A file whose bytes a blob source gives when they are touched. */
export interface LazyFileEntry extends EntryAttributes {
  readonly kind: "lazy";
  /** Id that `addBlobSource` returned. */
  readonly source: number;
  /** Where the file begins in the source, in bytes. Default 0. */
  readonly position?: number | undefined;
  /** Bytes. */
  readonly size: number;
}

export interface DirectoryEntry extends EntryAttributes {
  readonly kind: "directory";
}

/** `target` as symlink(2) takes it. */
export interface SymlinkEntry extends EntryAttributes {
  readonly kind: "symlink";
  readonly target: PathLike;
}

/** A further name of a file that came earlier. */
export interface HardLinkEntry extends EntryAttributes {
  readonly kind: "hardlink";
  readonly target: PathLike;
}

export interface FifoEntry extends EntryAttributes {
  readonly kind: "fifo";
}

export interface CharacterDeviceEntry extends EntryAttributes {
  readonly kind: "character-device";
  /** Device number as mknod(2) takes it. */
  readonly rdev: number;
}

/** Removes what lower layers have under this path. */
export interface WhiteoutEntry extends EntryAttributes {
  readonly kind: "whiteout";
}

export type LayerEntry =
  | FileEntry
  | LazyFileEntry
  | DirectoryEntry
  | SymlinkEntry
  | HardLinkEntry
  | FifoEntry
  | CharacterDeviceEntry
  | WhiteoutEntry;

const NOTHING = new Uint8Array(0);
const MODE_BITS = 0o7777;
const MAX_U32 = 0xffffffff;

/** An entry ready to be written: its fixed part, path and data. */
export interface PackedEntry {
  readonly record: FileRecordData;
  readonly path: Uint8Array;
  readonly data: Uint8Array;
  /** Bytes in the arena. */
  readonly bytes: number;
}

/** @throws TypeError or RangeError for an entry that cannot be meant */
export function packEntry(entry: LayerEntry): PackedEntry {
  const path = pathBytes(entry.path);
  if (path.length === 0) throw new TypeError("a layer entry has an empty path");
  const where = pathText(entry.path);
  const mode = entry.mode ?? (entry.kind === "directory" ? 0o755 : 0o644);
  const record: FileRecordData = {
    kind: FileRecordKind.File,
    mode: within(mode, 0, MODE_BITS, `${where}: mode`),
    uid: within(entry.uid ?? 0, 0, MAX_U32, `${where}: uid`),
    gid: within(entry.gid ?? 0, 0, MAX_U32, `${where}: gid`),
    pathLength: path.length,
    dataLength: 0,
    mtimeNs: nanoseconds(entry.mtimeMs ?? Date.now(), `${where}: mtimeMs`),
    source: 0,
    rdev: 0,
    sourceOffset: 0,
    size: 0,
  };
  let data: Uint8Array = NOTHING;
  switch (entry.kind) {
    case undefined:
    case "file":
      data = dataBytes(entry.data);
      record.size = data.length;
      break;
    case "lazy":
      record.kind = FileRecordKind.LazyFile;
      record.source = within(entry.source, 0, MAX_U32, `${where}: source`);
      record.sourceOffset = within(entry.position ?? 0, 0, Number.MAX_SAFE_INTEGER, `${where}: position`);
      record.size = within(entry.size, 0, Number.MAX_SAFE_INTEGER, `${where}: size`);
      break;
    case "directory":
      record.kind = FileRecordKind.Directory;
      break;
    case "symlink":
      record.kind = FileRecordKind.Symlink;
      data = pathBytes(entry.target);
      break;
    case "hardlink":
      record.kind = FileRecordKind.HardLink;
      data = pathBytes(entry.target);
      break;
    case "fifo":
      record.kind = FileRecordKind.Fifo;
      break;
    case "character-device":
      record.kind = FileRecordKind.CharDevice;
      record.rdev = within(entry.rdev, 0, MAX_U32, `${where}: rdev`);
      break;
    case "whiteout":
      record.kind = FileRecordKind.Whiteout;
      break;
  }
  record.dataLength = data.length;
  return { record, path, data, bytes: FileRecord.SIZE + align8(path.length) + align8(data.length) };
}

/** The entries one after the other, as the bytes of a request. */
export function fileRecords(entries: readonly PackedEntry[]): BytesWriter {
  return {
    length: entries.reduce((sum, entry) => sum + entry.bytes, 0),
    write: (mem, address) => writeRecords(mem, address, entries),
  };
}

/** Writes the packed entries one after the other from `addr` on. */
export function writeRecords(mem: Mem, addr: number, entries: readonly PackedEntry[]): void {
  const view = new FileRecord(mem);
  let at = addr;
  for (const entry of entries) {
    view.at(at).setData(entry.record);
    at += FileRecord.SIZE;
    mem.u8.set(entry.path, at);
    at += align8(entry.path.length);
    mem.u8.set(entry.data, at);
    at += align8(entry.data.length);
  }
}
