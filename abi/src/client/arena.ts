/**
 * Allocator of a client's payload arena: a two-level segregated fit over
 * 64-byte granules. All of its bookkeeping lies in this client's own arrays, so
 * that nothing the kernel writes can corrupt it.
 */

const GRANULE_SHIFT = 6;
const GRANULE = 1 << GRANULE_SHIFT;
/** Lists per power of two. */
const SPLIT_SHIFT = 2;
const SPLIT = 1 << SPLIT_SHIFT;
const NONE = -1;

/**
 * Blocks are runs of granules. `#size[first]` and `#size[last]` hold the run's
 * length: positive when it is taken, negative when it is free (boundary tags).
 */
export class ArenaAllocator {
  readonly bytes: number;
  readonly #granules: number;
  readonly #size: Int32Array;
  readonly #next: Int32Array;
  readonly #prev: Int32Array;
  readonly #heads: Int32Array;
  #used = 0;

  /** @param bytes size of the arena; what does not fill a granule of 64 bytes is left out */
  constructor(bytes: number) {
    this.bytes = bytes;
    this.#granules = bytes >>> GRANULE_SHIFT;
    this.#size = new Int32Array(this.#granules);
    this.#next = new Int32Array(this.#granules);
    this.#prev = new Int32Array(this.#granules);
    this.#heads = new Int32Array(32 * SPLIT).fill(NONE);
    if (this.#granules > 0) this.#insert(0, this.#granules);
  }

  /** Bytes handed out, in whole granules. */
  get used(): number {
    return this.#used << GRANULE_SHIFT;
  }

  /** Largest length that an empty arena can allocate. */
  get capacity(): number {
    return this.#granules << GRANULE_SHIFT;
  }

  /**
   * @param length in bytes, more than 0
   * @returns the offset of that many bytes, a multiple of 64; -1 when there are none
   */
  allocate(length: number): number {
    const want = Math.max(1, Math.ceil(length / GRANULE));
    const found = this.#find(want);
    if (found === NONE) return -1;
    const size = -this.#size[found]!;
    this.#remove(found, size);
    if (size > want) this.#insert(found + want, size - want);
    this.#mark(found, want);
    this.#used += want;
    return found << GRANULE_SHIFT;
  }

  /**
   * Gives back what `allocate` returned.
   * @throws RangeError when nothing is allocated at `offset`
   */
  free(offset: number): void {
    let first = offset >>> GRANULE_SHIFT;
    let size = (offset & (GRANULE - 1)) === 0 && first < this.#granules ? this.#size[first]! : 0;
    if (size <= 0) throw new RangeError(`nothing is allocated at offset ${offset} of the arena`);
    this.#used -= size;
    // The tags inside the block are cleared, so that a second free is noticed.
    this.#size[first] = 0;
    this.#size[first + size - 1] = 0;
    const after = first + size;
    const afterSize = after < this.#granules ? this.#size[after]! : 0;
    if (afterSize < 0) {
      this.#remove(after, -afterSize);
      size -= afterSize;
    }
    const beforeSize = first > 0 ? this.#size[first - 1]! : 0;
    if (beforeSize < 0) {
      first += beforeSize;
      this.#remove(first, -beforeSize);
      size -= beforeSize;
    }
    this.#insert(first, size);
  }

  /** First block of the smallest list that has one of at least `want` granules. */
  #find(want: number): number {
    const start = listOf(want);
    // Blocks of the first list may be smaller than `want`; those of later lists are not.
    for (let block = this.#heads[start]!; block !== NONE; block = this.#next[block]!) {
      if (-this.#size[block]! >= want) return block;
    }
    for (let list = start + 1; list < this.#heads.length; list++) {
      const block = this.#heads[list]!;
      if (block !== NONE) return block;
    }
    return NONE;
  }

  #mark(first: number, size: number): void {
    this.#size[first] = size;
    this.#size[first + size - 1] = size;
  }

  #insert(first: number, size: number): void {
    this.#size[first] = -size;
    this.#size[first + size - 1] = -size;
    const list = listOf(size);
    const head = this.#heads[list]!;
    this.#next[first] = head;
    this.#prev[first] = NONE;
    if (head !== NONE) this.#prev[head] = first;
    this.#heads[list] = first;
  }

  #remove(first: number, size: number): void {
    const next = this.#next[first]!;
    const prev = this.#prev[first]!;
    if (next !== NONE) this.#prev[next] = prev;
    if (prev !== NONE) this.#next[prev] = next;
    else this.#heads[listOf(size)] = next;
    // Inner tags of a block that is about to be merged or split must not look like borders.
    this.#size[first] = 0;
    this.#size[first + size - 1] = 0;
  }
}

/** List of blocks of `size` granules: the power of two, then its quarter. */
function listOf(size: number): number {
  const log = 31 - Math.clz32(size);
  const quarter = log >= SPLIT_SHIFT ? (size >>> (log - SPLIT_SHIFT)) & (SPLIT - 1) : 0;
  return log * SPLIT + quarter;
}
