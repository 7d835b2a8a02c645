/** The machine's files, as `runtime.fs`: by requests, and without one where the published view has them. */
import { type CallOptions, decodeText, Files, type PathLike, pathBytes, type RpcClient } from "@foreshore/abi";
import type { BlobSources } from "./blobs.ts";
import { type LayerEntries, type LayerOptions, LayerWriter } from "./layers.ts";

/** Reads file contents without a request where it can: see published-view.ts. */
export interface FileReader {
  /** The contents, or undefined when only the kernel has them. */
  read(path: Uint8Array): Uint8Array<ArrayBuffer> | undefined;
}

const NO_READER: FileReader = { read: () => undefined };

export class FileSystem extends Files {
  readonly #layers: LayerWriter;
  readonly #reader: FileReader;

  constructor(client: RpcClient, blobs: BlobSources, reader: FileReader = NO_READER) {
    super(client);
    this.#layers = new LayerWriter(client, blobs);
    this.#reader = reader;
  }

  /** Reads a whole file; without a request when the published view has it. */
  override async readFile(
    path: PathLike,
    options?: CallOptions & { readonly encoding?: undefined },
  ): Promise<Uint8Array<ArrayBuffer>>;
  override async readFile(path: PathLike, options: CallOptions & { readonly encoding: "utf8" }): Promise<string>;
  override async readFile(
    path: PathLike,
    { encoding, ...options }: CallOptions & { readonly encoding?: "utf8" | undefined } = {},
  ): Promise<Uint8Array | string> {
    const bytes = this.#reader.read(pathBytes(path)) ?? (await super.readFile(path, options));
    return encoding === "utf8" ? decodeText(bytes) : bytes;
  }

  /**
   * Writes many files in few requests. All or nothing is not promised.
   * @returns how many entries were written
   */
  writeFiles(entries: LayerEntries, options: CallOptions = {}): Promise<number> {
    return this.#layers.writeFiles(entries, options);
  }

  /** Applies a layer: all of it, or, when an error is thrown, nothing. */
  applyFileLayer(entries: LayerEntries, options: LayerOptions = {}): Promise<void> {
    return this.#layers.apply(entries, options);
  }
}
