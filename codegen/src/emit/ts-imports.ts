/** Which names a generated TypeScript file takes from which other file. */
import type { FieldModel, FileModel, Model, StructModel, TableModel, UnionModel } from "../model.ts";
import { shapeName } from "./ts-tables.ts";

/** A union stands with the enum of its discriminants. */
export function unionsOf(file: FileModel, model: Model): UnionModel[] {
  return model.unions.filter((union) => file.enums.some((item) => item.name === union.opcodeEnum));
}

export function importLines(file: FileModel, model: Model): string[] {
  const names = new Imports(file, model);
  for (const item of file.structs) structImports(item, names, model);
  for (const union of unionsOf(file, model)) {
    for (const member of union.members) {
      names.declared(member.struct);
      names.declared(member.struct, `${member.struct}Data`, true);
    }
  }
  for (const item of file.tables) tableImports(item, names);
  if (file.structs.length > 0 || unionsOf(file, model).length > 0) names.add("../src/core/mem.ts", "Mem", true);
  if (file.enums.some((item) => item.values.some(({ object }) => object !== undefined))) names.declared("SlotKind");
  if (file.enums.some((item) => item.bitFlags)) names.add("../src/core/names.ts", "flagNames");
  if (file.enums.some((item) => !item.bitFlags)) names.add("../src/core/names.ts", "enumName");
  return names.lines();
}

function structImports(item: StructModel, names: Imports, model: Model): void {
  const visible = item.fields.filter((field) => !field.reserved);
  for (const field of visible) {
    if (!("struct" in field.type)) continue;
    names.declared(field.type.struct);
    if (model.unions.find((union) => union.name === item.union?.name)?.path[0] !== field.name) {
      names.declared(field.type.struct, `${field.type.struct}Data`, true);
    }
  }
  for (const view of visible.flatMap((field) => field.views)) names.declared(view);
  const arrays = visible.filter((field) => field.count !== undefined);
  if (arrays.length > 0) names.add("../src/core/mem.ts", "element");
  if (arrays.some(isBytes)) names.add("../src/core/mem.ts", "copyBytes");
  if (arrays.some((field) => !isBytes(field))) names.add("../src/core/mem.ts", "fixedElement");
  const union = model.unions.find((candidate) => candidate.name === item.union?.name);
  if (union !== undefined) names.declared(union.opcodeEnum);
}

function tableImports(item: TableModel, names: Imports): void {
  names.add("../src/core/table.ts", "TableShape", true);
  if (item.root !== undefined) {
    names.add("../src/core/table.ts", "TableData", true);
    names.add("../src/core/table.ts", "TableLimits", true);
    names.add("../src/core/table.ts", "readTable");
    names.add("../src/core/table.ts", "verifyTable");
    names.add("../src/core/table-build.ts", "buildTable");
  }
  for (const { type } of item.fields) {
    if (type.kind === "struct") {
      names.declared(type.struct);
      names.declared(type.struct, `${type.struct}Data`, true);
    } else if (type.kind === "table") {
      names.declared(type.table, shapeName(type.table));
      names.declared(type.table, `${type.table}Data`, true);
    }
  }
}

function isBytes(field: FieldModel): boolean {
  return "scalar" in field.type && field.type.scalar === "u8";
}

/** The imports of one generated file. */
export class Imports {
  readonly #file: FileModel | undefined;
  readonly #model: Model;
  /** From file to name to whether only its type is needed. */
  readonly #byFile = new Map<string, Map<string, boolean>>();

  /** @param file whose declarations need no import; undefined: it has none */
  constructor(file: FileModel | undefined, model: Model) {
    this.#file = file;
    this.#model = model;
  }

  add(from: string, name: string, typeOnly = false): void {
    const names = this.#byFile.get(from) ?? new Map<string, boolean>();
    names.set(name, typeOnly && (names.get(name) ?? true));
    this.#byFile.set(from, names);
  }

  /** Adds `name`, which stands with the schema's `declaration`, unless that is this file. */
  declared(declaration: string, name = declaration, typeOnly = false): void {
    const owner = this.#model.files.find((file) =>
      [...file.enums, ...file.structs, ...file.tables].some((item) => item.name === declaration),
    );
    if (owner !== undefined && owner !== this.#file) this.add(`./${owner.stem}.ts`, name, typeOnly);
  }

  lines(): string[] {
    return [...this.#byFile]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([from, names]) => {
        const sorted = [...names].sort(([a], [b]) => (a < b ? -1 : 1));
        const allTypes = sorted.every(([, typeOnly]) => typeOnly);
        const list = sorted.map(([name, typeOnly]) => (typeOnly && !allTypes ? `type ${name}` : name)).join(", ");
        return `import ${allTypes ? "type " : ""}{ ${list} } from "${from}";`;
      });
  }
}
