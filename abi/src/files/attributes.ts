/** Numbers of files as requests and records carry them. */
import { within } from "../core/request.ts";

const MAX_ID = 0xffffffff;
/** Latest time of a file in milliseconds: signed 64 bits of nanoseconds end in 2262. */
export const MAX_FILE_MS = Number(2n ** 63n / 1_000_000n) - 1;

/** @throws RangeError for a time that a file cannot have */
export function nanoseconds(ms: number, name: string): bigint {
  if (!(Math.abs(ms) <= MAX_FILE_MS))
    throw new RangeError(`${name} is ${ms}, no time in milliseconds that a file can have`);
  return BigInt(Math.round(ms * 1e3)) * 1000n;
}

/** A uid or gid of chown(2): -1, which is the largest number there, leaves it as it is. */
export function changedId(value: number, name: string): number {
  return within(value, -1, MAX_ID, name) >>> 0;
}
