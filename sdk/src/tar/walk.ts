/** The members of a tar archive, found by its headers alone: contents are skipped, not read. */

import type { RandomAccess } from "./access.ts";
import { BLOCK, checksumMatches, isZeroBlock, parseHeader, parsePax, paxNumber, TarError } from "./header.ts";

/** One member, with GNU long names and pax records applied. */
export interface TarMember {
  path: string;
  type: string;
  mode: number;
  uid: number;
  gid: number;
  /** Seconds since 1970. */
  mtime: number;
  linkPath: string;
  /** Bytes of contents: 0 unless it is a file. */
  size: number;
  /** Where the contents begin in the archive. */
  position: number;
}

/** Most that a long name or an extended header may take. */
const EXTENSION_MAX = 1024 * 1024;

/** Read at once while walking over headers of small files. */
const WINDOW = 64 * 1024;

/** Types whose size field is followed by no contents (pax(1), "typeflag"). */
const NO_CONTENTS = new Set(["1", "2", "3", "4", "5", "6"]);

/** First bytes of compressed files, and what unpacks them. */
const COMPRESSED: [string, number[], string][] = [
  ["gzip", [0x1f, 0x8b], "gunzip"],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a], "unxz"],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd], "unzstd"],
  ["bzip2", [0x42, 0x5a, 0x68], "bunzip2"],
];

/** Reads small pieces through one window. */
class Window {
  readonly #access: RandomAccess;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(access: RandomAccess) {
    this.#access = access;
  }

  /** `length` bytes at `position`, fewer at the end of the archive. Valid until the next call. */
  async take(position: number, length: number): Promise<Uint8Array> {
    const end = Math.min(position + length, this.#access.size);
    if (position >= end) return new Uint8Array(0);
    if (position < this.#start || end > this.#start + this.#bytes.length) {
      const wanted = Math.min(Math.max(WINDOW, length), this.#access.size - position);
      this.#bytes = await this.#access.read(position, wanted);
      this.#start = position;
      if (this.#bytes.length < end - position) throw new TarError("it became shorter while it was read");
    }
    return this.#bytes.subarray(position - this.#start, end - this.#start);
  }
}

/** What extended headers say of the next member, or (global) of all that follow. */
interface Overrides {
  path?: string;
  linkPath?: string;
  records?: Map<string, string>;
}

/**
 * Walks over all members, in order.
 * @throws TarError with what is wrong and where
 */
export async function* walkTar(access: RandomAccess): AsyncGenerator<TarMember> {
  const window = new Window(access);
  const global = new Map<string, string>();
  let next: Overrides = {};
  let pending = false;
  let at = 0;
  while (at < access.size) {
    const block = await window.take(at, BLOCK);
    if (at === 0 && (block.length < BLOCK || !(isZeroBlock(block) || checksumMatches(block)))) throw noArchive(block);
    if (block.length < BLOCK) throw new TarError(`it is cut off at offset ${at}`);
    if (isZeroBlock(block)) break;
    if (!checksumMatches(block)) throw new TarError(`a header with a wrong checksum at offset ${at}`);
    const contents = at + BLOCK;
    try {
      const header = parseHeader(block);
      if (
        header.type === "L" ||
        header.type === "K" ||
        header.type === "x" ||
        header.type === "X" ||
        header.type === "g"
      ) {
        const data = await extension(window, contents, header.size);
        if (header.type === "g") {
          for (const [key, value] of parsePax(data)) global.set(key, value);
        } else {
          pending = true;
          if (header.type === "L") next.path = untilNul(data);
          else if (header.type === "K") next.linkPath = untilNul(data);
          else next.records = parsePax(data);
        }
        at = contents + padded(header.size);
        continue;
      }
      const member = apply(header, contents, next, global);
      if (member.size < 0 || contents + member.size > access.size) {
        throw new TarError(
          `${JSON.stringify(member.path.slice(0, 100))} has ${member.size} bytes, and the archive ends after ${access.size - contents} of them`,
        );
      }
      at = contents + padded(member.size);
      next = {};
      pending = false;
      yield member;
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      throw new TarError(`${error.message} (header at offset ${contents - BLOCK})`);
    }
  }
  if (pending) throw new TarError("it ends after an extended header, before the file that it describes");
}

/** What a file that begins like this is instead. */
function noArchive(start: Uint8Array): TarError {
  for (const [name, magic, tool] of COMPRESSED) {
    if (magic.every((byte, i) => start[i] === byte)) {
      return new TarError(`it is compressed with ${name}; unpack it first (${tool}), a layer is read in place`);
    }
  }
  return new TarError("it is not a tar archive");
}

/** `size` rounded up to whole blocks. */
function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

async function extension(window: Window, position: number, size: number): Promise<Uint8Array> {
  if (size < 0 || size > EXTENSION_MAX) throw new TarError(`an extended header of ${size} bytes`);
  const data = await window.take(position, size);
  if (data.length < size) throw new TarError("it is cut off in an extended header");
  return data;
}

function untilNul(data: Uint8Array): string {
  const end = data.indexOf(0);
  return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
}

function apply(
  header: ReturnType<typeof parseHeader>,
  contents: number,
  next: Overrides,
  global: Map<string, string>,
): TarMember {
  // Global path and linkpath would give every member the same name: not taken.
  const records = new Map(global);
  records.delete("path");
  records.delete("linkpath");
  for (const [key, value] of next.records ?? []) records.set(key, value);
  for (const key of records.keys()) {
    if (key.startsWith("GNU.sparse.")) throw new TarError("a sparse file, which cannot be read in place");
  }
  if (header.type === "S") throw new TarError("a sparse file, which cannot be read in place");
  if (header.type === "M") throw new TarError("the continuation of a file from another volume");
  const path = records.get("path") || next.path || header.path;
  const size = paxNumber(records, "size") ?? header.size;
  let type = header.type === "7" ? "0" : header.type;
  // Before POSIX a directory was a file whose name ends with a slash.
  if (type === "0" && path.endsWith("/")) type = "5";
  return {
    path,
    type,
    mode: header.mode,
    uid: paxNumber(records, "uid") ?? header.uid,
    gid: paxNumber(records, "gid") ?? header.gid,
    mtime: paxNumber(records, "mtime", { fraction: true }) ?? header.mtime,
    linkPath: records.get("linkpath") || next.linkPath || header.linkPath,
    size: NO_CONTENTS.has(type) ? 0 : size,
    position: contents,
  };
}
