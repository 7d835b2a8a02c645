/** One layer as a tree of nodes: the place where duplicates, links and parents are settled. */

import { type EntryAttributes, type LayerEntry, LayerError } from "./entry.ts";
import { layerPath, linkTarget, parentPath, quote } from "./path.ts";

/** A file, whatever names it has. */
export type LayerNode =
  | { kind: "file"; attributes: NodeAttributes; data: Uint8Array }
  | { kind: "lazy"; attributes: NodeAttributes; blob: string; position: number; size: number }
  | { kind: "directory" | "fifo"; attributes: NodeAttributes }
  | { kind: "symlink"; attributes: NodeAttributes; target: string };

export interface NodeAttributes {
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
}

/** What `LayerTree.walk` gives: parents first, hard links after the first name of their file. */
export type TreeEntry = { path: string; node: LayerNode } | { path: string; linkTo: string };

const encoder = new TextEncoder();

/** uid_t and gid_t. */
const ID_MAX = 0xffff_ffff;

export class LayerTree {
  readonly #name: string;
  readonly #now: number;
  readonly #nodes = new Map<string, LayerNode>();
  /** How many names each directory holds. */
  readonly #children = new Map<string, number>();

  /**
   * @param name the layer's, for messages
   * @param now milliseconds since 1970, for entries that have no time
   */
  constructor(name: string, now: number = Date.now()) {
    this.#name = name;
    this.#now = now;
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** The node at `path` as a layer path (see `layerPath`); links are not followed. */
  get(path: string): LayerNode | undefined {
    return this.#nodes.get(path);
  }

  /**
   * Adds one entry; of two with one path the later counts.
   * @throws LayerError when it cannot be: see `layerPath`, and: a hard link to
   *   nothing or to a directory, a file below something that is no directory,
   *   something else than a directory in the place of a directory with contents
   */
  add(entry: LayerEntry): void {
    try {
      this.#add(entry);
    } catch (error) {
      if (!(error instanceof LayerError)) throw error;
      throw new LayerError(`${this.#name}: ${error.message}`, { code: error.code });
    }
  }

  #add(entry: LayerEntry): void {
    const path = layerPath(entry.path);
    if (path === "") {
      if (entry.kind === "directory") return; // The root is there already.
      throw new LayerError("the root of a layer can only be a directory", { code: "EEXIST" });
    }
    const node = entry.kind === "hardlink" ? this.#linked(path, entry.target) : this.#node(path, entry);
    this.#makeParents(path);
    const before = this.#nodes.get(path);
    if (before === undefined) {
      const parent = parentPath(path);
      this.#children.set(parent, (this.#children.get(parent) ?? 0) + 1);
    } else if (before.kind === "directory" && node.kind !== "directory" && (this.#children.get(path) ?? 0) > 0) {
      throw new LayerError(`${quote(path)} is a directory with contents and then a ${node.kind}`, { code: "EISDIR" });
    } else if (before.kind !== "directory" || node.kind !== "directory") {
      // Its place in the order is the later one: a hard link must follow its file.
      this.#nodes.delete(path);
    }
    this.#nodes.set(path, node);
  }

  #node(path: string, entry: Exclude<LayerEntry, { kind: "hardlink" }>): LayerNode {
    switch (entry.kind) {
      case "directory":
        return { kind: "directory", attributes: this.#attributes(path, entry, 0o755) };
      case "fifo":
        return { kind: "fifo", attributes: this.#attributes(path, entry, 0o644) };
      case "symlink":
        return {
          kind: "symlink",
          attributes: this.#attributes(path, entry, 0o777),
          target: linkTarget(path, entry.target),
        };
      case "lazy": {
        const position = entry.position ?? 0;
        if (!Number.isSafeInteger(entry.size) || entry.size < 0 || !Number.isSafeInteger(position) || position < 0) {
          throw new LayerError(`${quote(path)}: ${entry.size} bytes at ${entry.position} is no place in a blob`);
        }
        const attributes = this.#attributes(path, entry, 0o644);
        if (!Number.isSafeInteger(position + entry.size)) {
          throw new LayerError(`${quote(path)}: a size of ${entry.size} bytes`, { code: "EFBIG" });
        }
        return { kind: "lazy", attributes, blob: entry.blob, position, size: entry.size };
      }
      case "file":
      case undefined: {
        const data = typeof entry.data === "string" ? encoder.encode(entry.data) : entry.data;
        if (!(data instanceof Uint8Array)) throw new LayerError(`${quote(path)}: a file without data`);
        return { kind: "file", attributes: this.#attributes(path, entry, 0o644), data };
      }
      default:
        throw new LayerError(`${quote(path)}: entries of kind ${quote(String((entry as { kind: unknown }).kind))}`);
    }
  }

  #linked(path: string, target: string): LayerNode {
    const resolved = layerPath(target);
    const node = this.#nodes.get(resolved);
    if (node === undefined) {
      throw new LayerError(`${quote(path)}: a hard link to ${quote(target)}, which is not there`, { code: "ENOENT" });
    }
    if (node.kind === "directory") {
      throw new LayerError(`${quote(path)}: a hard link to ${quote(target)}, a directory`, { code: "EPERM" });
    }
    return node;
  }

  #makeParents(path: string): void {
    const missing: string[] = [];
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
      const node = this.#nodes.get(parent);
      if (node?.kind === "directory") break;
      if (node !== undefined) {
        throw new LayerError(`${quote(path)} lies below ${quote(parent)}, a ${node.kind}`, { code: "ENOTDIR" });
      }
      missing.push(parent);
    }
    for (const parent of missing.reverse()) {
      const above = parentPath(parent);
      this.#children.set(above, (this.#children.get(above) ?? 0) + 1);
      this.#nodes.set(parent, {
        kind: "directory",
        attributes: { mode: 0o755, uid: 0, gid: 0, mtimeMs: this.#now },
      });
    }
  }

  #attributes(path: string, entry: EntryAttributes, mode: number): NodeAttributes {
    const attributes = {
      mode: entry.mode ?? mode,
      uid: entry.uid ?? 0,
      gid: entry.gid ?? 0,
      mtimeMs: entry.mtimeMs ?? this.#now,
    };
    if (!isId(attributes.mode, 0o7777)) {
      throw new LayerError(`${quote(path)}: mode ${attributes.mode} is not within 0 to 0o7777`);
    }
    if (!isId(attributes.uid, ID_MAX) || !isId(attributes.gid, ID_MAX)) {
      throw new LayerError(`${quote(path)}: owner ${attributes.uid}:${attributes.gid} is none`);
    }
    if (!Number.isFinite(attributes.mtimeMs)) {
      throw new LayerError(`${quote(path)}: modification time ${attributes.mtimeMs}`);
    }
    return attributes;
  }

  /** All entries, in the order in which a machine can take them. */
  *walk(): Generator<TreeEntry> {
    const firstNames = new Map<LayerNode, string>();
    for (const [path, node] of this.#nodes) {
      if (node.kind === "directory") {
        yield { path, node };
        continue;
      }
      const first = firstNames.get(node);
      if (first === undefined) {
        firstNames.set(node, path);
        yield { path, node };
      } else {
        yield { path, linkTo: first };
      }
    }
  }
}

function isId(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
