/** What stat and readdir return, as values outside the memory. */
import { Dirent64, DirentType, FileMode, type StatData } from "../../ts/index.ts";
import { RpcProtocolError } from "../client/errors.ts";
import { memOf } from "../core/mem.ts";
import { decodeText } from "../core/text.ts";

export type FileKind =
  | "file"
  | "directory"
  | "symlink"
  | "fifo"
  | "socket"
  | "character-device"
  | "block-device"
  | "unknown";

const KIND_OF_MODE: Readonly<Record<number, FileKind>> = {
  [FileMode.S_IFREG]: "file",
  [FileMode.S_IFDIR]: "directory",
  [FileMode.S_IFLNK]: "symlink",
  [FileMode.S_IFIFO]: "fifo",
  [FileMode.S_IFSOCK]: "socket",
  [FileMode.S_IFCHR]: "character-device",
  [FileMode.S_IFBLK]: "block-device",
};

const KIND_OF_DIRENT: Readonly<Record<number, FileKind>> = {
  [DirentType.DT_REG]: "file",
  [DirentType.DT_DIR]: "directory",
  [DirentType.DT_LNK]: "symlink",
  [DirentType.DT_FIFO]: "fifo",
  [DirentType.DT_SOCK]: "socket",
  [DirentType.DT_CHR]: "character-device",
  [DirentType.DT_BLK]: "block-device",
};

/** stat(2)'s answer. */
export interface FileStat {
  readonly kind: FileKind;
  readonly dev: bigint;
  readonly ino: bigint;
  /** Type and permission bits, as st_mode. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: bigint;
  /** Bytes. */
  readonly size: number;
  /** Units of 512 bytes. */
  readonly blocks: number;
  /** Milliseconds since 1970, with fractions. */
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

const timeMs = (sec: bigint, nsec: bigint): number => Number(sec) * 1e3 + Number(nsec) / 1e6;

export function fileStat(stat: StatData): FileStat {
  return {
    kind: KIND_OF_MODE[stat.mode & FileMode.S_IFMT] ?? "unknown",
    dev: stat.dev,
    ino: stat.ino,
    mode: stat.mode,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    rdev: stat.rdev,
    size: Number(stat.size),
    blocks: Number(stat.blocks),
    atimeMs: timeMs(stat.atime, stat.atimeNsec),
    mtimeMs: timeMs(stat.mtime, stat.mtimeNsec),
    ctimeMs: timeMs(stat.ctime, stat.ctimeNsec),
  };
}

/** One name in a directory. */
export interface DirectoryItem {
  readonly name: string;
  readonly kind: FileKind;
  readonly ino: bigint;
}

/**
 * The names in linux_dirent64 records, without `.` and `..`.
 * @throws RpcProtocolError when a record's length cannot be true
 */
export function directoryItems(records: Uint8Array): DirectoryItem[] {
  const items: DirectoryItem[] = [];
  const view = new Dirent64(memOf(records));
  const nameAt = Dirent64.OFFSET.name;
  for (let at = 0; at < records.length; ) {
    const rest = records.length - at;
    const size = rest < Dirent64.SIZE ? rest : view.at(at).reclen;
    if (size < Dirent64.SIZE || size % 8 !== 0 || size > rest) {
      throw new RpcProtocolError(`a directory record of ${size} bytes at ${at} of ${records.length}`);
    }
    const bytes = records.subarray(at + nameAt, at + size);
    const end = bytes.indexOf(0);
    const name = decodeText(end < 0 ? bytes : bytes.subarray(0, end));
    if (name !== "." && name !== "..")
      items.push({ name, kind: KIND_OF_DIRENT[view.type] ?? "unknown", ino: view.ino });
    at += size;
  }
  return items;
}
