/** Builds FlatBuffers buffers of tables, front to back: a table, then what its fields point to. */
import { Mem } from "./mem.ts";
import {
  elementAlign,
  elementBytes,
  type StructView,
  type TableData,
  type TableElement,
  type TableFieldShape,
  type TableScalar,
  type TableShape,
} from "./table.ts";

const FIRST_BYTES = 1024;
/** Offsets are 32 bits, and readers take signed ones. */
const MAX_BYTES = 0x7fffffff;
const encoder = new TextEncoder();

/**
 * A buffer with the values of `data` as its root table. Scalars that are absent or have their
 * default take no room.
 * @throws RangeError for a value that its field cannot hold, TypeError for a required one that is missing
 */
export function buildTable(shape: TableShape, data: TableData): Uint8Array {
  const writer = new Writer();
  const root = writer.reserve(8, 4);
  for (let i = 0; i < shape.root.length; i++) writer.view.setUint8(root + 4 + i, shape.root.charCodeAt(i));
  writer.point(root, writer.table(shape, data));
  return writer.bytes();
}

class Writer {
  #buffer = new Uint8Array(FIRST_BYTES);
  view = new DataView(this.#buffer.buffer);
  #length = 0;
  readonly #vtables = new Map<string, number>();

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** Room for `size` bytes, zeros, at a multiple of `align` (counted `before` bytes further on). */
  reserve(size: number, align: number, before = 0): number {
    const at = Math.ceil((this.#length + before) / align) * align - before;
    const end = at + size;
    if (end > MAX_BYTES) throw new RangeError(`a buffer of more than ${MAX_BYTES} bytes`);
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(MAX_BYTES, Math.max(end, 2 * this.#buffer.length)));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    this.#length = end;
    return at;
  }

  point(at: number, target: number): void {
    this.view.setUint32(at, target - at, true);
  }

  table(shape: TableShape, data: TableData): number {
    const present = shape.fields.filter((field) => isPresent(shape, field, data[field.name]));
    // Largest alignment first: no gaps between fields.
    const order = [...present].sort((a, b) => inlineAlign(b) - inlineAlign(a));
    const align = Math.max(4, ...present.map(inlineAlign));
    const offsets = new Map<number, number>();
    let size = 4;
    for (const field of order) {
      const step = inlineAlign(field);
      size = Math.ceil(size / step) * step;
      offsets.set(field.slot, size);
      size += inlineBytes(field);
    }
    if (size > 0xffff) throw new RangeError(`${shape.name}: ${size} bytes in one table`);
    const vtable = this.#vtable(shape, offsets, size);
    const at = this.reserve(size, align);
    this.view.setInt32(at, at - vtable, true);
    for (const field of present) {
      const place = at + (offsets.get(field.slot) ?? 0);
      const value = data[field.name];
      if (field.vector) this.point(place, this.#vector(shape, field, value));
      else this.#element(place, field.type, value, `${shape.name}.${field.name}`);
    }
    return at;
  }

  /** Tables of the same form share one. */
  #vtable(shape: TableShape, offsets: ReadonlyMap<number, number>, size: number): number {
    const last = Math.max(2, ...offsets.keys());
    const key = `${last} ${size} ${[...offsets].sort(([a], [b]) => a - b).join(" ")} ${shape.name}`;
    const known = this.#vtables.get(key);
    if (known !== undefined) return known;
    const at = this.reserve(last + 2, 2);
    this.view.setUint16(at, last + 2, true);
    this.view.setUint16(at + 2, size, true);
    for (const [slot, offset] of offsets) this.view.setUint16(at + slot, offset, true);
    this.#vtables.set(key, at);
    return at;
  }

  #vector(shape: TableShape, field: TableFieldShape, value: unknown): number {
    const where = `${shape.name}.${field.name}`;
    const values = value as ArrayLike<unknown>;
    const size = elementBytes(field.type);
    const align = Math.max(4, elementAlign(field.type));
    const at = this.reserve(4 + values.length * size, align, 4);
    this.view.setUint32(at, values.length, true);
    if (value instanceof Uint8Array && size === 1) {
      this.#buffer.set(value, at + 4);
      return at;
    }
    for (let i = 0; i < values.length; i++) this.#element(at + 4 + i * size, field.type, values[i], where);
    return at;
  }

  #element(at: number, type: TableElement, value: unknown, where: string): void {
    switch (type.kind) {
      case "string":
        this.point(at, this.#string(value as string));
        break;
      case "table":
        this.point(at, this.table(type.shape, value as TableData));
        break;
      case "struct":
        this.#buffer.set(structBytes(type.view, value), at);
        break;
      case "scalar":
        this.#scalar(at, type.scalar, type.bounded === true, value as number | bigint, where);
        break;
    }
  }

  #string(text: string): number {
    const bytes = encoder.encode(text);
    const at = this.reserve(4 + bytes.length + 1, 4);
    this.view.setUint32(at, bytes.length, true);
    this.#buffer.set(bytes, at + 4);
    return at;
  }

  #scalar(at: number, scalar: TableScalar, bounded: boolean, value: number | bigint, where: string): void {
    const view = this.view;
    if (scalar === "f32") view.setFloat32(at, Number(value), true);
    else if (scalar === "f64") view.setFloat64(at, Number(value), true);
    else {
      if (bounded && !Number.isSafeInteger(value)) throw new RangeError(`${where}: ${value} is no integer below 2^53`);
      const bits = 8 * elementBytes({ kind: "scalar", scalar });
      const wide = BigInt(value);
      const cut = scalar.startsWith("i") ? BigInt.asIntN(bits, wide) : BigInt.asUintN(bits, wide);
      if (cut !== wide) throw new RangeError(`${where}: ${value} does not fit ${scalar}`);
      for (let i = 0; i < bits; i += 8) view.setUint8(at + i / 8, Number((wide >> BigInt(i)) & 0xffn));
    }
  }
}

function structBytes(view: StructView, value: unknown): Uint8Array {
  const mem = new Mem(new ArrayBuffer(Math.ceil(view.SIZE / 8) * 8));
  new view(mem, 0).setData(value as never);
  return mem.u8.subarray(0, view.SIZE);
}

function inlineBytes(field: TableFieldShape): number {
  return field.vector ? 4 : elementBytes(field.type);
}

function inlineAlign(field: TableFieldShape): number {
  return field.vector ? 4 : elementAlign(field.type);
}

function isPresent(shape: TableShape, field: TableFieldShape, value: unknown): boolean {
  if (value === undefined || value === null) {
    if (field.required) throw new TypeError(`${shape.name}.${field.name} is required`);
    return false;
  }
  return field.vector || field.type.kind !== "scalar" || value !== field.default;
}
