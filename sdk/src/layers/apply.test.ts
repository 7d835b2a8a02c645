import { MAX_FILE_MS } from "@foreshore/abi";
import type { BlobSource, Runtime, LayerEntry as RuntimeEntry } from "@foreshore/runtime";
import { describe, expect, it } from "vitest";
import { applyLayer } from "./apply.ts";
import type { LayerSource } from "./entry.ts";

/** What a Runtime was asked to do. */
function recorder() {
  const entries: RuntimeEntry[] = [];
  const sources: BlobSource[] = [];
  let prefix: unknown;
  const runtime = {
    addBlobSource: (source: BlobSource) => sources.push(source),
    fs: {
      applyFileLayer: async (given: Iterable<RuntimeEntry>, options: { prefix: string }) => {
        entries.push(...given);
        prefix = options.prefix;
      },
    },
  } as unknown as Runtime;
  return { runtime, entries, sources, prefix: () => prefix };
}

describe("applyLayer", () => {
  it("gives a resolver's entries to the Runtime, lazy ones with a place in the layer's source", async () => {
    const { runtime, entries, sources, prefix } = recorder();
    let closed = 0;
    const layer: LayerSource = {
      name: "mine",
      entries: () => [
        { path: "/srv/one", kind: "lazy", blob: "one", size: 3, mtimeMs: 1 },
        { path: "/srv/two", kind: "lazy", blob: "two", position: 1, size: 2, mtimeMs: 2, mode: 0o755 },
        { path: "/srv/none", kind: "lazy", blob: "none", size: 0, mtimeMs: -5 },
        { path: "/srv/again", kind: "hardlink", target: "/srv/one" },
        { path: "/srv/link", kind: "symlink", target: "one", mtimeMs: 0 },
        { path: "/pipe", kind: "fifo", mtimeMs: 1e15 },
      ],
      read: async (blob, position, length) =>
        new TextEncoder().encode(`<${blob}>`).subarray(position, position + length),
      close: () => {
        closed++;
      },
    };
    await applyLayer(runtime, layer, { prefix: "/opt" });
    expect(prefix()).toBe("/opt");
    const root = { uid: 0, gid: 0 };
    expect(entries.slice(1)).toEqual([
      { ...root, kind: "lazy", path: "srv/one", mode: 0o644, mtimeMs: 1, source: 1, position: 0, size: 3 },
      { ...root, kind: "lazy", path: "srv/two", mode: 0o755, mtimeMs: 2, source: 1, position: 4096, size: 2 },
      { ...root, kind: "file", path: "srv/none", mode: 0o644, mtimeMs: 0, data: new Uint8Array(0) },
      { kind: "hardlink", path: "srv/again", target: "srv/one" },
      { ...root, kind: "symlink", path: "srv/link", mode: 0o777, mtimeMs: 0, target: "one" },
      { ...root, kind: "fifo", path: "pipe", mode: 0o644, mtimeMs: MAX_FILE_MS },
    ]);
    expect(entries[0]).toMatchObject({ kind: "directory", path: "srv", mode: 0o755 });
    const into = new Uint8Array(2);
    const signal = new AbortController().signal;
    expect(await sources[0]!.read(4096, 2, into, signal)).toBe(2);
    expect(new TextDecoder().decode(into)).toBe("tw");
    await sources[0]!.close?.();
    expect(closed).toBe(1);
  });

  it("leaves the machine alone when the layer cannot be", async () => {
    const { runtime, entries } = recorder();
    const layer: LayerSource = { name: "bad", entries: () => [{ path: "../x", data: "" }] };
    await expect(applyLayer(runtime, layer)).rejects.toThrow('bad: "../x": ".." would lead out of the layer');
    expect(entries).toEqual([]);
  });
});
