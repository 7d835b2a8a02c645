/** A tar archive as a layer: indexed by its headers, contents read from the archive when touched. */

import { type LayerEntry, LayerError, type LayerSource } from "../layers/entry.ts";
import { accessBytes, type RandomAccess } from "./access.ts";
import { TarError } from "./header.ts";
import { type TarMember, walkTar } from "./walk.ts";

/** The one blob of such a layer: the archive itself. */
const ARCHIVE = "archive";

/**
 * A layer of an uncompressed tar archive (V7, ustar, GNU, pax). Leading slashes
 * are dropped; devices and members of unknown types are left out and counted in
 * `notes()`. Entries throw a LayerError for an archive that is none, is cut
 * off, compressed, sparse, holds `..`, a hard link to nothing, or a file
 * below something that is no directory.
 * @param source bytes, a Blob, or anything that can be read at any place (a file: `tarFile` of `@foreshore/sdk/node`)
 */
export function tarLayer(source: Uint8Array | Blob | RandomAccess, options: { name?: string } = {}): LayerSource {
  const access =
    source instanceof Uint8Array || source instanceof Blob
      ? accessBytes(source, options.name ?? "tar archive")
      : source;
  return new TarLayer(access, options.name ?? access.name);
}

class TarLayer implements LayerSource {
  readonly name: string;
  readonly #access: RandomAccess;
  #devices = 0;
  #unknown = 0;
  #undecoded = 0;

  constructor(access: RandomAccess, name: string) {
    this.#access = access;
    this.name = name;
  }

  async *entries(): AsyncGenerator<LayerEntry> {
    this.#devices = 0;
    this.#unknown = 0;
    this.#undecoded = 0;
    try {
      for await (const member of walkTar(this.#access)) {
        const entry = this.#entry(member);
        if (entry === undefined) continue;
        if (entry.path.includes("\ufffd")) this.#undecoded++;
        yield entry;
      }
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      throw new LayerError(`${this.name}: ${error.message}`);
    }
  }

  #entry(member: TarMember): LayerEntry | undefined {
    const attributes = {
      path: member.path,
      mode: member.mode,
      uid: clampId(member.uid),
      gid: clampId(member.gid),
      mtimeMs: member.mtime * 1000,
    };
    switch (member.type) {
      case "0":
        return { ...attributes, kind: "lazy", blob: ARCHIVE, position: member.position, size: member.size };
      case "1":
        return { ...attributes, kind: "hardlink", target: member.linkPath };
      case "2":
        return { ...attributes, kind: "symlink", target: member.linkPath };
      case "5":
      case "D": // GNU's incremental archives: a directory with a list of its files.
        return { ...attributes, kind: "directory" };
      case "6":
        return { ...attributes, kind: "fifo" };
      case "3":
      case "4":
        this.#devices++;
        return undefined;
      case "V": // GNU volume label.
        return undefined;
      default:
        this.#unknown++;
        return undefined;
    }
  }

  read(_blob: string, position: number, length: number): Promise<Uint8Array> {
    return this.#access.read(position, length);
  }

  notes(): string[] {
    const notes: string[] = [];
    if (this.#devices > 0) notes.push(`${this.name}: left out ${this.#devices} devices`);
    if (this.#unknown > 0) notes.push(`${this.name}: left out ${this.#unknown} members of a type that is not known`);
    if (this.#undecoded > 0) notes.push(`${this.name}: ${this.#undecoded} names are not UTF-8 and were changed`);
    return notes;
  }

  async close(): Promise<void> {
    await this.#access.close?.();
  }
}

/** Owners that do not fit uid_t become nobody's. */
function clampId(id: number): number {
  return id >= 0 && id <= 0xffff_ffff ? id : 65534;
}
