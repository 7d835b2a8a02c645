import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LayerError } from "../layers/entry.ts";
import { LayerTree } from "../layers/tree.ts";
import { archive, type Member, pax } from "../testing/tar-writer.ts";
import { tarLayer } from "./layer.ts";

/** The tree of an archive, with the contents of its files. */
async function tree(bytes: Uint8Array) {
  const layer = tarLayer(bytes, { name: "a.tar" });
  const result = new LayerTree(layer.name, 0);
  for await (const entry of layer.entries()) result.add(entry);
  const listing: Record<string, string> = {};
  for (const entry of result.walk()) {
    if ("linkTo" in entry) listing[entry.path] = `link ${entry.linkTo}`;
    else if (entry.node.kind === "lazy") {
      const { blob, position, size } = entry.node;
      const data = await layer.read!(blob, position, size);
      expect(data.length).toBe(size);
      listing[entry.path] = `file ${new TextDecoder().decode(data)}`;
    } else if (entry.node.kind === "symlink") listing[entry.path] = `symlink ${entry.node.target}`;
    else listing[entry.path] = entry.node.kind;
  }
  return { listing, result, notes: layer.notes?.() };
}

function refusal(members: readonly Member[], options?: { end?: boolean }) {
  return expect(tree(archive(members, options))).rejects;
}

const LONG = `${"d".repeat(120)}/${"e".repeat(200)}/file`;

describe("tar archives", () => {
  it("gives files, directories and links with their attributes", async () => {
    const { listing, result } = await tree(
      archive([
        { path: "./", type: "5" },
        { path: "./bin/", type: "5", mode: 0o755 },
        { path: "./bin/sh", data: "x".repeat(1000), mode: 0o4755, uid: 7, gid: 8, mtime: 1_000_000_000 },
        { path: "./bin/ash", type: "1", linkPath: "./bin/sh" },
        { path: "./sbin", type: "2", linkPath: "bin" },
        { path: "/etc/passwd", data: "root" },
        { path: "empty", data: "" },
      ]),
    );
    expect(listing).toEqual({
      bin: "directory",
      "bin/sh": `file ${"x".repeat(1000)}`,
      "bin/ash": "link bin/sh",
      sbin: "symlink bin",
      etc: "directory",
      "etc/passwd": "file root",
      empty: "file ",
    });
    expect(result.get("bin/sh")?.attributes).toEqual({ mode: 0o4755, uid: 7, gid: 8, mtimeMs: 1e12 });
  });

  it("reads V7, a ustar prefix, GNU long names and pax records", async () => {
    const { listing, result } = await tree(
      archive([
        { path: "old/", type: "\0", magic: "" },
        { path: "old/file", type: "\0", magic: "", data: "v7" },
        { path: "file", prefix: "a/b", data: "prefix" },
        { path: "././@LongLink", type: "L", magic: "ustar ", data: `${LONG}\0` },
        { path: LONG.slice(0, 100), magic: "ustar ", data: "gnu" },
        { path: "././@LongLink", type: "K", magic: "ustar ", data: `${"t".repeat(300)}\0` },
        { path: "long-link", type: "2", magic: "ustar ", linkPath: "t" },
        { type: "g", data: pax({ mtime: "12", comment: "for all" }) },
        { type: "x", data: pax({ path: "päx/ü", mtime: "1.25", uid: "3000000", size: "3" }) },
        { path: "short", data: "pax", size: 3 },
        { path: "after", data: "global time" },
      ]),
    );
    expect(listing["old"]).toBe("directory");
    expect(listing["old/file"]).toBe("file v7");
    expect(listing["a/b/file"]).toBe("file prefix");
    expect(listing[LONG]).toBe("file gnu");
    expect(listing["long-link"]).toBe(`symlink ${"t".repeat(300)}`);
    expect(listing["päx/ü"]).toBe("file pax");
    expect(result.get("päx/ü")?.attributes).toMatchObject({ mtimeMs: 1250, uid: 3_000_000 });
    expect(result.get("after")?.attributes.mtimeMs).toBe(12_000);
  });

  it("reads a size in base 256 and a pax size that differs from the header's", async () => {
    const size = new Uint8Array(12);
    size[0] = 0x80;
    size[11] = 5;
    const { listing } = await tree(
      archive([
        { path: "big", data: "12345", patch: [124, size] },
        { type: "x", data: pax({ size: "4" }) },
        { path: "paxed", data: "1234", size: 0 },
      ]),
    );
    expect(listing).toEqual({ big: "file 12345", paxed: "file 1234" });
  });

  it("lets the later of two entries count, and keeps the links of the earlier", async () => {
    const { listing } = await tree(
      archive([
        { path: "a", data: "one" },
        { path: "b", type: "1", linkPath: "a" },
        { path: "a", data: "two" },
        { path: "d", type: "5" },
        { path: "d", data: "no longer a directory" },
      ]),
    );
    expect(listing).toEqual({ a: "file two", b: "file one", d: "file no longer a directory" });
  });

  it("leaves out devices and unknown members, and counts them", async () => {
    const { listing, notes } = await tree(
      archive([
        { path: "dev/null", type: "3" },
        { path: "fifo", type: "6" },
        { path: "odd", type: "Z", data: "contents are skipped" },
        { path: "label", type: "V" },
        { path: "kept", data: "x" },
      ]),
    );
    expect(listing).toEqual({ fifo: "fifo", kept: "file x" });
    expect(notes).toEqual(["a.tar: left out 1 devices", "a.tar: left out 1 members of a type that is not known"]);
  });

  it("takes an archive without its end, an empty one, and stops at the end mark", async () => {
    expect((await tree(archive([{ path: "a", data: "x" }], { end: false }))).listing).toEqual({ a: "file x" });
    expect((await tree(new Uint8Array(0))).listing).toEqual({});
    expect((await tree(archive([]))).listing).toEqual({});
    const after = new Uint8Array([...archive([{ path: "a", data: "x" }]), ...new Uint8Array(512).fill(255)]);
    expect((await tree(after)).listing).toEqual({ a: "file x" });
  });

  it("refuses paths that lead out, and links to nothing", async () => {
    await refusal([{ path: "../etc/passwd", data: "x" }]).toThrow('a.tar: "../etc/passwd": ".." would lead out');
    await refusal([{ path: "a/../../b", data: "x" }]).toThrow("would lead out of the layer");
    await refusal([{ path: "a", type: "1", linkPath: "nothing" }]).toThrow(
      '"a": a hard link to "nothing", which is not',
    );
    await refusal([{ path: "a", type: "1", linkPath: "a" }]).toThrow("which is not there");
    await refusal([{ path: "a", type: "1", linkPath: "../b" }]).toThrow("would lead out");
    await refusal([
      { path: "a", type: "1", linkPath: "b" },
      { path: "b", type: "1", linkPath: "a" },
    ]).toThrow("which is not there");
    await refusal([
      { path: "d", type: "5" },
      { path: "a", type: "1", linkPath: "d" },
    ]).toThrow('a hard link to "d", a directory');
    await refusal([{ path: "a", type: "2", linkPath: "" }]).toThrow("a symbolic link to nothing");
  });

  it("refuses files below links and files, and a file in the place of a full directory", async () => {
    await refusal([
      { path: "s", type: "2", linkPath: "/etc" },
      { path: "s/passwd", data: "x" },
    ]).toThrow('"s/passwd" lies below "s", a symlink');
    await refusal([
      { path: "f", data: "x" },
      { path: "f/g", data: "x" },
    ]).toThrow('"f/g" lies below "f", a lazy');
    await refusal([
      { path: "d/f", data: "x" },
      { path: "d", data: "x" },
    ]).toThrow('"d" is a directory with contents and then a lazy');
  });

  it("refuses what is cut off, broken or absurdly large, with the place", async () => {
    await refusal([{ path: "a", size: 10_000, data: "x" }]).toThrow('"a" has 10000 bytes, and the archive ends after');
    await refusal([{ path: "a", patch: [124, new Uint8Array(12).fill(0x7f)] }]).toThrow("is no octal number");
    const huge = new Uint8Array(12).fill(0xff);
    huge[0] = 0x80;
    await refusal([{ path: "a", patch: [124, huge] }]).toThrow("size is absurdly large");
    await refusal([{ path: "a", patch: [124, new Uint8Array(12).fill(0xff)] }]).toThrow('"a" has -1 bytes');
    await expect(tree(archive([{ path: "a" }, { path: "b" }]).subarray(0, 700))).rejects.toThrow(
      "cut off at offset 512",
    );
    await refusal([{ path: "a" }, { path: "b", badChecksum: true }]).toThrow("a wrong checksum at offset 512");
    await refusal([{ type: "x", size: 2 ** 30 }]).toThrow("an extended header of 1073741824 bytes");
    await refusal([{ type: "x", data: "99 path=a\n" }, { path: "a" }]).toThrow("a pax extended header that is broken");
    await refusal([{ type: "x", data: pax({ size: "-5" }) }, { path: "a" }]).toThrow('the size "-5"');
    await refusal([{ type: "x", data: pax({ size: "99999999999999999" }) }, { path: "a" }]).toThrow("the size");
    await refusal([{ type: "x", data: pax({ path: "a" }) }]).toThrow("ends after an extended header");
    await refusal([{ type: "x", data: pax({ path: "n".repeat(256) }) }, { path: "a" }]).toThrow(
      "a name of more than 255",
    );
    await refusal([{ type: "x", data: pax({ path: `${"n/".repeat(2100)}n` }) }, { path: "a" }]).toThrow("4095 bytes");
    await expect(tree(new Uint8Array(100).fill(1))).rejects.toThrow("a.tar: it is not a tar archive");
    await expect(tree(new Uint8Array(512).fill(1))).rejects.toThrow("a.tar: it is not a tar archive");
  });

  it("refuses sparse and multi-volume members", async () => {
    await refusal([{ path: "a", type: "S", magic: "ustar " }]).toThrow("sparse");
    await refusal([{ type: "x", data: pax({ "GNU.sparse.major": "1" }) }, { path: "a" }]).toThrow("sparse");
    await refusal([{ path: "a", type: "M", magic: "ustar " }]).toThrow("another volume");
  });

  it("says of a compressed archive how to unpack it", async () => {
    for (const [magic, name] of [
      [[0x1f, 0x8b, 8, 0], "gzip; unpack it first (gunzip)"],
      [[0x28, 0xb5, 0x2f, 0xfd], "zstd"],
      [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "xz"],
      [[0x42, 0x5a, 0x68, 0x39], "bzip2"],
    ] as const) {
      await expect(tree(new Uint8Array([...magic, ...new Uint8Array(1000)]))).rejects.toThrow(
        `compressed with ${name}`,
      );
    }
  });

  it("finds members without reading contents", async () => {
    const bytes = archive([
      { path: "large", data: new Uint8Array(8 << 20) },
      { path: "small", data: "x" },
    ]);
    let read = 0;
    const layer = tarLayer({
      name: "counted",
      size: bytes.length,
      read: async (position, length) => {
        read += length;
        return bytes.subarray(position, position + length);
      },
    });
    const paths: string[] = [];
    for await (const entry of layer.entries()) paths.push(entry.path);
    expect(paths).toEqual(["large", "small"]);
    expect(read).toBeLessThan(256 * 1024);
  });
});

describe("tar archives that nobody made on purpose", () => {
  const words = fc.constantFrom("a", "b", "a/b", "..", "/", "a/", "./a", "", "c/d/e", "a\0b", "x".repeat(100));
  const anyMember: fc.Arbitrary<Member> = fc.record({
    path: words,
    type: fc.constantFrom("0", "1", "2", "5", "L", "K", "x", "g", "3", "S", "\0", "é"),
    linkPath: words,
    data: fc.oneof(
      fc.string({ maxLength: 700 }),
      fc.dictionary(fc.constantFrom("path", "size", "linkpath", "mtime", "uid"), fc.string({ maxLength: 8 })).map(pax),
      fc.uint8Array({ maxLength: 600 }),
    ),
  });

  it("are read or refused with a LayerError, never anything else", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyMember, { maxLength: 8 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        async (members, changes, cut) => {
          let bytes = archive(members);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          if (cut % 3 === 0) bytes = bytes.subarray(0, cut % (bytes.length + 1));
          try {
            const { result } = await tree(bytes);
            for (const { path } of result.walk()) {
              expect(path).not.toMatch(/(^|\/)\.{0,2}(\/|$)/);
              expect(path).not.toContain("\0");
            }
          } catch (error) {
            if (!(error instanceof LayerError)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("come back whole when every path is fine", async () => {
    const name = fc.stringMatching(/^[a-zé]{1,40}$/);
    const file = fc.record({
      path: fc.array(name, { minLength: 3, maxLength: 5 }),
      data: fc.string({ maxLength: 2000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(file, { selector: (f) => f.path.slice(0, 3).join("/"), maxLength: 10 }),
        async (files) => {
          const members = files.flatMap(({ path, data }): Member[] => {
            const whole = path.join("/");
            const short = whole.slice(0, 30);
            return [
              { type: "x", data: pax({ path: whole }) },
              { path: short, data },
            ];
          });
          const { listing } = await tree(archive(members));
          for (const { path, data } of files) expect(listing[path.join("/")]).toBe(`file ${data}`);
        },
      ),
      { numRuns: 100 },
    );
  });
});
