/** Host files read at any place through a bounded number of open handles. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

interface Open {
  readonly handle: Promise<FileHandle>;
  users: number;
  /** Taken out of the cache while it was in use: the last user closes it. */
  retired: boolean;
}

/** Never through a symbolic link, and never waiting for the other end of a FIFO. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Keeps the handles used last open. All methods may be under way several times
 * at once; a handle in use is never closed.
 */
export class HandleCache {
  readonly #capacity: number;
  /** In order of last use. */
  readonly #open = new Map<string, Open>();

  /** @param capacity handles that stay open while nobody reads from them */
  constructor(capacity = 64) {
    this.#capacity = capacity;
  }

  /** How many handles are cached now. */
  get size(): number {
    return this.#open.size;
  }

  /** Calls `use` with a handle of the regular file at `path`. @throws what open(2) says */
  async with<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    let entry = this.#open.get(path);
    if (entry === undefined) {
      entry = { handle: open(path, FLAGS), users: 0, retired: false };
    } else {
      this.#open.delete(path);
    }
    this.#open.set(path, entry);
    entry.users++;
    this.#trim();
    try {
      return await use(await entry.handle);
    } catch (error) {
      // A handle that failed is not used again: the next access opens anew.
      if (this.#open.get(path) === entry) this.#open.delete(path);
      entry.retired = true;
      throw error;
    } finally {
      entry.users--;
      if (entry.retired && entry.users === 0) await closeQuietly(entry);
    }
  }

  /** Closes every handle; those in use once they are not. */
  async close(): Promise<void> {
    const entries = [...this.#open.values()];
    this.#open.clear();
    for (const entry of entries) {
      entry.retired = true;
      if (entry.users === 0) await closeQuietly(entry);
    }
  }

  #trim(): void {
    if (this.#open.size <= this.#capacity) return;
    for (const [path, entry] of this.#open) {
      if (this.#open.size <= this.#capacity) return;
      this.#open.delete(path);
      entry.retired = true;
      if (entry.users === 0) void closeQuietly(entry);
    }
  }
}

async function closeQuietly(entry: Open): Promise<void> {
  try {
    await (await entry.handle).close();
  } catch {
    // It could not be opened, which its user was told.
  }
}

/** `length` bytes at `position`; fewer at the end of the file. */
export async function readFully(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}
