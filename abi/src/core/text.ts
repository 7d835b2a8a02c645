/** Strings of the ABI: UTF-8 bytes, without NUL. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A path or name: text stands for its UTF-8 bytes; bytes are taken as they are. */
export type PathLike = string | Uint8Array;

/**
 * The bytes of a path.
 * @throws TypeError when it contains a NUL: no name of Linux can
 */
export function pathBytes(path: PathLike): Uint8Array {
  const bytes = typeof path === "string" ? encoder.encode(path) : path;
  if (bytes.includes(0)) throw new TypeError(`a path contains a NUL byte: ${JSON.stringify(pathText(path))}`);
  return bytes;
}

/** The path for messages. */
export function pathText(path: PathLike): string {
  return typeof path === "string" ? path : decoder.decode(path);
}

export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Text of bytes that may lie in shared memory, which TextDecoder refuses. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
}

/** Bytes of data that a caller gave as text or bytes. */
export function dataBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** The next multiple of 8. */
export function align8(bytes: number): number {
  return (bytes + 7) & ~7;
}
