import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LayerTree } from "../layers/tree.ts";
import { directoryLayer } from "./directory.ts";
import { HandleCache } from "./handles.ts";
import { fileLayer, tarFile } from "./host-file.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "foreshore-layer-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function treeOf(layer: ReturnType<typeof directoryLayer>) {
  const tree = new LayerTree(layer.name);
  for await (const entry of layer.entries()) tree.add(entry);
  return tree;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("directoryLayer", () => {
  it("indexes files, folders and links, and reads contents on demand", async () => {
    mkdirSync(path.join(folder, "etc/deep"), { recursive: true });
    writeFileSync(path.join(folder, "etc/deep/motd"), "hello");
    chmodSync(path.join(folder, "etc/deep/motd"), 0o640);
    utimesSync(path.join(folder, "etc/deep/motd"), 1000, 1000.5);
    symlinkSync("/etc/passwd", path.join(folder, "outside"));
    symlinkSync("loop", path.join(folder, "loop"));
    linkSync(path.join(folder, "etc/deep/motd"), path.join(folder, "etc/second"));
    const layer = directoryLayer(folder, { owner: { uid: 0, gid: 0 } });
    const tree = await treeOf(layer);
    const listing = Object.fromEntries(
      [...tree.walk()].map((e) => [e.path, "linkTo" in e ? `link ${e.linkTo}` : e.node.kind]),
    );
    expect(listing).toEqual({
      etc: "directory",
      "etc/deep": "directory",
      "etc/second": "lazy",
      "etc/deep/motd": "link etc/second",
      outside: "symlink",
      loop: "symlink",
    });
    expect(tree.get("outside")).toMatchObject({ target: "/etc/passwd" });
    expect(tree.get("etc/second")).toMatchObject({
      size: 5,
      attributes: { mode: 0o640, uid: 0, gid: 0, mtimeMs: 1_000_500 },
    });
    expect(text(await layer.read!("etc/second", 1, 3))).toBe("ell");
    expect(layer.notes?.()).toEqual([]);
    await layer.close?.();
  });

  it("leaves out special files and names that are not UTF-8, and counts them", async () => {
    execFileSync("mkfifo", [path.join(folder, "fifo")]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/bad-`), Buffer.from([0xff])]), "x");
    writeFileSync(path.join(folder, "fine-\ufffd"), "x");
    const layer = directoryLayer(folder);
    const tree = await treeOf(layer);
    expect([...tree.walk()].map((e) => e.path)).toEqual(["fine-\ufffd"]);
    expect(layer.notes?.()).toEqual([
      `${folder}: left out 1 sockets, FIFOs and devices`,
      `${folder}: left out 1 files whose names are not UTF-8`,
    ]);
  });

  it("gives EIO and says why for a file that changed its size, or its kind", async () => {
    writeFileSync(path.join(folder, "grows"), "12345");
    writeFileSync(path.join(folder, "swapped"), "12345");
    const layer = directoryLayer(folder);
    await treeOf(layer);
    expect(text(await layer.read!("grows", 0, 5))).toBe("12345");
    appendFileSync(path.join(folder, "grows"), "6");
    await expect(layer.read!("grows", 0, 5)).rejects.toMatchObject({
      code: "EIO",
      message: `${folder}/grows: it had 5 bytes when it was indexed and has 6 now`,
    });
    rmSync(path.join(folder, "swapped"));
    symlinkSync("/etc/passwd", path.join(folder, "swapped"));
    await expect(layer.read!("swapped", 0, 5)).rejects.toMatchObject({
      code: "EIO",
      message: `${folder}/swapped: too many symbolic links`,
    });
    await layer.close?.();
  });

  it("reads many files through few descriptors", async () => {
    for (let i = 0; i < 50; i++) writeFileSync(path.join(folder, `f${i}`), `contents ${i}`);
    const handles = new HandleCache(4);
    for (let i = 0; i < 500; i++) {
      const data = handles.read(path.join(folder, `f${(i * 7) % 50}`), 0, 100, () => {});
      expect(text(data)).toBe(`contents ${(i * 7) % 50}`);
      expect(handles.size).toBeLessThanOrEqual(4);
    }
    expect(() => handles.read(path.join(folder, "none"), 0, 1, () => {})).toThrow("ENOENT");
    handles.close();
    expect(handles.size).toBe(0);
  });

  it("refuses what is no folder, in one sentence", () => {
    expect(() => directoryLayer(path.join(folder, "none"))).toThrow(`${folder}/none: no such file or directory`);
    writeFileSync(path.join(folder, "file"), "");
    expect(() => directoryLayer(path.join(folder, "file"))).toThrow(`${folder}/file: not a directory`);
  });
});

describe("tarFile", () => {
  it.each(["ustar", "gnu", "posix", "v7"])("reads what GNU tar writes as %s", async (format) => {
    const source = path.join(folder, "source");
    const long = format === "v7" ? "short" : `${"long-".repeat(15)}/${"name-".repeat(12)}`;
    mkdirSync(path.join(source, path.dirname(long)), { recursive: true });
    writeFileSync(path.join(source, long), "long name");
    writeFileSync(path.join(source, "zzz"), "x".repeat(100_000));
    linkSync(path.join(source, "zzz"), path.join(source, "zzz-link"));
    symlinkSync("zzz", path.join(source, "soft"));
    const file = path.join(folder, `${format}.tar`);
    execFileSync("tar", ["--format", format, "--sort=name", "-C", source, "-cf", file, "."]);
    const layer = tarFile(file);
    const tree = await treeOf(layer);
    const node = tree.get(long);
    expect(node).toMatchObject({ kind: "lazy", size: 9 });
    if (node?.kind !== "lazy") throw new Error("not a file");
    expect(text(await layer.read!(node.blob, node.position, node.size))).toBe("long name");
    expect(tree.get("zzz-link")).toBe(tree.get("zzz"));
    expect(tree.get("soft")).toMatchObject({ target: "zzz" });
    await layer.close?.();
  });

  it("refuses what is no regular file", () => {
    expect(() => tarFile(folder)).toThrow(`${folder}: not a regular file`);
    expect(() => tarFile(path.join(folder, "none"))).toThrow(`${folder}/none: no such file or directory`);
    execFileSync("mkfifo", [path.join(folder, "fifo")]);
    expect(() => tarFile(path.join(folder, "fifo"))).toThrow("not a regular file");
  });
});

describe("fileLayer", () => {
  it("gives one host file at a path of the caller's", async () => {
    writeFileSync(path.join(folder, "program"), "bytes", { mode: 0o755 });
    const layer = fileLayer(path.join(folder, "program"), "/opt/program");
    const tree = await treeOf(layer);
    expect(tree.get("opt/program")).toMatchObject({ size: 5, attributes: { mode: 0o755 } });
    expect(text(await layer.read!(path.join(folder, "program"), 0, 5))).toBe("bytes");
    await layer.close?.();
  });
});
