/**
 * One 512-byte tar header block, and the records of a pax extended header.
 *
 * Sources: POSIX.1-2024 pax(1) "ustar Interchange Format" and "pax Extended
 * Header"; GNU tar manual, "Basic Tar Format". Own code because the libraries
 * that can read a header apart from its stream need Node's Buffer, and because
 * an archive comes from anywhere: every field is checked.
 */

export const BLOCK = 512;

/** Why an archive cannot be used; the caller adds its name. */
export class TarError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TarError";
  }
}

export interface TarHeader {
  /** Name with the ustar prefix, not otherwise changed. */
  path: string;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes as the header says them. */
  size: number;
  /** Seconds since 1970; may be negative. */
  mtime: number;
  /** The type flag: '0' to '7', 'L', 'x', …; NUL is given as '0'. */
  type: string;
  linkPath: string;
}

const decoder = new TextDecoder();

/** Text up to the first NUL. */
function text(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

/**
 * A number field: octal digits, or base 256 when the first bit is set (GNU, star).
 * An empty field is 0.
 */
function number(block: Uint8Array, offset: number, length: number, what: string): number {
  const first = block[offset]!;
  let value = 0;
  if (first & 0x80) {
    // Two's complement over the field, less its first bit.
    const negative = (first & 0x40) !== 0;
    value = negative ? (first & 0x7f) - 0x80 : first & 0x7f;
    for (let i = offset + 1; i < offset + length; i++) value = value * 256 + block[i]!;
  } else {
    let i = offset;
    const end = offset + length;
    while (i < end && block[i] === 0x20) i++;
    for (; i < end; i++) {
      const byte = block[i]!;
      if (byte === 0 || byte === 0x20) break;
      if (byte < 0x30 || byte > 0x37) throw new TarError(`a header's ${what} is no octal number`);
      value = value * 8 + (byte - 0x30);
    }
  }
  if (!Number.isSafeInteger(value)) throw new TarError(`a header's ${what} is absurdly large`);
  return value;
}

/** Whether all bytes of the block are zero: the end of an archive. */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/** Whether the block's checksum is right; old archives summed signed bytes. */
export function checksumMatches(block: Uint8Array): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : block[i]!;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  try {
    const stored = number(block, 148, 8, "checksum");
    return stored === unsigned || stored === signed;
  } catch {
    return false;
  }
}

/**
 * Reads one header block whose checksum is right.
 * @throws TarError when a number is none
 */
export function parseHeader(block: Uint8Array): TarHeader {
  // "ustar\0" of POSIX or "ustar " of GNU; only POSIX's has the prefix field,
  // GNU has times there in its incremental archives.
  const magic = text(block, 257, 6);
  const prefix = magic === "ustar" ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const type = block[156] === 0 ? "0" : String.fromCharCode(block[156]!);
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8, "mode") & 0o7777,
    uid: number(block, 108, 8, "uid"),
    gid: number(block, 116, 8, "gid"),
    size: number(block, 124, 12, "size"),
    mtime: number(block, 136, 12, "modification time"),
    type,
    linkPath: text(block, 157, 100),
  };
}

/**
 * The records "LENGTH KEY=VALUE\n" of a pax extended header, in order.
 * @throws TarError when they do not fit together
 */
export function parsePax(data: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < data.length) {
    // Some writers pad with NULs.
    if (data[at] === 0) break;
    let length = 0;
    let i = at;
    for (; i < data.length && i < at + 10 && data[i]! >= 0x30 && data[i]! <= 0x39; i++) {
      length = length * 10 + (data[i]! - 0x30);
    }
    const end = at + length;
    if (i === at || data[i] !== 0x20 || end > data.length || end <= i + 1 || data[end - 1] !== 0x0a) {
      throw new TarError("a pax extended header that is broken");
    }
    const record = decoder.decode(data.subarray(i + 1, end - 1));
    const equals = record.indexOf("=");
    if (equals <= 0) throw new TarError("a pax extended header that is broken");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

/** A decimal number of a pax record, such as `size` or `mtime`. */
export function paxNumber(
  records: Map<string, string>,
  key: string,
  options: { fraction?: boolean } = {},
): number | undefined {
  const value = records.get(key);
  // An empty value takes a global one back.
  if (value === undefined || value === "") return undefined;
  const form = options.fraction ? /^-?[0-9]{1,15}(\.[0-9]*)?$/ : /^[0-9]{1,16}$/;
  const result = form.test(value) ? Number(value) : Number.NaN;
  if (!(options.fraction ? Number.isFinite(result) : Number.isSafeInteger(result))) {
    throw new TarError(`a pax extended header with the ${key} ${JSON.stringify(value.slice(0, 40))}`);
  }
  return result;
}
