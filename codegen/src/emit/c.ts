/**
 * A C11 header, abi/c/foreshore_abi.h: numbers as macros, layouts as structs, each size and
 * offset proven by `_Static_assert`. It needs <stdint.h> and <stddef.h> and nothing else.
 */
import { type Emitter, fieldDoc, MARKER, type OutputFile } from "../emitter.ts";
import type { ConstantsModel, EnumModel, FieldModel, Model, ScalarKind, StructModel } from "../model.ts";
import { pascal, snake } from "../names.ts";

const FOLDER = "abi/c";
const PREFIX = "fsh_";

const C_TYPE: Readonly<Record<ScalarKind, string>> = {
  i8: "int8_t",
  u8: "uint8_t",
  i16: "int16_t",
  u16: "uint16_t",
  i32: "int32_t",
  u32: "uint32_t",
  i64: "int64_t",
  u64: "uint64_t",
  f32: "float",
  f64: "double",
};

/** Names that a field may have in the schema and cannot have in C: keywords, and macros of standard headers. */
const TAKEN = new Set(
  (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register " +
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while errno stdin stdout stderr"
  ).split(" "),
);

export const cEmitter: Emitter = {
  name: "c",
  folders: [FOLDER],
  emit(model: Model): OutputFile[] {
    return [{ path: `${FOLDER}/foreshore_abi.h`, text: header(model) }];
  },
};

function header(model: Model): string {
  const enums = model.files.flatMap((file) => file.enums);
  const constants = model.files.flatMap((file) => file.constants);
  return [
    `/* ${MARKER} */`,
    "/* Foreshore's ABI for C11: numbers and layouts of the .fbs files in abi/, little endian. */",
    "#ifndef FORESHORE_ABI_H",
    "#define FORESHORE_ABI_H",
    "",
    "#include <stddef.h>",
    "#include <stdint.h>",
    "",
    "/* Words that several threads write: C11's atomics, unless the includer says otherwise. */",
    "#ifndef FSH_ATOMIC",
    "#define FSH_ATOMIC(type) _Atomic(type)",
    "#endif",
    "",
    "/* The layout hash: the first 64 bits of SHA-256 over every layout and number of the schema. */",
    `#define FSH_LAYOUT_HASH_LO UINT32_C(0x${model.layoutHash.slice(8)})`,
    `#define FSH_LAYOUT_HASH_HI UINT32_C(0x${model.layoutHash.slice(0, 8)})`,
    "",
    ...constants.flatMap(constantsText),
    ...enums.flatMap(enumText),
    ...structsInOrder(model).flatMap((item) => structText(item, model)),
    "#endif",
    "",
  ].join("\n");
}

/** Name of a struct or of an enum's type. */
export function cName(name: string): string {
  return PREFIX + snake(name);
}

/** Name of a field. */
export function cField(name: string): string {
  return TAKEN.has(name) ? `${name}_` : name;
}

/** Name of a number: `FSH_THREAD_RUN_STATE_READY`, `FSH_ENOENT` where names stand for themselves. */
function cNumber(owner: { readonly name: string; readonly bare: boolean }, value: string): string {
  const own = value.replace(/^_+/, "");
  return owner.bare ? `FSH_${own}` : `FSH_${snake(owner.name)}_${snake(pascal(own))}`.toUpperCase();
}

function literal(value: bigint, scalar: ScalarKind | undefined): string {
  if (scalar === "u64") return `UINT64_C(${value})`;
  if (scalar === "i64" || value > 0xffffffffn || value < -0x80000000n) return negative(value, "INT64_C");
  if (scalar?.startsWith("u") === true || value > 0x7fffffffn) return `UINT32_C(${value})`;
  return negative(value, "INT32_C");
}

/** The smallest number has no literal of its own type. */
function negative(value: bigint, macro: string): string {
  if (value >= 0n) return `${macro}(${value})`;
  return value === -(2n ** 63n) || value === -(2n ** 31n)
    ? `(-${macro}(${-value - 1n}) - 1)`
    : `(-${macro}(${-value}))`;
}

function constantsText(item: ConstantsModel): string[] {
  return [
    ...comment(item.doc),
    ...item.values.flatMap((value) => [
      ...comment(value.doc),
      `#define ${cNumber(item, value.name)} ${literal(value.value, undefined)}`,
    ]),
    "",
  ];
}

function enumText(item: EnumModel): string[] {
  return [
    ...comment(item.doc),
    `typedef ${C_TYPE[item.scalar]} ${cName(item.name)};`,
    ...item.values.flatMap((value) => [
      ...comment(value.doc),
      ...[value.name, ...value.aliases].map(
        (name) => `#define ${cNumber(item, name)} ${literal(value.value, item.scalar)}`,
      ),
    ]),
    "",
  ];
}

/** C wants a struct before those that hold it. */
function structsInOrder(model: Model): StructModel[] {
  const done = new Set<string>();
  const list: StructModel[] = [];
  const add = (item: StructModel): void => {
    if (done.has(item.name)) return;
    done.add(item.name);
    for (const field of item.fields) {
      const inner = "struct" in field.type ? model.structs.get(field.type.struct) : undefined;
      if (inner !== undefined) add(inner);
    }
    list.push(item);
  };
  for (const file of model.files) for (const item of file.structs) add(item);
  return list;
}

function structText(item: StructModel, model: Model): string[] {
  const name = `struct ${cName(item.name)}`;
  const size = `sizeof(${name}) == ${item.size}`;
  return [
    ...comment(item.doc),
    `${name} {`,
    ...item.fields.flatMap((field) => [
      ...comment(fieldDoc(field)).map((line) => `  ${line}`),
      `  ${declare(field, model)};`,
    ]),
    "};",
    `_Static_assert(${size}, "size of ${item.name}");`,
    ...item.fields.map(
      (field) =>
        `_Static_assert(offsetof(${name}, ${cField(field.name)}) == ${field.offset}, "offset of ${item.name}.${field.name}");`,
    ),
    "",
  ];
}

function declare(field: FieldModel, model: Model): string {
  const array = field.count === undefined ? "" : `[${field.count}]`;
  return `${cType(field, model)} ${cField(field.name)}${array}`;
}

function cType(field: FieldModel, model: Model): string {
  if ("struct" in field.type) return `struct ${cName(field.type.struct)}`;
  const plain = field.enum !== undefined && model.enums.has(field.enum) ? cName(field.enum) : C_TYPE[field.type.scalar];
  return field.atomic ? `FSH_ATOMIC(${plain})` : plain;
}

function comment(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`/* ${lines.join(" ").replaceAll("*/", "* /").replaceAll("/*", "/ *")} */`];
}
