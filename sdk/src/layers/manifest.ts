/** A layer as one buffer: the ABI's LayerManifest, which a resolver returns instead of objects. */
import {
  buildLayerManifest,
  DigestKind,
  type LayerManifestData,
  type ManifestEntryData,
  ManifestKind,
  readLayerManifest,
  TableError,
} from "@foreshore/abi";
import { type LayerEntry, LayerError, type LayerSource } from "./entry.ts";

const NS_PER_MS = 1e6;
const encoder = new TextEncoder();

/** How the contents that a manifest only names are read, and what is to be closed. */
export type ManifestBlobs = Pick<LayerSource, "read" | "close">;

/**
 * The layer that a manifest describes. Contents that it carries are compared with their digest when it has one; of
 * those that it only names the digest is the business of `blobs.read`.
 * @throws LayerError for bytes that are no sound manifest
 */
export function manifestLayer(bytes: Uint8Array, blobs: ManifestBlobs = {}): LayerSource {
  let manifest: LayerManifestData;
  try {
    manifest = readLayerManifest(bytes);
  } catch (error) {
    if (!(error instanceof TableError)) throw error;
    throw new LayerError(`no layer manifest: ${error.message}`, { cause: error });
  }
  const { name, notes } = manifest;
  const { read, close } = blobs;
  return {
    name,
    async *entries() {
      for (const entry of manifest.entries) yield await layerEntry(name, entry);
    },
    notes: () => [...(notes ?? [])],
    ...(read === undefined ? {} : { read: read.bind(blobs) }),
    ...(close === undefined ? {} : { close: close.bind(blobs) }),
  };
}

async function layerEntry(layer: string, entry: ManifestEntryData): Promise<LayerEntry> {
  const { path, target, source } = entry;
  const attributes = {
    path,
    mode: entry.mode ?? 0,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    mtimeMs: Number(entry.mtimeNs ?? 0n) / NS_PER_MS,
  };
  const refuse = (what: string): never => {
    throw new LayerError(`${layer}: ${JSON.stringify(path)}: ${what}`);
  };
  switch (entry.kind ?? ManifestKind.File) {
    case ManifestKind.Directory:
      return { ...attributes, kind: "directory" };
    case ManifestKind.Fifo:
      return { ...attributes, kind: "fifo" };
    case ManifestKind.Symlink:
      return { ...attributes, kind: "symlink", target: target ?? refuse("a symbolic link to nothing") };
    case ManifestKind.HardLink:
      return { ...attributes, kind: "hardlink", target: target ?? refuse("a hard link to nothing") };
    case ManifestKind.File: {
      const size = entry.size ?? 0;
      if (source !== undefined)
        return { ...attributes, kind: "lazy", blob: source, position: entry.position ?? 0, size };
      const data = entry.data ?? new Uint8Array(0);
      if (data.length !== size) refuse(`${data.length} bytes, but a size of ${size}`);
      if (entry.digestKind === DigestKind.Sha256 && !sameBytes(await sha256(data), entry.digest ?? new Uint8Array(0)))
        refuse("its contents do not have the digest that the manifest names");
      return { ...attributes, kind: "file", data };
    }
    default:
      return refuse(`an entry of kind ${entry.kind}`);
  }
}

/**
 * The manifest of a layer, with the contents of those files that are in memory, and their digests. Entries without a
 * time get that of the call.
 */
export async function layerManifest(source: LayerSource): Promise<Uint8Array> {
  const entries: ManifestEntryData[] = [];
  const now = Date.now();
  for await (const entry of source.entries()) entries.push(await manifestEntry(entry, now));
  return buildLayerManifest({ name: source.name, entries, notes: source.notes?.() ?? [] });
}

const MODES = { file: 0o644, lazy: 0o644, directory: 0o755, symlink: 0o777, hardlink: 0, fifo: 0o644 } as const;

async function manifestEntry(entry: LayerEntry, now: number): Promise<ManifestEntryData> {
  const kind = entry.kind ?? "file";
  const common = {
    path: entry.path,
    mode: entry.mode ?? MODES[kind],
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    // The machine counts from 1970 on.
    mtimeNs: BigInt(Math.round(Math.max(0, entry.mtimeMs ?? now) * 1000)) * 1000n,
  };
  switch (entry.kind) {
    case "directory":
      return { ...common, kind: ManifestKind.Directory };
    case "fifo":
      return { ...common, kind: ManifestKind.Fifo };
    case "symlink":
      return { ...common, kind: ManifestKind.Symlink, target: entry.target };
    case "hardlink":
      return { ...common, kind: ManifestKind.HardLink, target: entry.target };
    case "lazy":
      return { ...common, source: entry.blob, position: entry.position ?? 0, size: entry.size };
    default: {
      const data = typeof entry.data === "string" ? encoder.encode(entry.data) : entry.data;
      return { ...common, data, size: data.length, digestKind: DigestKind.Sha256, digest: await sha256(data) };
    }
  }
}

async function sha256(data: Uint8Array): Promise<Uint8Array> {
  // A copy: WebCrypto takes no shared memory.
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(data)));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
