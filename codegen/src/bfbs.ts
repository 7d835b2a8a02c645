/**
 * Reads a binary schema (.bfbs) as flatc writes it.
 *
 * The vtable offsets are those of FlatBuffers' own `reflection/reflection.fbs`,
 * which is append-only, so they are written here once instead of generating an
 * accessor library for nine tables.
 */
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
  readonly defaultReal: number;
  readonly required: boolean;
  readonly optional: boolean;
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

/** More declarations, fields and attributes than any schema has: a file that claims them is hostile. */
const MAX_TABLES = 1_000_000;

/**
 * A table of the buffer; `slot` is a vtable offset (4, 6, 8, …). DataView throws
 * where a stock FlatBuffers reader would go on with zeros.
 */
class Table {
  readonly #view: DataView;
  readonly #pos: number;
  readonly #budget: { left: number };

  constructor(view: DataView, pos: number, budget: { left: number }) {
    if (budget.left-- <= 0) throw new RangeError(`more than ${MAX_TABLES} tables`);
    this.#view = view;
    this.#pos = pos;
    this.#budget = budget;
  }

  bool(slot: number): boolean {
    return this.u8(slot) !== 0;
  }

  u8(slot: number): number {
    const at = this.#at(slot);
    return at === 0 ? 0 : this.#view.getUint8(at);
  }

  u16(slot: number): number {
    const at = this.#at(slot);
    return at === 0 ? 0 : this.#view.getUint16(at, true);
  }

  i32(slot: number, fallback: number): number {
    const at = this.#at(slot);
    return at === 0 ? fallback : this.#view.getInt32(at, true);
  }

  i64(slot: number): bigint {
    const at = this.#at(slot);
    return at === 0 ? 0n : this.#view.getBigInt64(at, true);
  }

  f64(slot: number): number {
    const at = this.#at(slot);
    return at === 0 ? 0 : this.#view.getFloat64(at, true);
  }

  string(slot: number): string {
    const at = this.#at(slot);
    return at === 0 ? "" : this.#string(at);
  }

  table(slot: number): Table | undefined {
    const at = this.#at(slot);
    return at === 0 ? undefined : new Table(this.#view, this.#follow(at), this.#budget);
  }

  strings(slot: number): string[] {
    return this.#vector(slot, (at) => this.#string(at));
  }

  tables(slot: number): Table[] {
    return this.#vector(slot, (at) => new Table(this.#view, this.#follow(at), this.#budget));
  }

  /** Place of a field, 0 when the table leaves it out. */
  #at(slot: number): number {
    const vtable = this.#pos - this.#view.getInt32(this.#pos, true);
    if (slot >= this.#view.getUint16(vtable, true)) return 0;
    const offset = this.#view.getUint16(vtable + slot, true);
    return offset === 0 ? 0 : this.#pos + offset;
  }

  #follow(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  #string(at: number): string {
    const start = this.#follow(at);
    const length = this.#view.getUint32(start, true);
    return new TextDecoder().decode(this.#bytes(start + 4, length));
  }

  #vector<T>(slot: number, read: (at: number) => T): T[] {
    const at = this.#at(slot);
    if (at === 0) return [];
    const start = this.#follow(at);
    const length = this.#view.getUint32(start, true);
    this.#bytes(start + 4, 4 * length);
    return Array.from({ length }, (_, i) => read(start + 4 + 4 * i));
  }

  /** @throws RangeError when they are not all in the buffer */
  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset, this.#view.byteLength).subarray(
      at,
      this.#end(at, length),
    );
  }

  #end(at: number, length: number): number {
    if (at + length > this.#view.byteLength) throw new RangeError(`${length} bytes at ${at} lie beyond the end`);
    return at + length;
  }
}

/**
 * Decodes a .bfbs file.
 * @throws Error when the bytes are no binary schema, cut short or inconsistent
 */
export function readBfbs(bytes: Uint8Array): RawSchema {
  if (new TextDecoder().decode(bytes.subarray(4, 8)) !== "BFBS") {
    throw new Error('binary schema: the identifier "BFBS" is missing; make the file with `flatc --binary --schema`');
  }
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const schema = new Table(view, view.getUint32(0, true), { left: MAX_TABLES });
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
    defaultReal: table.f64(14),
    deprecated: table.bool(16),
    required: table.bool(18),
    optional: table.bool(26),
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
