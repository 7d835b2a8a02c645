/**
 * Walks the instructions of a WebAssembly module, no more: enough to count what must be in
 * the built kernel. A byte search would also find constants. Encodings: WebAssembly core
 * specification 3.0, chapter 5, and the threads proposal (prefix 0xfe).
 */

export interface Instruction {
  /** Index among the module's own functions, imports not counted. */
  readonly func: number;
  /** The opcode; with a prefix (0xfc, 0xfd, 0xfe) it is prefix * 0x1000 + code. */
  readonly op: number;
  /** The first immediate, where it is an index (call, global.get, …); otherwise -1. */
  readonly index: number;
}

export const CALL = 0x10;
export const END = 0x0b;
export const ATOMIC_FENCE = 0xfe003;

export interface Scan {
  readonly importedFunctions: number;
  readonly functions: number;
  readonly instructions: readonly Instruction[];
}

class Reader {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new Error(`the module ends in the middle, at byte ${this.at - 1}`);
    return value;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** Any LEB128 number, signed or not, of any width. */
  skipLeb(): void {
    while (this.byte() >= 0x80);
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) throw new Error("the module ends in the middle");
  }

  /** Alignment and offset; bit 6 of the alignment says that a memory index follows. */
  memarg(): void {
    if ((this.u32() & 0x40) !== 0) this.skipLeb();
    this.skipLeb();
  }

  skipName(): void {
    this.skip(this.u32());
  }
}

/** All instructions of a module in file order. @throws Error on what this walk does not know. */
export function scan(bytes: Uint8Array): Scan {
  const reader = new Reader(bytes);
  for (const wanted of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) {
    if (reader.byte() !== wanted) throw new Error("not a WebAssembly module of version 1");
  }
  let importedFunctions = 0;
  let functions = 0;
  const instructions: Instruction[] = [];
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const end = reader.u32() + reader.at;
    if (id === 2) importedFunctions = countImportedFunctions(reader);
    if (id === 10) {
      functions = reader.u32();
      for (let func = 0; func < functions; func++) body(reader, func, instructions);
    }
    reader.at = end;
  }
  return { importedFunctions, functions, instructions };
}

function countImportedFunctions(reader: Reader): number {
  let functions = 0;
  for (let left = reader.u32(); left > 0; left--) {
    reader.skipName();
    reader.skipName();
    const kind = reader.byte();
    if (kind === 0) {
      functions++;
      reader.skipLeb();
    } else if (kind === 1) {
      reader.byte();
      limits(reader);
    } else if (kind === 2) limits(reader);
    else if (kind === 3) reader.skip(2);
    else if (kind === 4) {
      reader.byte();
      reader.skipLeb();
    } else throw new Error(`import of unknown kind ${kind}`);
  }
  return functions;
}

function limits(reader: Reader): void {
  const flags = reader.byte();
  reader.skipLeb();
  if ((flags & 1) !== 0) reader.skipLeb();
}

function body(reader: Reader, func: number, into: Instruction[]): void {
  const end = reader.u32() + reader.at;
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.skipLeb();
    reader.byte();
  }
  while (reader.at < end) {
    const first = reader.byte();
    const op = first >= 0xfc && first <= 0xfe ? first * 0x1000 + reader.u32() : first;
    into.push({ func, op, index: immediates(reader, op) });
  }
  if (reader.at !== end) throw new Error(`function ${func}: its instructions do not end where it ends`);
}

/** Steps over an instruction's immediates; gives the first where that is an index. */
function immediates(reader: Reader, op: number): number {
  if (op >= 0x45 && op <= 0xc4) return -1; // comparisons, arithmetic, conversions
  if (op >= 0x28 && op <= 0x3e) {
    reader.memarg();
    return -1;
  }
  if (op >= 0x20 && op <= 0x26) return reader.u32(); // locals, globals, tables
  if (op >= 0xfe010 && op <= 0xfe04e) {
    reader.memarg();
    return -1;
  }
  if (op >= 0xfc000 && op <= 0xfc007) return -1; // saturating conversions
  if (op >= 0xfd000 && op < 0xfe000) {
    vector(reader, op - 0xfd000);
    return -1;
  }
  switch (op) {
    case 0x00: // unreachable
    case 0x01: // nop
    case 0x05: // else
    case 0x0b: // end
    case 0x0f: // return
    case 0x1a: // drop
    case 0x1b: // select
    case 0xd1: // ref.is_null
      break;
    case 0x02: // block
    case 0x03: // loop
    case 0x04: // if
    case 0x41: // i32.const
    case 0x42: // i64.const
    case 0xd0: // ref.null
      reader.skipLeb();
      break;
    case 0x08: // throw
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x12: // return_call
    case 0x3f: // memory.size
    case 0x40: // memory.grow
    case 0xd2: // ref.func
    case 0xfc009: // data.drop
    case 0xfc00b: // memory.fill
    case 0xfc00d: // elem.drop
    case 0xfc00f: // table.grow
    case 0xfc010: // table.size
    case 0xfc011: // table.fill
      return reader.u32();
    case 0x11: // call_indirect
    case 0x13: // return_call_indirect
    case 0xfc008: // memory.init
    case 0xfc00a: // memory.copy
    case 0xfc00c: // table.init
    case 0xfc00e: {
      const first = reader.u32(); // table.copy
      reader.skipLeb();
      return first;
    }
    case 0x0e: // br_table
      for (let labels = reader.u32() + 1; labels > 0; labels--) reader.skipLeb();
      break;
    case 0x1c: // select with types
      for (let types = reader.u32(); types > 0; types--) reader.skipLeb();
      break;
    case 0x43: // f32.const
      reader.skip(4);
      break;
    case 0x44: // f64.const
      reader.skip(8);
      break;
    case 0xfe000: // memory.atomic.notify
    case 0xfe001: // memory.atomic.wait32
    case 0xfe002: // memory.atomic.wait64
      reader.memarg();
      break;
    case ATOMIC_FENCE:
      reader.skip(1);
      break;
    default:
      throw new Error(`instruction 0x${op.toString(16)} is not known here (byte ${reader.at})`);
  }
  return -1;
}

/** Immediates of the vector instructions (prefix 0xfd). */
function vector(reader: Reader, code: number): void {
  if (code <= 11 || code === 92 || code === 93) reader.memarg();
  else if (code === 12 || code === 13) reader.skip(16);
  else if (code >= 21 && code <= 34) reader.skip(1);
  else if (code >= 84 && code <= 91) {
    reader.memarg();
    reader.skip(1);
  }
}
