/**
 * `abi/vectors.json`: for each struct its bytes, filled with a pattern, and the
 * values that every language must read there. The values are computed here from
 * the layout alone, by a third way besides the two generated ones.
 */
import type { Emitter, OutputFile } from "../emitter.ts";
import { type FieldModel, is64, type Model, SCALAR_SIZE, type ScalarKind, type StructModel } from "../model.ts";

/** 64-bit integers are decimal text: JSON readers lose their low bits. */
export type VectorValue = number | string | VectorValue[] | { [field: string]: VectorValue };

export interface Vector {
  readonly struct: string;
  readonly size: number;
  /** The struct's bytes, hexadecimal. */
  readonly bytes: string;
  /** Values by the schema's field names; reserved fields are left out, their bytes are 0. */
  readonly values: VectorValue;
}

export interface Vectors {
  readonly layoutHash: string;
  readonly enums: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly structs: readonly Vector[];
}

export const vectorsEmitter: Emitter = {
  name: "vectors",
  folders: ["abi"],
  emit(model: Model): OutputFile[] {
    const vectors: Vectors = {
      layoutHash: model.layoutHash,
      enums: Object.fromEntries(
        [...model.enums.values()].map((item) => [
          item.name,
          Object.fromEntries(item.values.map((value) => [value.name, String(value.value)])),
        ]),
      ),
      structs: model.files.flatMap((file) => file.structs.map((item) => vector(item, model))),
    };
    return [{ path: "abi/vectors.json", text: render(vectors) }];
  },
};

/** One line per struct and enum, so that a diff shows which changed. */
function render(vectors: Vectors): string {
  const enums = Object.entries(vectors.enums).map(
    ([name, values]) => `${JSON.stringify(name)}: ${JSON.stringify(values)}`,
  );
  const structs = vectors.structs.map((item) => JSON.stringify(item));
  return [
    "{",
    `"layoutHash": ${JSON.stringify(vectors.layoutHash)},`,
    `"enums": {\n${enums.join(",\n")}\n},`,
    `"structs": [\n${structs.join(",\n")}\n]`,
    "}",
    "",
  ].join("\n");
}

function vector(item: StructModel, model: Model): Vector {
  const bytes = new DataView(new ArrayBuffer(item.size));
  // A seed of its own per struct, so that two structs of one shape differ.
  let state = [...item.name].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0, 7);
  for (let i = 0; i < item.size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes.setUint8(i, state >>> 16);
  }
  settle(item, 0, bytes, model);
  setOpcode(item, bytes, model);
  const text = Array.from({ length: item.size }, (_, i) => bytes.getUint8(i).toString(16).padStart(2, "0")).join("");
  return { struct: item.name, size: item.size, bytes: text, values: structValues(item, 0, bytes, model) };
}

/** Makes the pattern legal: reserved bytes 0, bounded words below 2^53, floats finite. */
function settle(item: StructModel, base: number, bytes: DataView, model: Model): void {
  for (const { field, at } of elements(item, base)) {
    if (field.reserved) {
      for (let i = 0; i < field.elementSize; i++) bytes.setUint8(at + i, 0);
    } else if ("struct" in field.type) {
      const inner = model.structs.get(field.type.struct);
      if (inner !== undefined) settle(inner, at, bytes, model);
    } else if (field.bounded) {
      bytes.setUint16(at + 6, bytes.getUint16(at + 6, true) & 0x001f, true);
    } else if (field.type.scalar === "f32") {
      bytes.setFloat32(at, bytes.getInt16(at, true) / 8, true);
    } else if (field.type.scalar === "f64") {
      bytes.setFloat64(at, bytes.getInt32(at, true) / 1024, true);
    }
  }
}

/** A ring entry carries its own opcode. */
function setOpcode(item: StructModel, bytes: DataView, model: Model): void {
  const union = model.unions.find((candidate) => candidate.name === item.union?.name);
  const value = union?.members.find((member) => member.struct === item.name)?.value;
  if (union === undefined || value === undefined) return;
  for (let i = 0; i < SCALAR_SIZE[union.scalar]; i++) {
    bytes.setUint8(union.offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
  }
}

function structValues(item: StructModel, base: number, bytes: DataView, model: Model): VectorValue {
  const values: { [field: string]: VectorValue } = {};
  for (const { field, at, index } of elements(item, base)) {
    if (field.reserved) continue;
    const value = fieldValue(field, at, bytes, model);
    if (index === undefined) {
      values[field.name] = value;
    } else {
      const list = values[field.name];
      if (Array.isArray(list)) list.push(value);
      else values[field.name] = [value];
    }
  }
  return values;
}

function fieldValue(field: FieldModel, at: number, bytes: DataView, model: Model): VectorValue {
  if ("scalar" in field.type) return scalarValue(field.type.scalar, at, bytes);
  const inner = model.structs.get(field.type.struct);
  return inner === undefined ? {} : structValues(inner, at, bytes, model);
}

function scalarValue(scalar: ScalarKind, at: number, bytes: DataView): VectorValue {
  if (is64(scalar)) return String(scalar === "i64" ? bytes.getBigInt64(at, true) : bytes.getBigUint64(at, true));
  switch (scalar) {
    case "i8":
      return bytes.getInt8(at);
    case "u8":
      return bytes.getUint8(at);
    case "i16":
      return bytes.getInt16(at, true);
    case "u16":
      return bytes.getUint16(at, true);
    case "i32":
      return bytes.getInt32(at, true);
    case "f32":
      return bytes.getFloat32(at, true);
    case "f64":
      return bytes.getFloat64(at, true);
    default:
      return bytes.getUint32(at, true);
  }
}

/** Every element of every field with its place. */
function* elements(
  item: StructModel,
  base: number,
): Generator<{ field: FieldModel; at: number; index: number | undefined }> {
  for (const field of item.fields) {
    for (let i = 0; i < (field.count ?? 1); i++) {
      yield {
        field,
        at: base + field.offset + i * field.elementSize,
        index: field.count === undefined ? undefined : i,
      };
    }
  }
}
