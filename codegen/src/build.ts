/** Turns a binary schema into the model, and refuses what the ABI's rules forbid. */
import { createHash } from "node:crypto";
import {
  type Attributes,
  BaseType,
  type RawEnum,
  type RawEnumValue,
  type RawField,
  type RawObject,
  type RawSchema,
  type RawType,
} from "./bfbs.ts";
import { checkBoundary, isBoundary, readBoundary } from "./boundary.ts";
import { checkEnum, checkOpcodes, checkSlots, checkStruct, checkUnions } from "./checks.ts";
import {
  type BoundaryItem,
  type ConstantsModel,
  type EnumModel,
  type EnumValueModel,
  type FieldModel,
  type FileModel,
  type Model,
  type ReplyModel,
  renderLayout,
  SCALAR_SIZE,
  type ScalarKind,
  type StructModel,
  type TableModel,
  type UnionModel,
  VERSION,
} from "./model.ts";
import { checkPayload, checkReply, readReply } from "./replies.ts";
import { checkRequests, readFieldOfRequest, readRequest } from "./requests.ts";
import { mapSource, type SourceMap } from "./source.ts";
import { checkCalls, readCall } from "./syscalls.ts";
import { checkTables, readTableModel } from "./tables.ts";

/** The schema breaks a rule; each problem is one sentence that says where and what to do. */
export class SchemaError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "SchemaError";
    this.problems = problems;
  }
}

const SCALARS: ReadonlyMap<number, ScalarKind> = new Map([
  [BaseType.Byte, "i8"],
  [BaseType.UByte, "u8"],
  [BaseType.Short, "i16"],
  [BaseType.UShort, "u16"],
  [BaseType.Int, "i32"],
  [BaseType.UInt, "u32"],
  [BaseType.Long, "i64"],
  [BaseType.ULong, "u64"],
  [BaseType.Float, "f32"],
  [BaseType.Double, "f64"],
]);

/** Go reads such endings of a file name as build constraints or as a test. */
const GO_SUFFIX =
  /_(test|linux|darwin|windows|js|wasip1|android|ios|freebsd|netbsd|openbsd|plan9|solaris|unix|wasm|riscv64|amd64|arm64|arm|386)$/;

/**
 * @param sources text of each .fbs file by name (`threads.fbs`)
 * @throws SchemaError with every problem found
 */
export function buildModel(raw: RawSchema, sources: ReadonlyMap<string, string>): Model {
  return new Builder(raw, sources).build();
}

class Builder {
  readonly #raw: RawSchema;
  readonly #maps = new Map<string, SourceMap>();
  readonly #problems: string[] = [];

  constructor(raw: RawSchema, sources: ReadonlyMap<string, string>) {
    this.#raw = raw;
    for (const [name, text] of sources) this.#maps.set(name, mapSource(text));
  }

  build(): Model {
    const enums = new Map<string, EnumModel>();
    const structs = new Map<string, StructModel>();
    const constants = new Map<string, ConstantsModel>();
    const tables = new Map<string, TableModel>();
    const boundary: BoundaryItem[] = [];
    for (const item of this.#raw.enums) {
      if (item.isUnion)
        this.#refuse(
          this.#where(item),
          `union ${local(item.name)}: FlatBuffers unions need tables; give each struct (union:"…", opcode:"…") instead`,
        );
      else enums.set(local(item.name), this.#enum(item));
    }
    for (const item of this.#raw.objects) {
      if (item.isStruct) structs.set(local(item.name), this.#struct(item, enums));
      else if (item.attributes.has("constants")) constants.set(local(item.name), this.#constants(item));
      else if (isBoundary(item)) boundary.push(this.#boundary(item, enums));
      else {
        const table = this.#table(item, enums);
        if (table !== undefined) tables.set(table.name, table);
      }
    }
    const unions = this.#unions([...structs.values()], structs, enums);
    this.#problems.push(...checkRequests(unions, structs));
    const declared = { enums, structs, constants, tables };
    for (const item of enums.values()) this.#problems.push(...checkEnum(item));
    for (const item of structs.values()) {
      this.#problems.push(...checkStruct(item, structs));
      if (item.reply === undefined) continue;
      for (const sentence of checkPayload(`struct ${item.name}`, item.reply, declared))
        this.#refuse(item.where, sentence);
    }
    this.#problems.push(
      ...checkUnions(unions, structs),
      ...checkOpcodes(unions, enums),
      ...checkSlots([...structs.values()], enums),
    );
    this.#problems.push(...checkBoundary(boundary), ...checkTables(tables), ...checkCalls(declared));
    const files = this.#files(declared);
    const rank = (item: BoundaryItem): number => Number(/:(\d+)$/.exec(item.where)?.[1] ?? 0);
    boundary.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
    const version = this.#version(constants);
    if (this.#problems.length > 0) throw new SchemaError(this.#problems);
    const model = { files, enums, structs, tables, unions, boundary, version };
    const layoutHash = createHash("sha256").update(renderLayout(model)).digest("hex").slice(0, 16);
    return { ...model, layoutHash };
  }

  #refuse(where: string, sentence: string): void {
    this.#problems.push(`${where}: ${sentence}.`);
  }

  #where(item: { readonly name: string; readonly file: string }, member?: string): string {
    const file = fileName(item.file);
    const name = local(item.name);
    const line = this.#maps.get(file)?.line(member === undefined ? name : `${name}.${member}`) ?? 0;
    return line === 0 ? file : `${file}:${line}`;
  }

  #enum(item: RawEnum): EnumModel {
    const scalar = SCALARS.get(item.underlying.base);
    if (scalar === undefined) {
      this.#refuse(
        this.#where(item),
        `enum ${local(item.name)}: its type must be an integer; write one after the name, as in ": uint"`,
      );
    }
    return {
      name: local(item.name),
      doc: item.doc,
      where: this.#where(item),
      scalar: scalar ?? "i32",
      bare: item.attributes.has("bare"),
      bitFlags: item.attributes.has("bit_flags"),
      values: this.#values(item, scalar === "u64"),
    };
  }

  /**
   * Values by number. flatc lets a number repeat (and then sorts arbitrarily):
   * right for Linux's own names, so in a bare enum the first name in the file
   * counts and the others are its aliases; elsewhere it is a reused number.
   */
  #values(item: RawEnum, unsigned: boolean): EnumValueModel[] {
    const map = this.#maps.get(fileName(item.file));
    const rank = (value: RawEnumValue): number => map?.rank(`${local(item.name)}.${value.name}`) ?? 0;
    const values: (EnumValueModel & { aliases: string[] })[] = [];
    const sorted = [...item.values].sort((a, b) => Number(a.value - b.value) || rank(a) - rank(b));
    for (const raw of sorted) {
      const value = unsigned ? BigInt.asUintN(64, raw.value) : raw.value;
      const aliases = words(raw.attributes.get("alias"));
      const first = values.at(-1);
      if (first?.value !== value) {
        const shown = raw.attributes.get("shown");
        const object = raw.attributes.get("object");
        const call = readCall(raw.attributes, this.#where(item, raw.name));
        const described = {
          ...(shown !== undefined && { shown }),
          ...(object !== undefined && { object }),
          ...(raw.attributes.has("frozen") && { frozen: true as const }),
          ...(call !== undefined && { call }),
        };
        values.push({ name: raw.name, value, aliases, doc: raw.doc, ...described });
      } else if (item.attributes.has("bare")) {
        first.aliases.push(raw.name, ...aliases);
      } else {
        this.#refuse(
          this.#where(item, raw.name),
          `${local(item.name)}.${raw.name}: ${value} is the number of ${first.name} already; give it its own, or make the enum a table with (constants)`,
        );
      }
    }
    return values;
  }

  #constants(item: RawObject): ConstantsModel {
    const values = item.fields.map((field) => {
      const scalar = SCALARS.get(field.type.base);
      const label = `${local(item.name)}.${field.name}`;
      if (scalar === undefined || scalar === "f32" || scalar === "f64") {
        this.#refuse(this.#where(item, field.name), `${label}: a constant must be an integer; give it an integer type`);
      } else if (scalar === "u64") {
        this.#refuse(
          this.#where(item, field.name),
          `${label}: flatc turns a default above 2^63 into 0; make the constant a long`,
        );
      }
      return {
        name: field.name,
        value: field.defaultInteger,
        ...(field.attributes.has("frozen") && { frozen: true as const }),
        doc: field.doc,
      };
    });
    return {
      name: local(item.name),
      doc: item.doc,
      where: this.#where(item),
      bare: item.attributes.has("bare"),
      values,
    };
  }

  #boundary(item: RawObject, enums: ReadonlyMap<string, EnumModel>): BoundaryItem {
    const where = this.#where(item);
    return readBoundary(item, {
      name: local(item.name),
      where,
      enums,
      enumOf: (index) => local(this.#raw.enums[index]?.name ?? "?"),
      refuse: (sentence) => this.#refuse(where, sentence),
    });
  }

  #table(item: RawObject, enums: ReadonlyMap<string, EnumModel>): TableModel | undefined {
    const name = local(item.name);
    const where = this.#where(item);
    const live = ["slot", "cacheline", "opcode", "union", "owner"].find((word) => item.attributes.has(word));
    if (live !== undefined) {
      this.#refuse(where, `table ${name}: a table is never on a live path, but it has (${live}); make it a struct`);
      return undefined;
    }
    return readTableModel(item, {
      name,
      where,
      scalars: SCALARS,
      enums,
      whereOf: (field) => this.#where(item, field),
      object: (index) => {
        const target = this.#raw.objects[index];
        const isTable =
          target !== undefined && !target.isStruct && !target.attributes.has("constants") && !isBoundary(target);
        return { name: local(target?.name ?? "?"), isStruct: target?.isStruct === true, isTable };
      },
      enumOf: (index) => local(this.#raw.enums[index]?.name ?? "?"),
      refuse: (sentence, at = where) => this.#refuse(at, sentence),
    });
  }

  #struct(item: RawObject, enums: ReadonlyMap<string, EnumModel>): StructModel {
    const name = local(item.name);
    const where = this.#where(item);
    if (item.attributes.has("force_align")) {
      this.#refuse(
        where,
        `struct ${name}: force_align reaches neither Go nor TypeScript; use (cacheline) and explicit padding`,
      );
    }
    const cacheLine = item.attributes.get("cacheline");
    const union = item.attributes.get("union");
    const opcode = item.attributes.get("opcode");
    if ((union === undefined) !== (opcode === undefined)) {
      this.#refuse(where, `struct ${name}: (union) and (opcode) belong together; give both or none`);
    }
    return {
      name,
      doc: item.doc,
      where,
      size: item.byteSize,
      align: item.minAlign,
      fields: item.fields.map((field) => this.#field(item, field, enums)),
      cacheLine: cacheLine === undefined ? undefined : Number(cacheLine),
      frozen: item.attributes.has("frozen"),
      slot: item.attributes.get("slot"),
      headless: item.attributes.has("headless"),
      owner: item.attributes.get("owner"),
      uapi: item.attributes.has("uapi"),
      reply: this.#reply(item, where, enums),
      request: readRequest(item, opcode),
      union: union === undefined || opcode === undefined ? undefined : { name: union, opcode },
    };
  }

  #reply(item: RawObject, where: string, enums: ReadonlyMap<string, EnumModel>): ReplyModel | undefined {
    const reply = readReply(item);
    if (reply === undefined) return undefined;
    for (const sentence of checkReply(`struct ${local(item.name)}`, reply, enums)) this.#refuse(where, sentence);
    return reply;
  }

  #field(owner: RawObject, field: RawField, enums: ReadonlyMap<string, EnumModel>): FieldModel {
    const where = this.#where(owner, field.name);
    const label = `${local(owner.name)}.${field.name}`;
    const isArray = field.type.base === BaseType.Array;
    const base = isArray ? field.type.element : field.type.base;
    const attributes = field.attributes;
    if (base === BaseType.Bool) {
      this.#refuse(
        where,
        `${label}: bool has no fixed meaning for its other 254 values; use ubyte or a bit of a flags word`,
      );
    }
    return {
      name: field.name,
      offset: field.offset,
      ...this.#type(base, field.type),
      count: isArray ? field.type.fixedLength : undefined,
      enum: this.#enumOf(field.type, base, attributes, enums, where, label),
      atomic: attributes.has("atomic"),
      bounded: attributes.has("bounded"),
      reserved: attributes.has("reserved"),
      seqlock: attributes.has("seqlock"),
      counts: attributes.has("counts"),
      frozen: attributes.has("frozen"),
      line: attributes.has("line"),
      owner: attributes.get("owner") ?? (base === BaseType.Obj ? undefined : owner.attributes.get("owner")),
      unit: attributes.get("unit"),
      views: attributes.get("views")?.split("|") ?? [],
      ...readFieldOfRequest(attributes),
      doc: field.doc,
      where,
    };
  }

  #type(base: number, type: RawType): Pick<FieldModel, "type" | "elementSize"> {
    if (base === BaseType.Obj) {
      const target = this.#raw.objects[type.index];
      return { type: { struct: local(target?.name ?? "?") }, elementSize: target?.byteSize ?? 0 };
    }
    const scalar = SCALARS.get(base) ?? "u8";
    return { type: { scalar }, elementSize: SCALAR_SIZE[scalar] };
  }

  /** The field's enum: by its type, or by (enum:"Name") where the enum has no value 0, which flatc demands. */
  #enumOf(
    type: RawType,
    base: number,
    attributes: Attributes,
    enums: ReadonlyMap<string, EnumModel>,
    where: string,
    label: string,
  ): string | undefined {
    const named = attributes.get("enum");
    if (named === undefined) {
      return base === BaseType.Obj || type.index < 0 ? undefined : local(this.#raw.enums[type.index]?.name ?? "?");
    }
    const target = enums.get(named);
    if (target === undefined) this.#refuse(where, `${label}: there is no enum ${named}; declare it or correct (enum)`);
    else if (SCALARS.get(base) !== target.scalar) {
      this.#refuse(where, `${label}: ${named} is stored as ${target.scalar}; give the field that type`);
    }
    return named;
  }

  #unions(
    members: readonly StructModel[],
    structs: ReadonlyMap<string, StructModel>,
    enums: ReadonlyMap<string, EnumModel>,
  ): UnionModel[] {
    const names = [...new Set(members.flatMap((item) => (item.union === undefined ? [] : [item.union.name])))].sort();
    return names.flatMap((name) => {
      const list = members.filter((item) => item.union?.name === name);
      const found = list.map((item) => ({ item, place: discriminant(item, structs) }));
      const first = found[0]?.place;
      for (const { item, place } of found) {
        if (place === undefined) {
          this.#refuse(
            item.where,
            `struct ${item.name}: a member of ${name} needs an enum field "opcode", its own or of its first nested struct; add it`,
          );
        } else if (first !== undefined && (place.offset !== first.offset || place.enum !== first.enum)) {
          this.#refuse(
            item.where,
            `struct ${item.name}: its opcode is ${place.enum} at offset ${place.offset}, but ${name} has ${first.enum} at ${first.offset}; use the same header`,
          );
        }
      }
      if (first === undefined) return [];
      const values = enums.get(first.enum)?.values ?? [];
      return [
        {
          name,
          opcodeEnum: first.enum,
          path: first.path,
          offset: first.offset,
          scalar: first.scalar,
          members: list
            .map((item) => {
              const opcode = item.union?.opcode ?? "";
              const value = values.find((candidate) => candidate.name === opcode)?.value;
              if (value === undefined)
                this.#refuse(
                  item.where,
                  `struct ${item.name}: ${first.enum} has no value ${opcode}; add it or correct (opcode)`,
                );
              return { struct: item.name, opcode, value: value ?? -1n };
            })
            .sort((a, b) => (a.value < b.value ? -1 : 1)),
        },
      ];
    });
  }

  #files(declared: {
    readonly enums: ReadonlyMap<string, EnumModel>;
    readonly structs: ReadonlyMap<string, StructModel>;
    readonly constants: ReadonlyMap<string, ConstantsModel>;
    readonly tables: ReadonlyMap<string, TableModel>;
  }): FileModel[] {
    const byFile = new Map<string, Set<string>>();
    for (const item of [...this.#raw.enums, ...this.#raw.objects]) {
      const file = fileName(item.file);
      byFile.set(file, (byFile.get(file) ?? new Set()).add(local(item.name)));
    }
    return [...byFile.keys()].sort().map((file) => {
      const stem = file.replace(/\.fbs$/, "");
      const suffix = GO_SUFFIX.exec(stem);
      if (suffix !== null) {
        this.#refuse(
          file,
          `Go reads the ending "_${suffix[1]}" of a file name as a build constraint; put that word first`,
        );
      }
      const names = byFile.get(file) ?? new Set();
      const order = this.#maps.get(file)?.order ?? [];
      const sorted = [...names].sort((a, b) => order.indexOf(a) - order.indexOf(b) || (a < b ? -1 : 1));
      const pick = <T>(map: ReadonlyMap<string, T>): T[] =>
        sorted.flatMap((name) => {
          const item = map.get(name);
          return item === undefined ? [] : [item];
        });
      return {
        stem,
        enums: pick(declared.enums),
        constants: pick(declared.constants),
        structs: pick(declared.structs),
        tables: pick(declared.tables),
      };
    });
  }

  #version(constants: ReadonlyMap<string, ConstantsModel>): { major: number; minor: number } {
    const values = constants.get(VERSION)?.values ?? [];
    const number = (name: string): number => {
      const value = values.find((candidate) => candidate.name === name);
      if (value === undefined) {
        this.#refuse(
          "version.fbs",
          `${VERSION}.${name} is missing; declare table ${VERSION} (constants) with Major and Minor`,
        );
      }
      return Number(value?.value ?? 0);
    };
    return { major: number("Major"), minor: number("Minor") };
  }
}

/** Finds the enum field `opcode` of a ring entry, directly or in its first field's struct. */
function discriminant(
  item: StructModel,
  structs: ReadonlyMap<string, StructModel>,
): { path: string[]; offset: number; enum: string; scalar: ScalarKind } | undefined {
  const find = (fields: readonly FieldModel[]): FieldModel | undefined =>
    fields.find((field) => field.name === "opcode" && field.enum !== undefined && field.count === undefined);
  const own = find(item.fields);
  if (own?.enum !== undefined && "scalar" in own.type) {
    return { path: [own.name], offset: own.offset, enum: own.enum, scalar: own.type.scalar };
  }
  const head = item.fields[0];
  if (head === undefined || !("struct" in head.type) || head.count !== undefined) return undefined;
  const inner = find(structs.get(head.type.struct)?.fields ?? []);
  if (inner?.enum === undefined || !("scalar" in inner.type)) return undefined;
  return {
    path: [head.name, inner.name],
    offset: head.offset + inner.offset,
    enum: inner.enum,
    scalar: inner.type.scalar,
  };
}

function local(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** flatc writes `//threads.fbs` for a file in the folder given by --bfbs-filenames. */
function fileName(declared: string): string {
  return declared.replace(/^\/\//, "");
}

function words(list: string | undefined): string[] {
  return (list ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
