/** Blob sources: where the bytes of lazily backed files come from. */
import { type BlobRequestEventData, Errno, type RpcClient } from "@foreshore/abi";
import { LogLimit } from "./log-limit.ts";
import type { LogLevel } from "./platform.ts";

/** What serves the bytes of lazy files. Several reads may be under way at a time. */
export interface BlobSource {
  /** Says in messages which source is meant. */
  readonly name?: string;
  /**
   * Puts up to `length` bytes at `position` of the source into the beginning of `into`,
   * which may be a view of the machine's shared memory.
   * @returns how many bytes; 0 at the end of the source. Fewer than asked is no error: the rest is asked for again.
   * @throws anything: the guest's access fails with EIO
   */
  read(position: number, length: number, into: Uint8Array, signal: AbortSignal): Promise<number> | number;
  /** The machine is gone. */
  close?(): void | Promise<void>;
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array, name = "bytes in memory"): BlobSource {
  return {
    name,
    read(position, length, into) {
      const part = bytes.subarray(position, position + length);
      into.set(part);
      return part.length;
    },
  };
}

/** A source over a Blob or File of the web platform. */
export function blobSource(blob: Blob, name = "a Blob"): BlobSource {
  return {
    name,
    async read(position, length, into) {
      const part = new Uint8Array(await blob.slice(position, position + length).arrayBuffer());
      into.set(part);
      return part.length;
    },
  };
}

/** The sources of one machine, by the id that its inodes carry; 0 is none. */
export class BlobSources {
  readonly #client: RpcClient;
  readonly #sources = new Map<number, BlobSource>();
  readonly #abort = new AbortController();
  /** A guest may read as often as it likes what cannot be read. */
  readonly #log: LogLimit;
  #nextId = 1;

  constructor(client: RpcClient, log: (level: LogLevel, text: string) => void) {
    this.#client = client;
    this.#log = new LogLimit(log);
  }

  /** Its id. The source is closed with the machine; at once when that has ended. */
  add(source: BlobSource): number {
    const id = this.#nextId++;
    if (this.#abort.signal.aborted) void closed([source]);
    else this.#sources.set(id, source);
    return id;
  }

  /** Forgets a source that no inode names. */
  remove(id: number): void {
    this.#sources.delete(id);
  }

  /** Answers one request of the kernel; never rejects. */
  async serve(event: BlobRequestEventData): Promise<void> {
    let bytes = 0;
    let result: number = Errno.OK;
    try {
      bytes = await this.#fill(event);
    } catch (error) {
      result = Errno.EIO;
      const name = this.#sources.get(event.source)?.name ?? `blob source ${event.source}`;
      const why = error instanceof Error ? error.message : String(error);
      if (!this.#abort.signal.aborted) {
        const kind = `${name}: bytes cannot be read`;
        const what = `${name}: ${event.length} bytes at ${event.position} cannot be read`;
        this.#log.say(kind, "error", `${what}: ${why}; the guest gets EIO`);
      }
    }
    // EINVAL: the file was truncated meanwhile, nobody wants the bytes. Else the machine is gone.
    await this.#client.request.blobFilled({ token: event.token, result, bytes }).catch(() => undefined);
  }

  async #fill(event: BlobRequestEventData): Promise<number> {
    const { source: id, position, address, length } = event;
    const source = this.#sources.get(id);
    if (source === undefined) throw new Error("no such source was added to this machine");
    const { transport } = this.#client;
    const target = transport.blobTarget(address, length);
    let bytes = 0;
    while (bytes < length) {
      const got = await source.read(position + bytes, length - bytes, target.subarray(bytes), this.#abort.signal);
      if (!Number.isInteger(got) || got < 0 || got > length - bytes)
        throw new Error(`the source says that it read ${got} bytes`);
      if (got === 0) break;
      bytes += got;
    }
    transport.blobCommit(address, target, bytes);
    return bytes;
  }

  /** Ends reads under way and closes the sources. */
  async close(reason: Error): Promise<void> {
    this.#abort.abort(reason);
    this.#log.close();
    const sources = [...this.#sources.values()];
    this.#sources.clear();
    await closed(sources);
  }
}

async function closed(sources: readonly BlobSource[]): Promise<void> {
  await Promise.allSettled(sources.map(async (source) => source.close?.()));
}
