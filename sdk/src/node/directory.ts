/** A folder of the host as a read-only layer. */

import { type Dirent, lstatSync, readdirSync, readlinkSync, type Stats, statSync } from "node:fs";
import path from "node:path";
import { type LayerEntry, LayerError, type LayerSource } from "../layers/entry.ts";
import { HandleCache } from "./handles.ts";
import { errorCode, reason } from "./host-file.ts";

export interface DirectoryLayerOptions {
  /** Owner of the files in the machine; default: their owner on the host. */
  owner?: { uid: number; gid: number };
  /** Host files that stay open between reads; default 64. */
  openFiles?: number;
}

/** The walk lets other work run after so many milliseconds. */
const SLICE_MS = 10;

/**
 * A layer of all that is below the host folder `folder`. The tree is walked when
 * the layer is asked for its entries; contents are read when a guest touches
 * them. Symbolic links stay links, several names of one file stay one file, mount points
 * are crossed. Sockets, FIFOs, devices, folders that cannot be listed and
 * names that are not UTF-8 are left out and counted in `notes()`.
 *
 * A file whose size is no longer the indexed one gives EIO, and the Runtime logs why: the
 * pages that a guest has already seen would not fit the others.
 * @throws LayerError when `folder` is no folder
 */
export function directoryLayer(folder: string, options: DirectoryLayerOptions = {}): LayerSource {
  let info: Stats;
  try {
    info = statSync(folder);
  } catch (error) {
    throw new LayerError(`${folder}: ${reason(error)}`, { code: errorCode(error), cause: error });
  }
  if (!info.isDirectory()) throw new LayerError(`${folder}: not a directory`, { code: "ENOTDIR" });
  return new DirectoryLayer(folder, options);
}

class DirectoryLayer implements LayerSource {
  readonly name: string;
  readonly #root: string;
  readonly #owner: { uid: number; gid: number } | undefined;
  readonly #handles: HandleCache;
  /** Sizes as indexed, by path relative to the root. */
  readonly #sizes = new Map<string, number>();
  #special = 0;
  #unreadable = 0;
  #undecoded = 0;

  constructor(folder: string, options: DirectoryLayerOptions) {
    this.name = folder;
    this.#root = path.resolve(folder);
    this.#owner = options.owner;
    this.#handles = new HandleCache(options.openFiles);
  }

  async *entries(): AsyncGenerator<LayerEntry> {
    this.#special = 0;
    this.#unreadable = 0;
    this.#undecoded = 0;
    /** First names of files with several, by device and inode. */
    const linked = new Map<string, string>();
    const folders = [""];
    let sliceEnd = performance.now() + SLICE_MS;
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      // Synchronous calls: through Node's thread pool each would take ten times as long.
      for (const dirent of this.#list(folder)) {
        if (performance.now() > sliceEnd) {
          await new Promise(setImmediate);
          sliceEnd = performance.now() + SLICE_MS;
        }
        const relative = folder === "" ? dirent.name : `${folder}/${dirent.name}`;
        const entry = this.#entry(relative, dirent, linked);
        if (entry === undefined) continue;
        if (entry.kind === "directory") folders.push(relative);
        yield entry;
      }
    }
  }

  #list(folder: string): Dirent[] {
    try {
      const dirents = readdirSync(path.join(this.#root, folder), { withFileTypes: true });
      return dirents.sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (folder === "")
        throw new LayerError(`${this.name}: ${reason(error)}`, { code: errorCode(error), cause: error });
      // Gone since its parent was listed, or not ours to read: its entry stays, empty.
      if (errorCode(error) !== "ENOENT") this.#unreadable++;
      return [];
    }
  }

  #entry(relative: string, dirent: Dirent, linked: Map<string, string>): LayerEntry | undefined {
    const host = path.join(this.#root, relative);
    let info: Stats;
    let target = "";
    try {
      info = lstatSync(host);
      if (info.isSymbolicLink()) target = readlinkSync(host);
    } catch {
      // A name that did not survive decoding is not found; nor is a file deleted since.
      if (dirent.name.includes("\ufffd")) this.#undecoded++;
      return undefined;
    }
    const attributes = {
      path: relative,
      mode: info.mode & 0o7777,
      uid: this.#owner?.uid ?? info.uid,
      gid: this.#owner?.gid ?? info.gid,
      mtimeMs: info.mtimeMs,
    };
    if (info.isDirectory()) return { ...attributes, kind: "directory" };
    if (!info.isFile() && !info.isSymbolicLink()) {
      this.#special++;
      return undefined;
    }
    if (info.nlink > 1) {
      const key = `${info.dev}:${info.ino}`;
      const first = linked.get(key);
      if (first !== undefined) return { ...attributes, kind: "hardlink", target: first };
      linked.set(key, relative);
    }
    if (info.isSymbolicLink()) return { ...attributes, kind: "symlink", target };
    this.#sizes.set(relative, info.size);
    return { ...attributes, kind: "lazy", blob: relative, size: info.size };
  }

  async read(blob: string, position: number, length: number): Promise<Uint8Array> {
    try {
      return this.#handles.read(path.join(this.#root, blob), position, length, (info) => {
        const indexed = this.#sizes.get(blob);
        if (info.isFile() && info.size === indexed) return;
        throw new LayerError(`it had ${indexed} bytes when it was indexed and has ${info.size} now`, { code: "EIO" });
      });
    } catch (error) {
      const message = `${path.join(this.name, blob)}: ${error instanceof LayerError ? error.message : reason(error)}`;
      throw new LayerError(message, { code: "EIO", cause: error });
    }
  }

  notes(): string[] {
    const notes: string[] = [];
    const note = (count: number, what: string) => {
      if (count > 0) notes.push(`${this.name}: left out ${count} ${what}`);
    };
    note(this.#special, "sockets, FIFOs and devices");
    note(this.#unreadable, "folders whose contents cannot be read");
    note(this.#undecoded, "files whose names are not UTF-8");
    return notes;
  }

  close(): void {
    this.#handles.close();
  }
}
