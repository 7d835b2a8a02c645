/** The layout rules of the ABI. Every refusal is one sentence that says where and what to do. */
import {
  type EnumModel,
  type FieldModel,
  fieldSize,
  type Model,
  OWNERS,
  type StructModel,
  UNITS,
  type UnionModel,
} from "./model.ts";
import { camel, goConstant, pascal } from "./names.ts";

/** .bfbs stores offsets in 16 bits. */
const MAX_STRUCT = 65535;

/** Names that every generated TypeScript view has for itself. */
const VIEW_MEMBERS = new Set(["at", "toData", "setData", "constructor"]);

type Structs = ReadonlyMap<string, StructModel>;

export function checkStruct(item: StructModel, structs: Structs): string[] {
  const problems: string[] = [];
  const refuse = (sentence: string, where = item.where): void => {
    problems.push(`${where}: ${sentence}.`);
  };
  if (item.size > MAX_STRUCT)
    refuse(`struct ${item.name}: ${item.size} bytes are more than a schema can describe (${MAX_STRUCT}); split it`);
  checkPadding(item, refuse);
  for (const owner of item.owner?.split("|") ?? []) {
    if (!OWNERS.some((known) => known === owner))
      refuse(`struct ${item.name}: unknown owner "${owner}"; use ${OWNERS.join(", ")}, joined by |`);
  }
  const line = item.cacheLine;
  if (line !== undefined) {
    if (!Number.isInteger(line) || line < 8 || (line & (line - 1)) !== 0) {
      refuse(`struct ${item.name}: (cacheline) must be a power of two of at least 8; write (cacheline: 64)`);
    } else if (item.size % line !== 0) {
      refuse(
        `struct ${item.name}: ${item.size} bytes are no multiple of its cache line of ${line}; add ${line - (item.size % line)} reserved bytes`,
      );
    }
  }
  for (const field of item.fields) checkField(item, field, structs, (sentence) => refuse(sentence, field.where));
  const seen = new Set<string>();
  for (const field of item.fields) {
    for (const name of [pascal(field.name), ...field.views]) {
      if (seen.has(name))
        refuse(`${item.name}.${field.name}: another field is also spelt ${name} in Go; rename one`, field.where);
      seen.add(name);
    }
  }
  return problems;
}

function checkPadding(item: StructModel, refuse: (sentence: string, where?: string) => void): void {
  let end = 0;
  for (const field of item.fields) {
    if (field.offset !== end) {
      refuse(
        `${item.name}.${field.name}: flatc puts ${field.offset - end} bytes of implicit padding before it (offset ${end}); ${padding(field.offset - end)} there`,
        field.where,
      );
    }
    end = field.offset + fieldSize(field);
  }
  if (end !== item.size) {
    refuse(
      `struct ${item.name}: flatc puts ${item.size - end} bytes of implicit padding at its end (offset ${end}); ${padding(item.size - end)} there`,
    );
  }
}

/** Words the reserved field that fills a gap. */
function padding(bytes: number): string {
  const type = { 1: "ubyte", 2: "ushort", 4: "uint" }[bytes] ?? `[ubyte:${bytes}]`;
  return `add "reservedN: ${type} (reserved);"`;
}

function checkField(item: StructModel, field: FieldModel, structs: Structs, refuse: (sentence: string) => void): void {
  const label = `${item.name}.${field.name}`;
  const scalar = "scalar" in field.type ? field.type.scalar : undefined;
  if (scalar !== undefined && field.offset % field.elementSize !== 0) {
    refuse(
      `${label}: ${scalar} at offset ${field.offset} is not aligned to ${field.elementSize}; move it or pad before it`,
    );
  }
  if (field.atomic && scalar !== "u32" && scalar !== "i32" && scalar !== "u64" && scalar !== "i64") {
    refuse(`${label}: ${scalar ?? "a struct"} cannot be atomic; use uint, int, ulong or long`);
  }
  if (field.bounded && scalar !== "u64" && scalar !== "i64") {
    refuse(`${label}: (bounded) is for ulong and long, which may not fit a Number; remove it`);
  }
  if (field.line && item.cacheLine === undefined) {
    refuse(`${label}: (line) needs a struct with (cacheline: 64); add it to ${item.name}`);
  } else if (field.line && field.offset % (item.cacheLine ?? 1) !== 0) {
    const line = item.cacheLine ?? 1;
    refuse(
      `${label}: (line) field at offset ${field.offset} does not start a cache line of ${line}; add ${line - (field.offset % line)} reserved bytes before it`,
    );
  }
  for (const owner of field.owner?.split("|") ?? []) {
    if (!OWNERS.some((known) => known === owner))
      refuse(`${label}: unknown owner "${owner}"; use ${OWNERS.join(", ")}, joined by |`);
  }
  checkViews(label, field, structs, refuse);
  if (!field.reserved && VIEW_MEMBERS.has(camel(field.name))) {
    refuse(`${label}: "${field.name}" is a member of every TypeScript view; rename the field`);
  }
  const inner = "struct" in field.type ? structs.get(field.type.struct) : undefined;
  if (
    inner?.cacheLine !== undefined &&
    (field.offset % inner.cacheLine !== 0 || (item.cacheLine ?? 0) < inner.cacheLine)
  ) {
    refuse(
      `${label}: ${inner.name} starts on a cache line of ${inner.cacheLine}; put the field at a multiple of it and give ${item.name} (cacheline: ${inner.cacheLine})`,
    );
  }
}

/** Each view of an array must lie within it. */
function checkViews(label: string, field: FieldModel, structs: Structs, refuse: (sentence: string) => void): void {
  if (field.views.length !== 0 && (field.count === undefined || "struct" in field.type))
    refuse(`${label}: (views) is for an array of numbers; make it one`);
  for (const name of field.views) {
    const view = structs.get(name);
    if (view === undefined) refuse(`${label}: there is no struct ${name}; declare it or correct (views)`);
    else if (view.size > fieldSize(field) || field.offset % view.align !== 0)
      refuse(
        `${label}: ${name} (${view.size} bytes, aligned to ${view.align}) does not fit ${fieldSize(field)} bytes at offset ${field.offset}; make the array larger or move it`,
      );
  }
}

export function checkEnum(item: EnumModel): string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  for (const value of item.values) {
    for (const name of [value.name, ...value.aliases]) {
      const constant = goConstant(item, name);
      if (names.has(constant))
        problems.push(`${item.where}: ${item.name}.${name}: ${constant} is declared twice; rename one.`);
      names.add(constant);
      if (!/^[A-Z]/.test(constant)) {
        problems.push(
          `${item.where}: ${item.name}.${name}: Go exports names with a capital first letter only; rename it or remove (bare).`,
        );
      }
    }
  }
  return problems;
}

export function checkUnions(unions: readonly UnionModel[], structs: Structs): string[] {
  const problems: string[] = [];
  for (const union of unions) {
    const taken = new Map<string, string>();
    for (const member of union.members) {
      const item = structs.get(member.struct);
      const where = item?.where ?? union.name;
      const other = taken.get(member.opcode);
      if (other !== undefined)
        problems.push(
          `${where}: struct ${member.struct}: ${union.name} has opcode ${member.opcode} already, for ${other}; give it an opcode of its own.`,
        );
      taken.set(member.opcode, member.struct);
      const size = structs.get(union.members[0]?.struct ?? "")?.size;
      if (item !== undefined && item.size !== size) {
        problems.push(
          `${where}: struct ${member.struct}: ${item.size} bytes, but entries of ${union.name} have ${size}; pad it.`,
        );
      }
      if (item !== undefined) problems.push(...checkHeader(item, union, structs));
    }
  }
  return problems;
}

/** A number of a union's opcodes without an entry is one that nobody can send. */
export function checkOpcodes(unions: readonly UnionModel[], enums: ReadonlyMap<string, EnumModel>): string[] {
  return [...new Set(unions.map((union) => union.opcodeEnum))].flatMap((name) => {
    const item = enums.get(name);
    const used = new Set(
      unions.filter((union) => union.opcodeEnum === name).flatMap((union) => union.members.map(({ opcode }) => opcode)),
    );
    return (item?.values ?? [])
      .filter((value) => value.value !== 0n && !used.has(value.name))
      .map(
        (value) =>
          `${item?.where}: ${name}.${value.name}: no struct has this (opcode); declare one or remove the number.`,
      );
  });
}

/** A header's fields stand among its entry's own in TypeScript's data object. */
function checkHeader(item: StructModel, union: UnionModel, structs: Structs): string[] {
  const header = item.fields.find((field) => union.path.length === 2 && field.name === union.path[0]);
  if (header === undefined || !("struct" in header.type)) return [];
  const names = new Set(
    structs
      .get(header.type.struct)
      ?.fields.filter((field) => !field.reserved)
      .map((field) => camel(field.name)),
  );
  return item.fields
    .filter((field) => !field.reserved && names.has(camel(field.name)))
    .map(
      (field) =>
        `${field.where}: ${item.name}.${field.name}: the header has a field "${field.name}" too, and both stand in one data object; rename it.`,
    );
}

/** Slots lie one behind the other, and readers take them in words of so many bytes. */
const SLOT_ALIGN = 8;

function hasValue(item: EnumModel | undefined, name: string): boolean {
  return item?.values.some((value) => value.name === name) === true;
}

export function checkSlots(structs: readonly StructModel[], enums: ReadonlyMap<string, EnumModel>): string[] {
  const problems: string[] = [];
  const kinds = enums.get("SlotKind");
  const slots = new Map<string, string>();
  for (const item of structs) {
    if (item.slot === undefined) continue;
    const other = slots.get(item.slot);
    if (other !== undefined)
      problems.push(
        `${item.where}: struct ${item.name}: slot table ${item.slot} has elements already, ${other}; give it a kind of its own.`,
      );
    slots.set(item.slot, item.name);
    if (item.size % SLOT_ALIGN !== 0) {
      problems.push(
        `${item.where}: struct ${item.name}: a slot of ${item.size} bytes; readers copy words of ${SLOT_ALIGN}, add reserved ones at its end.`,
      );
    }
    const head = item.fields[0];
    const headed = head !== undefined && "struct" in head.type && head.type.struct === "SlotHeader";
    if (item.headless === headed && structs.some(({ name }) => name === "SlotHeader")) {
      problems.push(
        headed
          ? `${item.where}: struct ${item.name}: it begins with a SlotHeader; remove (headless).`
          : `${item.where}: struct ${item.name}: readers of slots want a SlotHeader at its beginning; add one, or (headless).`,
      );
    }
    const under = item.fields.filter(({ seqlock, counts }) => seqlock || counts);
    if (item.headless && under.length !== 0)
      problems.push(
        `${item.where}: struct ${item.name}: a slot without a SlotHeader has no sequence; remove (seqlock), (counts).`,
      );
    if (!hasValue(kinds, item.slot)) {
      problems.push(
        `${item.where}: struct ${item.name}: SlotKind has no value ${item.slot}; add it or correct (slot).`,
      );
    }
  }
  for (const item of enums.values()) {
    for (const { name, object } of item.values) {
      if (object !== undefined && !hasValue(kinds, object))
        problems.push(
          `${item.where}: ${item.name}.${name}: SlotKind has no value ${object}; add it or correct (object).`,
        );
    }
  }
  return problems;
}

/** Structs that are part of slots, as fields or views of them. */
function partsOfSlots(structs: Structs): Set<string> {
  const found = new Set<string>();
  const visit = (item: StructModel): void => {
    for (const field of item.fields) {
      for (const name of [...("struct" in field.type ? [field.type.struct] : []), ...field.views]) {
        const inner = structs.get(name);
        if (found.has(name) || inner === undefined) continue;
        found.add(name);
        visit(inner);
      }
    }
  };
  for (const item of structs.values()) if (item.slot !== undefined) visit(item);
  return found;
}

/**
 * A word of a slot has one meaning. One whose documentation tells several apart ("Pipes: …. Terminals: …"), or says that
 * it goes by the kind of something, is several words in the same place: those have `views`.
 */
function checkOneMeaning(label: string, field: FieldModel, refuse: (where: string, sentence: string) => void): void {
  if (field.views.length !== 0) return;
  const text = field.doc.join(" ");
  const meanings = text.match(/(?:^|[.;] )[A-Z][\w /,()]{1,40}: /g) ?? [];
  if (meanings.length > 1 || /\bby (?:its |the )?(?:kind|reason|type)\b/.test(text))
    refuse(
      field.where,
      `${label}: its documentation lists kinds, each of which has a word of its own there; make it an array with (views: "OfOne|OfAnother")`,
    );
}

/** Every declaration says what it is; every field also who writes it and what it counts. */
export function checkDocumentation(model: Model): string[] {
  const problems: string[] = [];
  const refuse = (where: string, sentence: string): void => {
    problems.push(`${where}: ${sentence}.`);
  };
  const described = (item: {
    readonly name: string;
    readonly doc: readonly string[];
    readonly where: string;
  }): void => {
    if (item.doc.length === 0)
      refuse(item.where, `${item.name}: it has no documentation; write what it is in a "///" line above it`);
  };
  const kinds = model.enums.get("SlotKind");
  const inSlots = partsOfSlots(model.structs);
  const unitOf = (owner: string, { name, unit, where }: Pick<FieldModel, "name" | "unit" | "where">): void => {
    const label = `${owner}.${name}`;
    const slot = /^slot:(.*)$/.exec(unit ?? "")?.[1];
    if (unit === undefined)
      refuse(where, `${label}: it has no unit; add (unit: "bytes"), (unit: "slot:Thread") or another`);
    else if (slot !== undefined && !hasValue(kinds, slot))
      refuse(where, `${label}: SlotKind has no value ${slot}; add it or correct (unit)`);
    else if (slot === undefined && !(unit in UNITS))
      refuse(where, `${label}: unknown unit "${unit}"; use slot:Kind, ${Object.keys(UNITS).join(", ")}`);
  };
  for (const item of model.boundary) {
    described(item);
    for (const param of item.params) {
      described({ ...param, name: `${item.name}.${param.name}`, where: item.where });
      if (param.enum === undefined) unitOf(item.name, { ...param, where: item.where });
    }
  }
  for (const file of model.files) {
    for (const item of [...file.enums, ...file.constants, ...file.structs, ...file.tables]) described(item);
    for (const item of file.tables) {
      for (const field of item.fields) {
        described({ ...field, name: `${item.name}.${field.name}` });
        if (field.type.kind === "scalar" && field.type.enum === undefined) unitOf(item.name, field);
      }
    }
    for (const item of file.structs) {
      if (item.union?.name.endsWith("Request") === true && item.reply === undefined)
        refuse(
          item.where,
          `${item.name}: it does not say how it may fail; add (errnos: "EINVAL|ENOENT"), or (errnos: "")`,
        );
      for (const field of item.fields) {
        if (field.reserved) continue;
        const label = `${item.name}.${field.name}`;
        if (!item.uapi) described({ ...field, name: label });
        if (item.slot !== undefined || inSlots.has(item.name)) checkOneMeaning(label, field, refuse);
        else if (field.seqlock || field.counts)
          refuse(field.where, `${label}: it lies in no slot, so that there is no sequence; remove (seqlock), (counts)`);
        if (!("scalar" in field.type)) continue;
        if (field.owner === undefined)
          refuse(field.where, `${label}: nobody may write it; add (owner: "kernel") to it, or to ${item.name} for all`);
        if (item.uapi ? field.unit !== undefined : field.enum === undefined) unitOf(item.name, field);
      }
    }
  }
  return problems;
}
