/** The record that the kernel makes of each traced event: abi/trace.fbs. */

import { Mem, TracePhase, TracePiece, TraceRecord } from "@foreshore/abi";

/** A range of guest memory that came along. */
export interface Piece {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** Of a vector of strings, or of directory entries: how many there are. */
  readonly count: number;
}

/** The guest memory that a record shows. */
export class Captured {
  readonly #pieces: readonly Piece[];

  constructor(pieces: readonly Piece[] = []) {
    this.#pieces = pieces;
  }

  /** `length` bytes at an address; undefined when they did not all come along. */
  bytes(address: bigint, length: number): Uint8Array | undefined {
    if (length === 0) return undefined;
    for (const piece of this.#pieces) {
      const offset = address - piece.address;
      if (offset < 0n || offset + BigInt(length) > BigInt(piece.bytes.length)) continue;
      return piece.bytes.subarray(Number(offset), Number(offset) + length);
    }
    return undefined;
  }

  /** As many bytes at an address as came along, at most `most`. */
  some(address: bigint, most: number): Uint8Array {
    let longest = new Uint8Array();
    for (const piece of this.#pieces) {
      const offset = address - piece.address;
      if (offset < 0n || offset >= BigInt(piece.bytes.length)) continue;
      const found = piece.bytes.subarray(Number(offset), Number(offset) + most);
      if (found.length > longest.length) longest = found as Uint8Array<ArrayBuffer>;
    }
    return longest;
  }

  /** The string at an address, without its NUL, and whether it is whole. */
  string(address: bigint): { bytes: Uint8Array; whole: boolean } | undefined {
    let longest: Uint8Array | undefined;
    for (const piece of this.#pieces) {
      if (piece.address !== address || piece.bytes.length === 0) continue;
      const end = piece.bytes.indexOf(0);
      if (end >= 0) return { bytes: piece.bytes.subarray(0, end), whole: true };
      if (piece.bytes.length > (longest?.length ?? 0)) longest = piece.bytes;
    }
    return longest === undefined ? undefined : { bytes: longest, whole: false };
  }

  /** The piece of a vector of strings, or of directory entries. */
  vector(address: bigint): Piece | undefined {
    return this.#pieces.find((piece) => piece.address === address && (piece.count > 0 || piece.bytes.length === 0));
  }

  /** The first piece: where a phase has only one. */
  get first(): Piece | undefined {
    return this.#pieces[0];
  }
}

/** A record in terms of TypeScript. */
export interface TraceEvent {
  readonly phase: TracePhase;
  readonly sequence: number;
  readonly tid: number;
  readonly pid: number;
  /** Number of the system call. */
  readonly number: number;
  /** 0 or an Errno. */
  readonly errno: number;
  readonly result: bigint;
  readonly args: readonly bigint[];
  readonly memory: Captured;
}

const ALIGN = 8;
const PHASES = Object.values(TracePhase);

/**
 * Reads the bytes of a RuntimeEvent of type "trace".
 * @returns undefined for bytes that are no record; pieces beyond their end are left out
 */
export function decodeTrace(bytes: Uint8Array): TraceEvent | undefined {
  if (bytes.length < TraceRecord.SIZE) return undefined;
  // A copy of its own: views want aligned words from offset 0.
  const mem = new Mem(bytes.slice().buffer);
  const record = new TraceRecord(mem, 0).toData();
  const phase = PHASES.find((known) => known === record.phase);
  if (phase === undefined) return undefined;
  const pieces: Piece[] = [];
  let at: number = TraceRecord.SIZE;
  const head = new TracePiece(mem);
  for (let i = 0; i < record.pieces && at + TracePiece.SIZE <= bytes.length; i++) {
    const { address, bytes: length, count } = head.at(at).toData();
    const from = at + TracePiece.SIZE;
    if (length > bytes.length - from) break;
    pieces.push({ address, bytes: mem.u8.subarray(from, from + length) as Uint8Array, count });
    at = from + Math.ceil(length / ALIGN) * ALIGN;
  }
  return {
    phase,
    sequence: Number(record.sequence),
    tid: record.tid,
    pid: record.pid,
    number: record.number,
    errno: record.errno,
    result: record.result,
    args: [...record.args],
    memory: new Captured(pieces),
  };
}
