/** Plain data objects: the values of a struct outside the memory. */
import type { MethodDeclarationStructure, OptionalKind, PropertySignatureStructure } from "ts-morph";
import { fieldDoc } from "../emitter.ts";
import type { FieldModel, Model, StructModel, UnionModel } from "../model.ts";
import { camel, pascal } from "../names.ts";
import { valueType } from "./ts-fields.ts";
import { docs } from "./ts-text.ts";

/** One property of a data object and the view expression that it mirrors. */
interface Item {
  readonly field: FieldModel;
  readonly name: string;
  /** View that has the field: `this`, or `this.header` for a union member's header. */
  readonly view: string;
  /** The discriminant's constant, for a union member's opcode. */
  readonly constant: string | undefined;
}

/**
 * A union member's header is flattened into its data object, so that TypeScript
 * can tell the members apart by `opcode`.
 */
function items(item: StructModel, model: Model): Item[] {
  const union = model.unions.find((candidate) => candidate.name === item.union?.name);
  return item.fields
    .filter((field) => !field.reserved)
    .flatMap((field): Item[] => {
      const header = union !== undefined && union.path.length === 2 && union.path[0] === field.name;
      if (!header || !("struct" in field.type)) return [one(field, "this", item, union, [field.name])];
      const inner = model.structs.get(field.type.struct)?.fields ?? [];
      return inner
        .filter((child) => !child.reserved)
        .map((child) => one(child, `this.${camel(field.name)}`, item, union, [field.name, child.name]));
    });
}

function one(
  field: FieldModel,
  view: string,
  item: StructModel,
  union: UnionModel | undefined,
  path: readonly string[],
): Item {
  const isOpcode = union !== undefined && union.path.join(".") === path.join(".");
  const constant = isOpcode ? `${union.opcodeEnum}.${item.union?.opcode}` : undefined;
  return { field, name: camel(field.name), view, constant };
}

export function dataProperties(item: StructModel, model: Model): OptionalKind<PropertySignatureStructure>[] {
  return items(item, model).map(({ field, name, constant }) => ({
    name,
    type: constant === undefined ? dataType(field) : `typeof ${constant}`,
    docs: docs(fieldDoc(field)),
  }));
}

function dataType(field: FieldModel): string {
  if ("scalar" in field.type && field.type.scalar === "u8" && field.count !== undefined) return "Uint8Array";
  const base = "struct" in field.type ? `${field.type.struct}Data` : valueType(field, field.type.scalar);
  return field.count === undefined ? base : `${base}[]`;
}

/** `toData()`: copies every value out, each read once. */
export function toData(item: StructModel, model: Model): OptionalKind<MethodDeclarationStructure> {
  const lines = items(item, model).map((entry) => `  ${entry.name}: ${entry.constant ?? readExpression(entry)},`);
  return {
    name: "toData",
    docs: ["Copies the values out of the memory."],
    returnType: `${item.name}Data`,
    statements: ["return {", ...lines, "};"],
  };
}

function readExpression({ field, name, view }: Item): string {
  const isStruct = "struct" in field.type;
  if (field.count === undefined) return isStruct ? `${view}.${name}.toData()` : `${view}.${name}`;
  if (dataType(field) === "Uint8Array") return `${view}.${name}Bytes().slice()`;
  return `Array.from({ length: ${field.count} }, (_, i) => ${view}.${name}(i)${isStruct ? ".toData()" : ""})`;
}

/** `setData(data)`: writes every value, and 0 into what is reserved. */
export function fromData(item: StructModel, model: Model): OptionalKind<MethodDeclarationStructure> {
  const clear = item.fields
    .filter((field) => field.reserved)
    .map(
      (field) =>
        `this.$mem.u8.fill(0, this.$base + ${field.offset}, this.$base + ${field.offset + field.elementSize * (field.count ?? 1)});`,
    );
  return {
    name: "setData",
    docs: [
      "Writes the values into the memory, and 0 into reserved words. Not atomic: for memory that nobody reads yet.",
    ],
    parameters: [{ name: "data", type: `${item.name}Data` }],
    returnType: "void",
    statements: [...items(item, model).flatMap(writeStatements), ...clear],
  };
}

function writeStatements({ field, name, view, constant }: Item): string[] {
  if (constant !== undefined) return [`${view}.${name} = ${constant};`];
  const isStruct = "struct" in field.type;
  if (field.count === undefined)
    return [isStruct ? `${view}.${name}.setData(data.${name});` : `${view}.${name} = data.${name};`];
  if (dataType(field) === "Uint8Array") return [`copyBytes(${view}.${name}Bytes(), data.${name});`];
  const value = `fixedElement(data.${name}, i, ${field.count})`;
  const write = isStruct ? `${view}.${name}(i).setData(${value});` : `${view}.set${pascal(name)}(i, ${value});`;
  return [`for (let i = 0; i < ${field.count}; i++) ${write}`];
}
