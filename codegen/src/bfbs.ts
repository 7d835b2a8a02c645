/**
 * Reads a binary schema (.bfbs) as flatc writes it.
 *
 * The vtable offsets are those of FlatBuffers' own `reflection/reflection.fbs`,
 * which is append-only, so they are written here once instead of generating an
 * accessor library for nine tables.
 */
import { ByteBuffer } from "flatbuffers";

/** FlatBuffers' `BaseType` (reflection.fbs). */
export const BaseType = {
  None: 0,
  UType: 1,
  Bool: 2,
  Byte: 3,
  UByte: 4,
  Short: 5,
  UShort: 6,
  Int: 7,
  UInt: 8,
  Long: 9,
  ULong: 10,
  Float: 11,
  Double: 12,
  String: 13,
  Vector: 14,
  Obj: 15,
  Union: 16,
  Array: 17,
  Vector64: 18,
} as const;

/** Attributes of a declaration: name to value; a bare attribute has the value "". */
export type Attributes = ReadonlyMap<string, string>;

export interface RawType {
  readonly base: number;
  /** Element type of a vector or an array. */
  readonly element: number;
  /** Index into `objects` or `enums`, -1 for a plain scalar. */
  readonly index: number;
  /** Elements of a fixed array, 0 otherwise. */
  readonly fixedLength: number;
}

export interface RawField {
  readonly name: string;
  readonly type: RawType;
  readonly id: number;
  readonly offset: number;
  readonly defaultInteger: bigint;
  /** Bytes of implicit padding that follow the field in a struct. */
  readonly padding: number;
  readonly deprecated: boolean;
  readonly attributes: Attributes;
  readonly doc: readonly string[];
}

export interface RawObject {
  readonly name: string;
  readonly fields: readonly RawField[];
  readonly isStruct: boolean;
  readonly minAlign: number;
  readonly byteSize: number;
  readonly attributes: Attributes;
  readonly doc: readonly string[];
  readonly file: string;
}

export interface RawEnumValue {
  readonly name: string;
  readonly value: bigint;
  readonly attributes: Attributes;
  readonly doc: readonly string[];
}

export interface RawEnum {
  readonly name: string;
  readonly values: readonly RawEnumValue[];
  readonly isUnion: boolean;
  readonly underlying: RawType;
  readonly attributes: Attributes;
  readonly doc: readonly string[];
  readonly file: string;
}

export interface RawSchema {
  readonly objects: readonly RawObject[];
  readonly enums: readonly RawEnum[];
}

/** A table of the buffer; `slot` is a vtable offset (4, 6, 8, …). */
class Table {
  readonly bb: ByteBuffer;
  readonly pos: number;

  constructor(bb: ByteBuffer, pos: number) {
    this.bb = bb;
    this.pos = pos;
  }

  #at(slot: number): number {
    const offset = this.bb.__offset(this.pos, slot);
    return offset === 0 ? 0 : this.pos + offset;
  }

  bool(slot: number): boolean {
    const at = this.#at(slot);
    return at !== 0 && this.bb.readInt8(at) !== 0;
  }

  u8(slot: number): number {
    const at = this.#at(slot);
    return at === 0 ? 0 : this.bb.readUint8(at);
  }

  u16(slot: number): number {
    const at = this.#at(slot);
    return at === 0 ? 0 : this.bb.readUint16(at);
  }

  i32(slot: number, fallback: number): number {
    const at = this.#at(slot);
    return at === 0 ? fallback : this.bb.readInt32(at);
  }

  i64(slot: number): bigint {
    const at = this.#at(slot);
    return at === 0 ? 0n : this.bb.readInt64(at);
  }

  string(slot: number): string {
    const at = this.#at(slot);
    if (at === 0) return "";
    const text = this.bb.__string(at);
    return typeof text === "string" ? text : new TextDecoder().decode(text);
  }

  table(slot: number): Table | undefined {
    const at = this.#at(slot);
    return at === 0 ? undefined : new Table(this.bb, this.bb.__indirect(at));
  }

  strings(slot: number): string[] {
    return this.#vector(slot, (at) => {
      const text = this.bb.__string(at);
      return typeof text === "string" ? text : new TextDecoder().decode(text);
    });
  }

  tables(slot: number): Table[] {
    return this.#vector(slot, (at) => new Table(this.bb, this.bb.__indirect(at)));
  }

  #vector<T>(slot: number, read: (at: number) => T): T[] {
    const offset = this.bb.__offset(this.pos, slot);
    if (offset === 0) return [];
    const start = this.bb.__vector(this.pos + offset);
    const length = this.bb.__vector_len(this.pos + offset);
    return Array.from({ length }, (_, i) => read(start + 4 * i));
  }
}

/**
 * Decodes a .bfbs file.
 * @throws Error when the bytes do not carry the identifier "BFBS" or are cut short.
 */
export function readBfbs(bytes: Uint8Array): RawSchema {
  const bb = new ByteBuffer(bytes);
  if (bytes.length < 8 || !bb.__has_identifier("BFBS")) {
    throw new Error(
      'binary schema: the identifier "BFBS" is missing; make the file with `flatc --binary --schema`',
    );
  }
  try {
    const schema = new Table(bb, bb.readInt32(0));
    return {
      objects: schema.tables(4).map(readObject),
      enums: schema.tables(6).map(readEnum),
    };
  } catch (cause) {
    throw new Error("binary schema: truncated or corrupt; run flatc again", { cause });
  }
}

function readObject(table: Table): RawObject {
  return {
    name: table.string(4),
    fields: table
      .tables(6)
      .map(readField)
      .sort((a, b) => a.id - b.id),
    isStruct: table.bool(8),
    minAlign: table.i32(10, 1),
    byteSize: table.i32(12, 0),
    attributes: readAttributes(table, 14),
    doc: readDoc(table, 16),
    file: table.string(18),
  };
}

function readField(table: Table): RawField {
  return {
    name: table.string(4),
    type: readType(table.table(6)),
    id: table.u16(8),
    offset: table.u16(10),
    defaultInteger: table.i64(12),
    deprecated: table.bool(16),
    attributes: readAttributes(table, 22),
    doc: readDoc(table, 24),
    padding: table.u16(28),
  };
}

function readEnum(table: Table): RawEnum {
  return {
    name: table.string(4),
    values: table.tables(6).map((value) => ({
      name: value.string(4),
      value: value.i64(6),
      doc: readDoc(value, 12),
      attributes: readAttributes(value, 14),
    })),
    isUnion: table.bool(8),
    underlying: readType(table.table(10)),
    attributes: readAttributes(table, 12),
    doc: readDoc(table, 14),
    file: table.string(16),
  };
}

function readType(table: Table | undefined): RawType {
  if (table === undefined) throw new Error("binary schema: a declaration has no type");
  return {
    base: table.u8(4),
    element: table.u8(6),
    index: table.i32(8, -1),
    fixedLength: table.u16(10),
  };
}

/** flatc stores "0" for an attribute without a value. */
function readAttributes(table: Table, slot: number): Attributes {
  const pairs = table.tables(slot).map((pair): [string, string] => [pair.string(4), pair.string(6)]);
  return new Map(pairs);
}

function readDoc(table: Table, slot: number): string[] {
  return table.strings(slot).map((line) => line.replace(/^ /, "").trimEnd());
}
