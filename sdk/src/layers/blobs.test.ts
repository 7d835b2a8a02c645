import { describe, expect, it } from "vitest";
import { LayerBlobs } from "./blobs.ts";
import type { LayerSource } from "./entry.ts";

/** Blobs whose byte at `position` tells the blob and the position. */
function source(calls: string[] = []): LayerSource {
  return {
    name: "layer",
    entries: () => [],
    read: async (blob, position, length) => {
      calls.push(`${blob} ${position} ${length}`);
      return Uint8Array.from({ length }, (_, i) => blob.charCodeAt(0) + position + i);
    },
  };
}

async function read(blobs: LayerBlobs, position: number, length: number) {
  const into = new Uint8Array(length);
  const count = await blobs.read(position, length, into);
  return [...into.subarray(0, count)];
}

describe("LayerBlobs", () => {
  it("finds the file that a position belongs to", async () => {
    const calls: string[] = [];
    const blobs = new LayerBlobs(source(calls));
    const a = blobs.allocate("a", 100, 5);
    const b = blobs.allocate("b", 0, 4096);
    const c = blobs.allocate("c", 7, 4097);
    expect([a, b, c].map((base) => base % 4096)).toEqual([0, 0, 0]);
    expect(await read(blobs, a, 5)).toEqual([197, 198, 199, 200, 201]);
    expect(await read(blobs, b + 2, 2)).toEqual([100, 101]);
    expect(await read(blobs, c + 4096, 1)).toEqual([(99 + 7 + 4096) & 0xff]);
    expect(calls).toEqual(["a 100 5", "b 2 2", "c 4103 1"]);
  });

  it("ends each file where it ends, though a page goes on", async () => {
    const blobs = new LayerBlobs(source());
    const a = blobs.allocate("a", 0, 5);
    blobs.allocate("b", 0, 5);
    expect(await read(blobs, a, 4096)).toHaveLength(5);
    expect(await read(blobs, a + 5, 4091)).toEqual([]);
    expect(await read(new LayerBlobs(source()), 0, 10)).toEqual([]);
  });

  it("takes a blob that is shorter than its file for a failure", async () => {
    const blobs = new LayerBlobs({ name: "layer", entries: () => [], read: async () => new Uint8Array(3) });
    blobs.allocate("a", 0, 5);
    await expect(read(blobs, 0, 5)).rejects.toThrow("a ends after 3 of 5 bytes");
    const none = new LayerBlobs({ name: "layer", entries: () => [] });
    none.allocate("a", 0, 5);
    await expect(read(none, 0, 5)).rejects.toThrow("no way to read them");
  });

  it("refuses files that are larger than any address", () => {
    const blobs = new LayerBlobs(source());
    blobs.allocate("a", 0, 2 ** 52);
    expect(() => blobs.allocate("b", 0, 2 ** 52)).toThrow("absurdly large");
  });
});
