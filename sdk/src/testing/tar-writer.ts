/** Writes tar archives for tests, well-formed and not: each field can be set to anything. */

const encoder = new TextEncoder();

export interface Member {
  path?: string;
  type?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  linkPath?: string;
  data?: Uint8Array | string;
  /** What the size field says; default: the length of `data`. */
  size?: number;
  prefix?: string;
  /** "ustar\0" by default; "ustar " is GNU's, "" is V7. */
  magic?: string;
  /** Bytes written over the finished header, with the checksum made anew after. */
  patch?: [offset: number, bytes: Uint8Array];
  /** Changes the checksum to a wrong one. */
  badChecksum?: boolean;
}

function put(block: Uint8Array, offset: number, text: string, length: number): void {
  block.set(encoder.encode(text).subarray(0, length), offset);
}

function octal(value: number, length: number): string {
  return value
    .toString(8)
    .padStart(length - 1, "0")
    .slice(-(length - 1));
}

/** Header and padded contents of one member. */
export function member(fields: Member): Uint8Array {
  const data = typeof fields.data === "string" ? encoder.encode(fields.data) : (fields.data ?? new Uint8Array(0));
  const block = new Uint8Array(512 + Math.ceil(data.length / 512) * 512);
  put(block, 0, fields.path ?? "", 100);
  put(block, 100, octal(fields.mode ?? 0o644, 8), 8);
  put(block, 108, octal(fields.uid ?? 0, 8), 8);
  put(block, 116, octal(fields.gid ?? 0, 8), 8);
  put(block, 124, octal(fields.size ?? data.length, 12), 12);
  put(block, 136, octal(fields.mtime ?? 0, 12), 12);
  put(block, 156, fields.type ?? "0", 1);
  put(block, 157, fields.linkPath ?? "", 100);
  put(block, 257, fields.magic ?? "ustar\0", 6);
  if ((fields.magic ?? "ustar\0") === "ustar\0") put(block, 263, "00", 2);
  put(block, 345, fields.prefix ?? "", 155);
  if (fields.patch !== undefined) block.set(fields.patch[1], fields.patch[0]);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += block[i]!;
  if (fields.badChecksum) sum += 1;
  put(block, 148, `${octal(sum, 7)}\0 `, 8);
  block.set(data, 512);
  return block;
}

/** Records of a pax extended header. */
export function pax(records: Record<string, string>): Uint8Array {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = encoder.encode(` ${key}=${value}\n`).length;
    let length = rest + 1;
    while (String(length).length + rest !== length) length++;
    return `${length} ${key}=${value}\n`;
  });
  return encoder.encode(lines.join(""));
}

/** The members, then the two zero blocks that end an archive. */
export function archive(members: readonly Member[], options: { end?: boolean } = {}): Uint8Array {
  const parts = members.map(member);
  if (options.end !== false) parts.push(new Uint8Array(1024));
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
