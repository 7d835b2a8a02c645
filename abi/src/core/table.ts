/**
 * FlatBuffers tables: verified, read and built from a description of their fields, which
 * the generator writes (`…_SHAPE`). FlatBuffers' own npm library has no verifier and answers
 * damaged buffers with nonsense; here nothing is read before all of it was found sound.
 */
import { Mem } from "./mem.ts";

/** A generated view of a struct. */
export interface StructView {
  readonly SIZE: number;
  readonly ALIGN: number;
  new (mem: Mem, addr: number): { toData(): object; setData(data: never): void };
}

export type TableScalar = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

export type TableElement =
  | { readonly kind: "scalar"; readonly scalar: TableScalar; readonly bounded?: boolean }
  | { readonly kind: "struct"; readonly view: StructView }
  | { readonly kind: "string" }
  | { readonly kind: "table"; readonly shape: TableShape };

export interface TableFieldShape {
  readonly name: string;
  /** Place in the vtable. */
  readonly slot: number;
  readonly type: TableElement;
  readonly vector: boolean;
  readonly required: boolean;
  /** Of a scalar: what an absent one is. */
  readonly default: number | bigint;
}

export interface TableShape {
  readonly name: string;
  /** File identifier; "" for a table that is never a buffer of its own. */
  readonly root: string;
  readonly fields: readonly TableFieldShape[];
}

/** What a verifier lets a buffer cost. */
export interface TableLimits {
  /** Tables and strings in all. */
  readonly maxTables?: number;
  /** Bytes of the buffer. */
  readonly maxBytes?: number;
}

/** What is wrong with a buffer, as the schema's TableFault names it (`TableFault[error.fault]` is its number). */
export type TableFaultName =
  | "Bounds"
  | "Alignment"
  | "Vtable"
  | "Depth"
  | "Required"
  | "Text"
  | "Budget"
  | "Identifier"
  | "Range";

/** A buffer that is no such table. */
export class TableError extends Error {
  readonly fault: TableFaultName;

  constructor(fault: TableFaultName, where: string) {
    super(`${where}: ${fault}`);
    this.name = "TableError";
    this.fault = fault;
  }
}

/** Tables within tables; the generator refuses schemas that go deeper. */
const MAX_DEPTH = 8;
const MAX_TABLES = 4_000_000;
const MAX_BYTES = 0x7fffffff;
/** Objects may be shared, so their sizes may sum to more than the buffer has; a loop would go far beyond. */
const SHARING = 16;
const IDENTIFIER_BYTES = 4;

export const SCALAR_BYTES: Readonly<Record<TableScalar, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  f32: 4,
  f64: 8,
};

/** Bytes of an element in place: an offset of 4 for what lies elsewhere. */
export function elementBytes(type: TableElement): number {
  return type.kind === "scalar" ? SCALAR_BYTES[type.scalar] : type.kind === "struct" ? type.view.SIZE : 4;
}

export function elementAlign(type: TableElement): number {
  return type.kind === "scalar" ? SCALAR_BYTES[type.scalar] : type.kind === "struct" ? type.view.ALIGN : 4;
}

class Verifier {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });
  #tables: number;
  #work: number;

  constructor(bytes: Uint8Array, limits: TableLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#tables = limits.maxTables ?? MAX_TABLES;
    this.#work = bytes.length * SHARING;
  }

  root(shape: TableShape): number {
    const at = this.#follow(0, shape.name);
    if (this.#bytes.length < 4 + IDENTIFIER_BYTES) throw new TableError("Bounds", shape.name);
    for (let i = 0; i < IDENTIFIER_BYTES; i++) {
      if (this.#bytes[4 + i] !== shape.root.charCodeAt(i)) throw new TableError("Identifier", shape.name);
    }
    this.#table(at, shape, 1);
    return at;
  }

  #need(ok: boolean, fault: TableFaultName, where: string): void {
    if (!ok) throw new TableError(fault, where);
  }

  #range(at: number, size: number, align: number, where: string): void {
    this.#need(at % align === 0, "Alignment", where);
    this.#need(at >= 0 && at + size <= this.#bytes.length, "Bounds", where);
    this.#work -= size;
    this.#need(this.#work >= 0, "Budget", where);
  }

  /** Where the offset at `at` leads: forwards, to a multiple of 4. */
  #follow(at: number, where: string): number {
    this.#range(at, 4, 4, where);
    const offset = this.#view.getUint32(at, true);
    this.#need(offset !== 0, "Bounds", where);
    this.#range(at + offset, 4, 4, where);
    return at + offset;
  }

  #table(at: number, shape: TableShape, depth: number): void {
    this.#need(depth <= MAX_DEPTH, "Depth", shape.name);
    this.#need(this.#tables-- > 0, "Budget", shape.name);
    const vtable = at - this.#view.getInt32(at, true);
    this.#need(vtable >= 0 && vtable % 2 === 0 && vtable + 4 <= this.#bytes.length, "Vtable", shape.name);
    const vtableBytes = this.#view.getUint16(vtable, true);
    const tableBytes = this.#view.getUint16(vtable + 2, true);
    const sound = vtableBytes >= 4 && vtableBytes % 2 === 0 && vtable + vtableBytes <= this.#bytes.length;
    this.#need(sound && tableBytes >= 4, "Vtable", shape.name);
    this.#range(at, tableBytes, 4, shape.name);
    for (const field of shape.fields) {
      const offset = field.slot < vtableBytes ? this.#view.getUint16(vtable + field.slot, true) : 0;
      if (offset === 0) this.#need(!field.required, "Required", `${shape.name}.${field.name}`);
      else this.#field(at, offset, tableBytes, field, `${shape.name}.${field.name}`, depth);
    }
  }

  #field(at: number, offset: number, tableBytes: number, field: TableFieldShape, where: string, depth: number): void {
    const inline = field.vector ? 4 : elementBytes(field.type);
    const align = field.vector ? 4 : elementAlign(field.type);
    this.#need(offset >= 4 && offset + inline <= tableBytes, "Vtable", where);
    this.#need((at + offset) % align === 0, "Alignment", where);
    if (field.vector) this.#vector(this.#follow(at + offset, where), field.type, where, depth);
    else this.#element(at + offset, field.type, where, depth);
  }

  #element(at: number, type: TableElement, where: string, depth: number): void {
    if (type.kind === "string") this.#string(this.#follow(at, where), where);
    else if (type.kind === "table") this.#table(this.#follow(at, where), type.shape, depth + 1);
    else if (type.kind === "scalar" && type.bounded === true) this.#bounded(at, type.scalar, where);
  }

  #bounded(at: number, scalar: TableScalar, where: string): void {
    const high = scalar === "i64" ? this.#view.getInt32(at + 4, true) : this.#view.getUint32(at + 4, true);
    const low = this.#view.getUint32(at, true);
    const safe = high < 0x200000 && (high > -0x200000 || (high === -0x200000 && low > 0));
    this.#need(safe, "Range", where);
  }

  #vector(at: number, type: TableElement, where: string, depth: number): void {
    const length = this.#view.getUint32(at, true);
    const size = elementBytes(type);
    this.#range(at + 4, length * size, Math.max(4, 1), where);
    this.#need((at + 4) % elementAlign(type) === 0, "Alignment", where);
    if (type.kind === "struct" || (type.kind === "scalar" && type.bounded !== true)) return;
    for (let i = 0; i < length; i++) this.#element(at + 4 + i * size, type, where, depth);
  }

  #string(at: number, where: string): void {
    this.#need(this.#tables-- > 0, "Budget", where);
    const length = this.#view.getUint32(at, true);
    this.#range(at + 4, length + 1, 4, where);
    this.#need(this.#bytes[at + 4 + length] === 0, "Text", where);
    try {
      this.#utf8.decode(this.#bytes.subarray(at + 4, at + 4 + length));
    } catch {
      throw new TableError("Text", where);
    }
  }
}

/**
 * Checks every offset, length, alignment, string and number of a buffer.
 * @returns where its root table is
 * @throws TableError
 */
export function verifyTable(shape: TableShape, bytes: Uint8Array, limits: TableLimits = {}): number {
  if (bytes.length > (limits.maxBytes ?? MAX_BYTES)) throw new TableError("Budget", shape.name);
  return new Verifier(bytes, limits).root(shape);
}

/** A table's values by its fields' names in TypeScript. */
export type TableData = Record<string, unknown>;

/**
 * Verifies a buffer and copies its values out.
 * @throws TableError
 */
export function readTable(shape: TableShape, bytes: Uint8Array, limits: TableLimits = {}): TableData {
  // A copy: a buffer in shared memory may change between the check and the use.
  const own = new Uint8Array(bytes);
  return new Reader(own).table(verifyTable(shape, own, limits), shape);
}

class Reader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #scratch = new Map<StructView, Mem>();
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  table(at: number, shape: TableShape): TableData {
    const vtable = at - this.#view.getInt32(at, true);
    const vtableBytes = this.#view.getUint16(vtable, true);
    const data: TableData = {};
    for (const field of shape.fields) {
      const offset = field.slot < vtableBytes ? this.#view.getUint16(vtable + field.slot, true) : 0;
      if (offset !== 0) data[field.name] = this.#field(at + offset, field);
      else if (field.type.kind === "scalar" && !field.vector) data[field.name] = field.default;
    }
    return data;
  }

  #field(at: number, { type, vector }: TableFieldShape): unknown {
    if (!vector) return this.#element(at, type);
    const start = this.#follow(at);
    const length = this.#view.getUint32(start, true);
    if (type.kind === "scalar" && type.scalar === "u8") return this.#bytes.slice(start + 4, start + 4 + length);
    const size = elementBytes(type);
    return Array.from({ length }, (_, i) => this.#element(start + 4 + i * size, type));
  }

  #follow(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  #element(at: number, type: TableElement): unknown {
    switch (type.kind) {
      case "string": {
        const start = this.#follow(at);
        const length = this.#view.getUint32(start, true);
        return this.#utf8.decode(this.#bytes.subarray(start + 4, start + 4 + length));
      }
      case "table":
        return this.table(this.#follow(at), type.shape);
      case "struct": {
        const mem = this.#structMem(type.view);
        mem.u8.set(this.#bytes.subarray(at, at + type.view.SIZE));
        return new type.view(mem, 0).toData();
      }
      case "scalar":
        return this.#scalar(at, type.scalar, type.bounded === true);
    }
  }

  #structMem(view: StructView): Mem {
    let mem = this.#scratch.get(view);
    if (mem === undefined) {
      mem = new Mem(new ArrayBuffer(Math.ceil(view.SIZE / 8) * 8));
      this.#scratch.set(view, mem);
    }
    return mem;
  }

  #scalar(at: number, scalar: TableScalar, bounded: boolean): number | bigint {
    const view = this.#view;
    switch (scalar) {
      case "i8":
        return view.getInt8(at);
      case "u8":
        return view.getUint8(at);
      case "i16":
        return view.getInt16(at, true);
      case "u16":
        return view.getUint16(at, true);
      case "i32":
        return view.getInt32(at, true);
      case "u32":
        return view.getUint32(at, true);
      case "f32":
        return view.getFloat32(at, true);
      case "f64":
        return view.getFloat64(at, true);
      default: {
        const value = scalar === "i64" ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
        return bounded ? Number(value) : value;
      }
    }
  }
}
