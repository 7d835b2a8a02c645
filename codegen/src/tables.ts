/** FlatBuffers tables in the schema: what is handed over as a whole and may grow. */
import { BaseType, type RawField, type RawObject } from "./bfbs.ts";
import type { EnumModel, ScalarKind, TableElement, TableField, TableModel } from "./model.ts";

/** Tables that hold tables that hold…: readers keep as many places. */
export const MAX_DEPTH = 8;

/** What the builder knows of the other declarations. */
export interface TableContext {
  readonly name: string;
  readonly where: string;
  readonly scalars: ReadonlyMap<number, ScalarKind>;
  readonly enums: ReadonlyMap<string, EnumModel>;
  whereOf(field: string): string;
  object(index: number): { readonly name: string; readonly isStruct: boolean; readonly isTable: boolean };
  enumOf(index: number): string | undefined;
  refuse(sentence: string, where?: string): void;
}

export function readTableModel(item: RawObject, context: TableContext): TableModel {
  const root = item.attributes.get("root");
  if (root !== undefined && !/^[A-Z0-9]{4}$/.test(root))
    context.refuse(`table ${context.name}: a file identifier has four capital letters or digits; write (root: "FSXX")`);
  return {
    name: context.name,
    doc: item.doc,
    where: context.where,
    root,
    frozen: item.attributes.has("frozen"),
    fields: item.fields.map((field) => readField(field, context)),
  };
}

function readField(field: RawField, context: TableContext): TableField {
  const label = `${context.name}.${field.name}`;
  const where = context.whereOf(field.name);
  const refuse = (sentence: string): void => context.refuse(`${label}: ${sentence}`, where);
  const { base, index } = field.type;
  const isVector = base === BaseType.Vector;
  const element = isVector ? field.type.element : base;
  const scalar = context.scalars.get(element);
  let type: TableElement;
  if (scalar !== undefined) {
    type = { kind: "scalar", scalar, enum: index < 0 ? undefined : context.enumOf(index) };
  } else if (element === BaseType.String) {
    type = { kind: "string" };
  } else if (element === BaseType.Obj) {
    const target = context.object(index);
    if (!target.isStruct && !target.isTable) refuse(`${target.name} is no layout; name a struct or a table`);
    type = target.isStruct ? { kind: "struct", struct: target.name } : { kind: "table", table: target.name };
  } else {
    const sentence =
      element === BaseType.Bool
        ? "bool has no fixed meaning for its other 254 values; use ubyte or a bit of a flags word"
        : "its type has no reader; use numbers, strings, structs, tables and vectors of them";
    refuse(sentence);
    type = { kind: "string" };
  }
  if (field.deprecated)
    refuse("deprecated fields lose their readers; keep it and say in its documentation that it is 0");
  if (field.optional && !isVector && scalar !== undefined)
    refuse("a scalar that may be null has no reader; give it a default, or add a flag");
  const bounded = field.attributes.has("bounded");
  if (bounded && scalar !== "u64" && scalar !== "i64")
    refuse("(bounded) is for ulong and long, which may not fit a Number; remove it");
  if ((scalar === "f32" || scalar === "f64") && !isVector && field.defaultReal !== 0)
    refuse("defaults other than 0 are for integers; remove it");
  return {
    name: field.name,
    id: field.id,
    slot: 4 + 2 * field.id,
    type,
    vector: isVector,
    required: field.required,
    bounded,
    default: scalar === "u64" ? BigInt.asUintN(64, field.defaultInteger) : field.defaultInteger,
    unit: field.attributes.get("unit"),
    doc: field.doc,
    where,
  };
}

/** Tables must end: one that holds itself could be nested without bound. */
export function checkTables(tables: ReadonlyMap<string, TableModel>): string[] {
  const problems: string[] = [];
  // Each table once: hostile ones could name one another exponentially often.
  const known = new Map<string, number>();
  const depth = (item: TableModel, path: readonly string[]): number => {
    if (path.includes(item.name)) {
      problems.push(`${item.where}: table ${item.name}: it holds itself, by ${path.at(-1)}; use indices instead.`);
      return 0;
    }
    const done = known.get(item.name);
    if (done !== undefined) return done;
    const inner = item.fields.flatMap((field) =>
      field.type.kind === "table" ? [tables.get(field.type.table)].filter((table) => table !== undefined) : [],
    );
    const deep = 1 + Math.max(0, ...inner.map((table) => depth(table, [...path, item.name])));
    known.set(item.name, deep);
    return deep;
  };
  for (const item of tables.values()) {
    const deep = depth(item, []);
    if (deep > MAX_DEPTH)
      problems.push(`${item.where}: table ${item.name}: ${deep} tables deep, readers go to ${MAX_DEPTH}; flatten it.`);
  }
  return problems;
}
