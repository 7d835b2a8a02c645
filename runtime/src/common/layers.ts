/** Many files at once: entries grouped into requests that fit the arena. */
import {
  type CallOptions,
  fileRecords,
  type LayerEntry,
  LayerMore,
  type PackedEntry,
  type PathLike,
  packEntry,
  pathText,
  type RpcClient,
} from "@foreshore/abi";
import { type BlobSources, bytesSource } from "./blobs.ts";

export type LayerEntries = Iterable<LayerEntry> | AsyncIterable<LayerEntry>;

export interface LayerOptions extends CallOptions {
  /** Directory that the entries' paths start from. Default `/`. */
  readonly prefix?: PathLike | undefined;
}

/** Entries of one request. */
const BATCH_ENTRIES = 1024;

export class LayerWriter {
  readonly #client: RpcClient;
  readonly #blobs: BlobSources;
  /** Layers of one client are applied one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: RpcClient, blobs: BlobSources) {
    this.#client = client;
    this.#blobs = blobs;
  }

  async writeFiles(entries: LayerEntries, options: CallOptions): Promise<number> {
    let count = 0;
    for await (const batch of this.#batches(entries, [])) {
      if (batch.entries.length > 0) count += await this.#sendBatch(batch.entries, options);
    }
    return count;
  }

  async apply(entries: LayerEntries, options: LayerOptions): Promise<void> {
    const before = this.#last;
    const turn = (async () => {
      await before.catch(() => undefined);
      await this.#applyNow(entries, options);
    })();
    this.#last = turn;
    await turn;
  }

  async #applyNow(entries: LayerEntries, options: LayerOptions): Promise<void> {
    const prefix = options.prefix ?? "/";
    let staged = false;
    const kept: number[] = [];
    try {
      for await (const batch of this.#batches(entries, kept)) {
        await this.#sendLayer(batch.entries, prefix, batch.last ? LayerMore.Last : LayerMore.Follow, options);
        staged = true;
      }
    } catch (error) {
      // The kernel forgets a layer that it refuses by itself; one whose entries ended early is forgotten by a request.
      if (staged) await this.#sendLayer([], prefix, LayerMore.Forget, {}).catch(() => undefined);
      for (const id of kept) this.#blobs.remove(id);
      throw error;
    }
  }

  /**
   * Groups entries so that each group fits the arena; the last group says so and may be empty.
   * @param kept gets the ids of sources that were made for large contents
   */
  async *#batches(entries: LayerEntries, kept: number[]): AsyncGenerator<{ entries: PackedEntry[]; last: boolean }> {
    const limit = this.#client.chunkBytes;
    let batch: PackedEntry[] = [];
    let bytes = 0;
    for await (const entry of entries) {
      const packed = this.#fitting(entry, limit, kept);
      if (batch.length > 0 && (bytes + packed.bytes > limit || batch.length === BATCH_ENTRIES)) {
        yield { entries: batch, last: false };
        batch = [];
        bytes = 0;
      }
      batch.push(packed);
      bytes += packed.bytes;
    }
    yield { entries: batch, last: true };
  }

  /** Contents too large for the arena stay here and are fetched when they are touched. */
  #fitting(entry: LayerEntry, limit: number, kept: number[]): PackedEntry {
    const packed = packEntry(entry);
    if (packed.bytes <= limit || (entry.kind !== undefined && entry.kind !== "file")) return packed;
    // A copy: the caller may change its array after the call.
    const source = this.#blobs.add(bytesSource(packed.data.slice(), pathText(entry.path)));
    kept.push(source);
    return packEntry({ ...entry, kind: "lazy", source, size: packed.data.length });
  }

  async #sendBatch(entries: readonly PackedEntry[], options: CallOptions): Promise<number> {
    const batch = { records: fileRecords(entries), count: entries.length };
    return (await this.#client.request.writeFiles(batch, options)).count;
  }

  async #sendLayer(
    entries: readonly PackedEntry[],
    prefix: PathLike,
    more: LayerMore,
    options: CallOptions,
  ): Promise<void> {
    const batch = { records: fileRecords(entries), prefix, count: entries.length, more };
    await this.#client.request.applyFileLayer(batch, options);
  }
}
