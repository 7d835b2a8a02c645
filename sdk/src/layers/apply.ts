/** A LayerSource into a machine: settled as a tree, then handed to the Runtime at once. */

import { MAX_FILE_MS } from "@foreshore/abi";
import { type Runtime, type LayerEntry as RuntimeEntry, SystemError } from "@foreshore/runtime";
import { LayerBlobs } from "./blobs.ts";
import { LayerError, type LayerSource } from "./entry.ts";
import { LayerTree, type TreeEntry } from "./tree.ts";

export interface ApplyLayerOptions {
  /** Directory of the machine that the layer's root becomes; made when it is missing. Default `/`. */
  prefix?: string | undefined;
}

/** What a machine says when its tables or its memory are full. */
const FULL: ReadonlySet<string> = new Set(["ENOSPC", "ENFILE", "ENOMEM"]);

/**
 * Applies a layer: all of it, or nothing when this throws. The source is closed
 * with the machine, at once when its entries make no layer.
 * @throws LayerError for a layer that cannot be; SystemError of the machine (ENOSPC, ENOTDIR…)
 */
export async function applyLayer(
  runtime: Runtime,
  source: LayerSource,
  options: ApplyLayerOptions = {},
): Promise<LayerTree> {
  const tree = await treeOf(source);
  const blobs = new LayerBlobs(source);
  // Added in any case: it also closes the source.
  const id = runtime.addBlobSource(blobs);
  try {
    await runtime.fs.applyFileLayer(runtimeEntries(tree.walk(), blobs, id), { prefix: options.prefix ?? "/" });
  } catch (error) {
    if (!(error instanceof SystemError) || !FULL.has(error.code)) throw error;
    const message = `${source.name}: its ${tree.size} files do not fit into the machine`;
    throw new LayerError(message, { code: error.code, cause: error });
  }
  return tree;
}

/** All entries of a source, which is closed when they make no tree. */
async function treeOf(source: LayerSource): Promise<LayerTree> {
  const tree = new LayerTree(source.name);
  try {
    for await (const entry of source.entries()) tree.add(entry);
    return tree;
  } catch (error) {
    await Promise.allSettled([source.close?.()]);
    throw error;
  }
}

/** @param id the Runtime's number of `blobs` */
export function* runtimeEntries(entries: Iterable<TreeEntry>, blobs: LayerBlobs, id: number): Generator<RuntimeEntry> {
  for (const entry of entries) {
    if ("linkTo" in entry) {
      yield { kind: "hardlink", path: entry.path, target: entry.linkTo };
      continue;
    }
    const { path, node } = entry;
    // The machine counts from 1970 on, to 2262.
    const mtimeMs = Math.min(Math.max(0, node.attributes.mtimeMs), MAX_FILE_MS);
    const attributes = { ...node.attributes, mtimeMs, path };
    switch (node.kind) {
      case "file":
        yield { ...attributes, kind: "file", data: node.data };
        break;
      case "lazy":
        if (node.size === 0) {
          yield { ...attributes, kind: "file", data: new Uint8Array(0) };
        } else {
          const position = blobs.allocate(node.blob, node.position, node.size);
          yield { ...attributes, kind: "lazy", source: id, position, size: node.size };
        }
        break;
      case "symlink":
        yield { ...attributes, kind: "symlink", target: node.target };
        break;
      case "directory":
      case "fifo":
        yield { ...attributes, kind: node.kind };
        break;
    }
  }
}
