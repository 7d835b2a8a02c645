/** The memory under the generated views: typed arrays over one buffer, renewed when it grows. */

const TWO_32 = 2 ** 32;

/** How often a 64-bit read by halves is tried before it takes the exact, allocating way. */
const HALVES_TRIES = 8;

export type MemSource = WebAssembly.Memory | SharedArrayBuffer | ArrayBuffer;

/**
 * Typed arrays over a machine's memory. A shared memory's old arrays stay valid
 * when it grows, they are only too short; `check` renews them then, so ask for
 * them again (`mem.u32`) instead of keeping them. A memory that is not shared
 * loses its arrays when it grows: position views anew after that.
 */
export class Mem {
  readonly source: MemSource;
  i8!: Int8Array<ArrayBufferLike>;
  u8!: Uint8Array<ArrayBufferLike>;
  i16!: Int16Array<ArrayBufferLike>;
  u16!: Uint16Array<ArrayBufferLike>;
  i32!: Int32Array<ArrayBufferLike>;
  u32!: Uint32Array<ArrayBufferLike>;
  i64!: BigInt64Array<ArrayBufferLike>;
  u64!: BigUint64Array<ArrayBufferLike>;
  f32!: Float32Array<ArrayBufferLike>;
  f64!: Float64Array<ArrayBufferLike>;

  constructor(source: MemSource) {
    this.source = source;
    this.refresh();
  }

  get buffer(): ArrayBufferLike {
    return this.source instanceof WebAssembly.Memory ? this.source.buffer : this.source;
  }

  /** Makes every typed array anew over all of the memory as it is now. */
  refresh(): void {
    const buffer = this.buffer;
    const bytes = buffer.byteLength;
    this.i8 = new Int8Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.i16 = new Int16Array(buffer, 0, Math.floor(bytes / 2));
    this.u16 = new Uint16Array(buffer, 0, Math.floor(bytes / 2));
    this.i32 = new Int32Array(buffer, 0, Math.floor(bytes / 4));
    this.u32 = new Uint32Array(buffer, 0, Math.floor(bytes / 4));
    this.i64 = new BigInt64Array(buffer, 0, Math.floor(bytes / 8));
    this.u64 = new BigUint64Array(buffer, 0, Math.floor(bytes / 8));
    this.f32 = new Float32Array(buffer, 0, Math.floor(bytes / 4));
    this.f64 = new Float64Array(buffer, 0, Math.floor(bytes / 8));
  }

  /**
   * Makes sure that `size` bytes at `addr` are inside the arrays.
   * @param align a power of two
   * @throws RangeError when they are outside the memory, or `addr` is not an address at a multiple of `align`
   */
  check(addr: number, size: number, align: number): void {
    if (addr >>> 0 !== addr || (addr & (align - 1)) !== 0) {
      throw new RangeError(`address ${addr} is no address that is a multiple of ${align}`);
    }
    if (addr + size <= this.u8.length) return;
    this.refresh();
    if (addr + size <= this.u8.length) return;
    throw new RangeError(`${size} bytes at ${addr} lie outside the memory of ${this.u8.length} bytes`);
  }

  /** The u64 at `addr` (multiple of 8) as a Number; exact below 2^53. */
  u53(addr: number): number {
    const word = addr >>> 2;
    return this.u32[word + 1]! * TWO_32 + this.u32[word]!;
  }

  /** The i64 at `addr` as a Number; exact between -2^53 and 2^53. */
  i53(addr: number): number {
    const word = addr >>> 2;
    return this.i32[word + 1]! * TWO_32 + this.u32[word]!;
  }

  /** @throws RangeError unless `value` is an integer from 0 to 2^53 - 1 */
  setU53(addr: number, value: number): void {
    if (value < 0) throw new RangeError(`${value} is negative`);
    this.setI53(addr, value);
  }

  /** @throws RangeError unless `value` is a safe integer */
  setI53(addr: number, value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer below 2^53`);
    const word = addr >>> 2;
    this.i32[word + 1] = Math.floor(value / TWO_32);
    this.i32[word] = value | 0;
  }

  /**
   * An atomic u64 below 2^53, read without a BigInt. The halves are taken high,
   * low, high, so a value that only grows is never torn; one that changes all
   * the time is read exactly in the end.
   */
  atomicU53(addr: number): number {
    const word = addr >>> 2;
    let high = Atomics.load(this.u32, word + 1);
    for (let i = 0; i < HALVES_TRIES; i++) {
      const low = Atomics.load(this.u32, word);
      const again = Atomics.load(this.u32, word + 1);
      if (again === high) return high * TWO_32 + low;
      high = again;
    }
    return Number(Atomics.load(this.u64, addr >>> 3));
  }

  /** Like `atomicU53`, for an i64. */
  atomicI53(addr: number): number {
    const word = addr >>> 2;
    let high = Atomics.load(this.i32, word + 1);
    for (let i = 0; i < HALVES_TRIES; i++) {
      const low = Atomics.load(this.u32, word);
      const again = Atomics.load(this.i32, word + 1);
      if (again === high) return high * TWO_32 + low;
      high = again;
    }
    return Number(Atomics.load(this.i64, addr >>> 3));
  }

  /** Bytes at `addr` up to the first NUL, as text; at most `size` of them. */
  cString(addr: number, size: number): string {
    const bytes = this.u8.slice(addr, addr + size);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }
}

/**
 * `index` when it is one of `count` elements.
 * @throws RangeError otherwise
 */
export function element(index: number, count: number): number {
  if (index >>> 0 !== index || index >= count) throw new RangeError(`index ${index} is outside an array of ${count}`);
  return index;
}

/**
 * Fills a fixed array of bytes: `from`, then zeros.
 * @throws RangeError when `from` is longer than the array
 */
export function copyBytes(to: Uint8Array, from: Uint8Array): void {
  if (from.length > to.length) throw new RangeError(`${from.length} bytes do not fit into ${to.length}`);
  to.set(from);
  to.fill(0, from.length);
}

/**
 * Element `index` of the values for a fixed array of `count`.
 * @throws RangeError unless there are exactly `count` values
 */
export function fixedElement<T>(values: readonly T[], index: number, count: number): T {
  const value = values[index];
  if (value === undefined || values.length !== count)
    throw new RangeError(`${values.length} values for an array of ${count}`);
  return value;
}

/** A struct's bytes where its views can read them: in a buffer of their own, at 0. */
export function memOf(bytes: Uint8Array): Mem {
  return new Mem(new Uint8Array(bytes).buffer);
}
