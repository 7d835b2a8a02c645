/**
 * Host files read at any place through a bounded number of open descriptors.
 *
 * Reads are synchronous: what a guest waits for is a page or a few, mostly in the host's
 * page cache, and a turn through Node's thread pool takes many times as long
 * as such a read (milliseconds on a busy machine).
 */

import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";

/** Never through a symbolic link, and never waiting for the other end of a FIFO. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Keeps the descriptors used last open. */
export class HandleCache {
  readonly #capacity: number;
  /** Descriptors by path, in order of last use. */
  readonly #open = new Map<string, number>();

  /** @param capacity descriptors that stay open */
  constructor(capacity = 64) {
    this.#capacity = Math.max(1, capacity);
  }

  /** How many descriptors are open now. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * `length` bytes at `position` of the file at `path`, fewer at its end.
   * @param check sees what the file is before it is read; what it throws is thrown
   * @throws what open(2) or read(2) says
   */
  read(path: string, position: number, length: number, check: (info: Stats) => void): Uint8Array {
    const fd = this.#descriptor(path);
    try {
      check(fstatSync(fd));
      return readFully(fd, position, length);
    } catch (error) {
      // The next access opens anew: the path may name another file by then.
      this.#open.delete(path);
      closeSync(fd);
      throw error;
    }
  }

  #descriptor(path: string): number {
    const known = this.#open.get(path);
    this.#open.delete(path);
    const fd = known ?? openSync(path, FLAGS);
    this.#open.set(path, fd);
    for (const [oldest, oldestFd] of this.#open) {
      if (this.#open.size <= this.#capacity) break;
      this.#open.delete(oldest);
      closeSync(oldestFd);
    }
    return fd;
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }
}

/** `length` bytes at `position`; fewer at the end of the file. */
export function readFully(fd: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, position + done);
    if (count === 0) return bytes.subarray(0, done);
    done += count;
  }
  return bytes;
}
