/** Tables in TypeScript: their data objects, shapes, and functions that read, verify and build them. */
import type { FileModel, Model, TableElement, TableField, TableModel } from "../model.ts";
import { is64 } from "../model.ts";
import { camel, snake } from "../names.ts";

/** Text, since ts-morph has nothing to add to it. A table stands after those that it holds. */
export function tableStatements(file: FileModel, model: Model): string[] {
  const done = new Set<string>();
  const out: string[] = [];
  const add = (item: TableModel): void => {
    if (done.has(item.name)) return;
    done.add(item.name);
    for (const field of item.fields) {
      const inner = field.type.kind === "table" ? model.tables.get(field.type.table) : undefined;
      if (inner !== undefined && file.tables.includes(inner)) add(inner);
    }
    out.push(tableText(item));
  };
  for (const item of file.tables) add(item);
  return out;
}

export function shapeName(table: string): string {
  return `${snake(table).toUpperCase()}_SHAPE`;
}

function tableText(item: TableModel): string {
  const data = `${item.name}Data`;
  return [
    "",
    doc(["", ...item.doc].slice(1)),
    `export interface ${data} {`,
    ...item.fields.flatMap((field) => [
      `  ${doc([...field.doc, ...(field.unit === undefined ? [] : [`Unit: ${field.unit}.`])])}`,
      `  ${camel(field.name)}${field.required ? "" : "?"}: ${fieldType(field)}${field.required ? "" : " | undefined"};`,
    ]),
    "}",
    "",
    `/** Fields of ${item.name}, for the verifier, the reader and the builder. */`,
    `export const ${shapeName(item.name)}: TableShape = {`,
    `  name: "${item.name}",`,
    `  root: "${item.root ?? ""}",`,
    "  fields: [",
    ...item.fields.map(
      (field) =>
        `    { name: "${camel(field.name)}", slot: ${field.slot}, type: ${elementText(field)}, vector: ${field.vector}, required: ${field.required}, default: ${defaultText(field)} },`,
    ),
    "  ],",
    "};",
    ...(item.root === undefined ? [] : rootFunctions(item, data)),
  ].join("\n");
}

function rootFunctions(item: TableModel, data: string): string[] {
  const shape = shapeName(item.name);
  return [
    "",
    `/** Whether \`bytes\` hold a sound ${item.name}.\n * @throws TableError\n */`,
    `export function verify${item.name}(bytes: Uint8Array, limits?: TableLimits): void {`,
    `  verifyTable(${shape}, bytes, limits);`,
    "}",
    "",
    `/** Verifies \`bytes\` and copies the ${item.name} out; absent numbers are their defaults.\n * @throws TableError\n */`,
    `export function read${item.name}(bytes: Uint8Array, limits?: TableLimits): ${data} {`,
    `  return readTable(${shape}, bytes, limits) as unknown as ${data};`,
    "}",
    "",
    `/** The buffer of a ${item.name}.\n * @throws RangeError for a number that its field cannot hold\n */`,
    `export function build${item.name}(data: ${data}): Uint8Array {`,
    `  return buildTable(${shape}, data as unknown as TableData);`,
    "}",
  ];
}

function elementText(field: TableField): string {
  const { type } = field;
  switch (type.kind) {
    case "scalar":
      return `{ kind: "scalar", scalar: "${type.scalar}"${field.bounded ? ", bounded: true" : ""} }`;
    case "struct":
      return `{ kind: "struct", view: ${type.struct} }`;
    case "table":
      return `{ kind: "table", shape: ${shapeName(type.table)} }`;
    case "string":
      return '{ kind: "string" }';
  }
}

function defaultText(field: TableField): string {
  const wide = field.type.kind === "scalar" && is64(field.type.scalar) && !field.bounded;
  return wide ? `${field.default}n` : String(field.default);
}

function fieldType(field: TableField): string {
  const { type } = field;
  if (field.vector && type.kind === "scalar" && type.scalar === "u8") return "Uint8Array";
  const base = elementType(type, field.bounded);
  return field.vector ? `readonly ${base}[]` : base;
}

function elementType(type: TableElement, bounded: boolean): string {
  switch (type.kind) {
    case "scalar":
      return is64(type.scalar) && !bounded ? "bigint" : "number";
    case "struct":
      return `${type.struct}Data`;
    case "table":
      return `${type.table}Data`;
    case "string":
      return "string";
  }
}

function doc(lines: readonly string[]): string {
  return `/** ${lines.join(" ").replaceAll("*/", "*\\/")} */`;
}
