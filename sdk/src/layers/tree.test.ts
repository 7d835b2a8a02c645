import { describe, expect, it } from "vitest";
import type { LayerEntry } from "./entry.ts";
import { layerPath } from "./path.ts";
import { LayerTree } from "./tree.ts";

describe("layerPath", () => {
  it("drops what says nothing and refuses what leads out", () => {
    expect(layerPath("/a//b/./c/")).toBe("a/b/c");
    expect(layerPath("./")).toBe("");
    expect(layerPath("/")).toBe("");
    expect(layerPath("...")).toBe("...");
    for (const path of ["..", "a/..", "../a", "/a/../b"]) expect(() => layerPath(path)).toThrow('".."');
    expect(() => layerPath("a\0b")).toThrow("NUL");
  });

  it("counts bytes of UTF-8, as Linux does", () => {
    expect(layerPath("é".repeat(127))).toHaveLength(127);
    expect(() => layerPath("é".repeat(128))).toThrow("255 bytes");
    expect(layerPath(`${"a/".repeat(2046)}aa`)).toHaveLength(4094);
    expect(() => layerPath(`${"a/".repeat(2046)}aaa`)).toThrow("4095 bytes");
  });
});

describe("LayerTree", () => {
  it("has defaults for all that an entry leaves out", () => {
    const tree = new LayerTree("layer", 5000);
    tree.add({ path: "/etc/motd", data: "héllo" });
    tree.add({ path: "link", kind: "symlink", target: "../anywhere" });
    expect([...tree.walk()]).toEqual([
      { path: "etc", node: { kind: "directory", attributes: { mode: 0o755, uid: 0, gid: 0, mtimeMs: 5000 } } },
      {
        path: "etc/motd",
        node: {
          kind: "file",
          attributes: { mode: 0o644, uid: 0, gid: 0, mtimeMs: 5000 },
          data: new TextEncoder().encode("héllo"),
        },
      },
      {
        path: "link",
        node: { kind: "symlink", attributes: { mode: 0o777, uid: 0, gid: 0, mtimeMs: 5000 }, target: "../anywhere" },
      },
    ]);
  });

  it("takes a directory's attributes from the entry that comes after its contents", () => {
    const tree = new LayerTree("layer");
    tree.add({ path: "tmp/a", data: "" });
    tree.add({ path: "tmp", kind: "directory", mode: 0o1777 });
    expect(tree.get("tmp")?.attributes.mode).toBe(0o1777);
    expect([...tree.walk()].map((entry) => entry.path)).toEqual(["tmp", "tmp/a"]);
  });

  it("refuses attributes that no file can have", () => {
    const bad: [LayerEntry, string][] = [
      [{ path: "a", data: "", mode: 0o10000 }, "mode"],
      [{ path: "a", data: "", mode: -1 }, "mode"],
      [{ path: "a", data: "", uid: 2 ** 32 }, "owner"],
      [{ path: "a", data: "", gid: 1.5 }, "owner"],
      [{ path: "a", data: "", mtimeMs: Number.NaN }, "modification time"],
      [{ path: "a", kind: "lazy", blob: "b", size: -1 }, "no place in a blob"],
      [{ path: "a", kind: "lazy", blob: "b", size: 2 ** 53 }, "no place in a blob"],
      [{ path: "a", kind: "lazy", blob: "b", position: 2 ** 53 - 1, size: 2 }, "a size of"],
      [{ path: "/", data: "" }, "the root of a layer"],
      [{ path: "a" } as unknown as LayerEntry, "a file without data"],
      [{ path: "a", kind: "door" } as unknown as LayerEntry, '"door"'],
    ];
    for (const [entry, message] of bad) expect(() => new LayerTree("layer").add(entry)).toThrow(message);
  });
});
