import { buildLayerManifest, DigestKind, ManifestKind } from "@foreshore/abi";
import { describe, expect, it } from "vitest";
import { type LayerEntry, LayerError, type LayerSource } from "./entry.ts";
import { layerManifest, manifestLayer } from "./manifest.ts";
import { LayerTree } from "./tree.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const ENTRIES: LayerEntry[] = [
  { path: "etc", kind: "directory", mode: 0o755, uid: 0, gid: 0, mtimeMs: 1500 },
  { path: "etc/motd", kind: "file", mode: 0o644, uid: 1, gid: 2, mtimeMs: 1.5, data: bytes("hällo\n") },
  { path: "bin/sh", kind: "lazy", mode: 0o755, uid: 0, gid: 0, mtimeMs: 0, blob: "sh", position: 512, size: 2 ** 40 },
  { path: "bin/ash", kind: "hardlink", mode: 0, uid: 0, gid: 0, mtimeMs: 0, target: "bin/sh" },
  { path: "link", kind: "symlink", mode: 0o777, uid: 0, gid: 0, mtimeMs: 0, target: "etc/motd" },
  { path: "pipe", kind: "fifo", mode: 0o600, uid: 0, gid: 0, mtimeMs: 0 },
  { path: "empty", kind: "file", mode: 0o644, uid: 0, gid: 0, mtimeMs: 0, data: new Uint8Array(0) },
];

async function all(source: LayerSource): Promise<LayerEntry[]> {
  const out: LayerEntry[] = [];
  for await (const entry of source.entries()) out.push(entry);
  return out;
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a layer manifest", () => {
  it("keeps every entry of a layer, its notes and its name", async () => {
    const source: LayerSource = { name: "mine", entries: () => ENTRIES, notes: () => ["two devices were left out"] };
    const layer = manifestLayer(await layerManifest(source));
    expect(layer.name).toBe("mine");
    expect(layer.notes?.()).toEqual(["two devices were left out"]);
    expect(await all(layer)).toEqual(ENTRIES);
    const tree = new LayerTree("mine");
    for (const entry of await all(layer)) tree.add(entry);
    expect(tree.get("bin/ash")).toMatchObject({ kind: "lazy", size: 2 ** 40 });
  });

  it("reads what it only names by its resolver, and closes that", async () => {
    let closed = 0;
    const layer = manifestLayer(await layerManifest({ name: "mine", entries: () => ENTRIES }), {
      read: async (blob, position, length) => bytes(`${blob} ${position} ${length}`),
      close: () => {
        closed++;
      },
    });
    expect(await layer.read?.("sh", 512, 7)).toEqual(bytes("sh 512 7"));
    await layer.close?.();
    expect(closed).toBe(1);
  });

  it("is refused when its bytes are damaged", async () => {
    const good = await layerManifest({ name: "mine", entries: () => ENTRIES });
    for (const damaged of [good.subarray(0, 100), new Uint8Array(64), bytes("not a manifest at all")])
      expect(() => manifestLayer(damaged)).toThrow(LayerError);
  });

  it.each([
    [
      "contents of another digest",
      { data: bytes("x"), size: 1, digestKind: DigestKind.Sha256, digest: new Uint8Array(32) },
    ],
    ["contents of another size", { data: bytes("x"), size: 2 }],
    ["a link to nothing", { kind: ManifestKind.Symlink }],
    ["a kind that is not known", { kind: 99 as ManifestKind }],
  ])("refuses %s", async (_, entry) => {
    const layer = manifestLayer(buildLayerManifest({ name: "mine", entries: [{ path: "a", ...entry }] }));
    expect(await failure(all(layer))).toBeInstanceOf(LayerError);
  });
});
