/**
 * The lazy files of one layer as one blob source of the Runtime.
 *
 * The Runtime knows a source as one run of bytes; a layer has many blobs. So each lazy
 * file gets a range of its own in a space that exists only here; a read is
 * handed on to the blob whose range it falls into.
 */

import type { BlobSource } from "@foreshore/runtime";
import { LayerError, type LayerSource } from "./entry.ts";

/** Ranges begin at whole pages, so that no read of a page touches two files. */
const PAGE = 4096;

export class LayerBlobs implements BlobSource {
  readonly name: string;
  readonly #source: LayerSource;
  /** Where each range begins: ascending. */
  readonly #bases: number[] = [];
  readonly #files: { blob: string; position: number; size: number }[] = [];
  #end = 0;

  constructor(source: LayerSource) {
    this.#source = source;
    this.name = source.name;
  }

  /**
   * Makes a range for `size` bytes at `position` of `blob`.
   * @returns where it begins
   * @throws LayerError when all files together are larger than any address (EFBIG)
   */
  allocate(blob: string, position: number, size: number): number {
    const base = this.#end;
    const end = base + Math.ceil(size / PAGE) * PAGE;
    if (!Number.isSafeInteger(end)) {
      throw new LayerError(`${this.name}: its files are absurdly large`, { code: "EFBIG" });
    }
    this.#bases.push(base);
    this.#files.push({ blob, position, size });
    this.#end = end;
    return base;
  }

  /** See BlobSource. A blob that ends before it should is an error, not an end. */
  async read(position: number, length: number, into: Uint8Array): Promise<number> {
    const index = this.#find(position);
    const file = this.#files[index];
    if (file === undefined) return 0;
    const offset = position - this.#bases[index]!;
    const wanted = Math.min(length, file.size - offset);
    if (wanted <= 0) return 0;
    if (this.#source.read === undefined) throw new LayerError("it has lazy files and no way to read them");
    const bytes = await this.#source.read(file.blob, file.position + offset, wanted);
    if (bytes.length < wanted) {
      throw new LayerError(`${file.blob} ends after ${offset + bytes.length} of ${file.size} bytes`, { code: "EIO" });
    }
    into.set(bytes.length > wanted ? bytes.subarray(0, wanted) : bytes);
    return wanted;
  }

  /** Index of the last range that begins at or before `position`; -1 when there is none. */
  #find(position: number): number {
    let low = 0;
    let high = this.#bases.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#bases[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  async close(): Promise<void> {
    await this.#source.close?.();
  }
}
