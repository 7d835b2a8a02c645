/**
 * A header for C11 and for C++11 and later, abi/c/foreshore_abi.h: numbers as macros, layouts as structs, each size and
 * offset proven at compile time, and how a slot is read. It needs the standard library's headers and nothing else.
 */
import { type Emitter, fieldDoc, MARKER, type OutputFile } from "../emitter.ts";
import { FITS, type RuleLanguage, ruleText } from "../fits.ts";
import {
  type ConstantsModel,
  type EnumModel,
  type FieldModel,
  type Model,
  type ScalarKind,
  type StructModel,
  VERSION,
} from "../model.ts";
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

/** Names that a field may have in the schema and cannot have in C or C++: keywords, and macros of standard headers. */
const TAKEN = new Set(
  (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register " +
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while errno stdin stdout stderr " +
    "and asm bool catch class concept constexpr delete explicit export false friend module mutable namespace new not nullptr operator " +
    "or private protected public requires template this throw true try typename using virtual xor"
  ).split(" "),
);

export const cEmitter: Emitter = {
  name: "c",
  folders: [FOLDER],
  emit(model: Model): OutputFile[] {
    return [{ path: `${FOLDER}/foreshore_abi.h`, text: header(model) }];
  },
};

const C_RULE: RuleLanguage = {
  words: {
    major: { theirs: "major", ours: "FSH_ABI_VERSION_MAJOR" },
    minor: { theirs: "minor", ours: "FSH_ABI_VERSION_MINOR" },
    hashLo: { theirs: "hash_lo", ours: "FSH_LAYOUT_HASH_LO" },
    hashHi: { theirs: "hash_hi", ours: "FSH_LAYOUT_HASH_HI" },
  },
  equal: "==",
  unequal: "!=",
};

function header(model: Model): string {
  const enums = model.files.flatMap((file) => file.enums);
  const constants = model.files.flatMap((file) => file.constants);
  return [
    `/* ${MARKER} */`,
    "/* Foreshore's ABI for C11, and C++11 and later: numbers and layouts of the .fbs files in abi/, little endian. */",
    "#ifndef FORESHORE_ABI_H",
    "#define FORESHORE_ABI_H",
    "",
    "#ifdef __cplusplus",
    "#include <atomic>",
    "#include <cstddef>",
    "#include <cstdint>",
    "#include <cstring>",
    "#define FSH_STATIC_ASSERT static_assert",
    "#else",
    "#include <stdatomic.h>",
    "#include <stddef.h>",
    "#include <stdint.h>",
    "#include <string.h>",
    "#define FSH_STATIC_ASSERT _Static_assert",
    "#endif",
    "",
    "/* Words that several threads write: the language's atomics, unless the includer says otherwise. */",
    "#ifndef FSH_ATOMIC",
    "#ifdef __cplusplus",
    "#define FSH_ATOMIC(type) std::atomic<type>",
    "#else",
    "#define FSH_ATOMIC(type) _Atomic(type)",
    "#endif",
    "#endif",
    "",
    "#ifdef __cplusplus",
    'extern "C" {',
    "#endif",
    "",
    "/* The layout hash: the first 64 bits of SHA-256 over every layout and number of the schema. */",
    `#define FSH_LAYOUT_HASH_LO UINT32_C(0x${model.layoutHash.slice(8)})`,
    `#define FSH_LAYOUT_HASH_HI UINT32_C(0x${model.layoutHash.slice(0, 8)})`,
    "",
    ...constants.flatMap(constantsText),
    `/* Whether this header and a side of another version understand one another: ${VERSION}'s rule. */`,
    `static inline int ${PREFIX}abi_fits(uint16_t major, uint16_t minor, uint32_t hash_lo, uint32_t hash_hi) {`,
    `  return ${ruleText(FITS, C_RULE)};`,
    "}",
    "",
    ...enums.flatMap(enumText),
    ...structsInOrder(model).flatMap((item) => structText(item, model)),
    ...slotText(model),
    "#ifdef __cplusplus",
    "}",
    "#endif",
    "",
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
    `FSH_STATIC_ASSERT(${size}, "size of ${item.name}");`,
    ...item.fields.map(
      (field) =>
        `FSH_STATIC_ASSERT(offsetof(${name}, ${cField(field.name)}) == ${field.offset}, "offset of ${item.name}.${field.name}");`,
    ),
    "",
  ];
}

/** How slots are found and read. The order of the loads is what makes a copy one of one moment. */
function slotText(model: Model): string[] {
  const wanted = ["MachineHeader", "SlotTable", "SlotHeader"];
  if (wanted.some((name) => !model.structs.has(name))) return [];
  return [
    "/* Loads of words that others write meanwhile. */",
    "#ifdef __cplusplus",
    `static inline uint32_t ${PREFIX}load32(const void *at) {`,
    "  return static_cast<const std::atomic<uint32_t> *>(at)->load(std::memory_order_acquire);",
    "}",
    `static inline uint64_t ${PREFIX}load64(const void *at) {`,
    "  return static_cast<const std::atomic<uint64_t> *>(at)->load(std::memory_order_relaxed);",
    "}",
    `static inline void ${PREFIX}acquire(void) { std::atomic_thread_fence(std::memory_order_acquire); }`,
    "#else",
    `static inline uint32_t ${PREFIX}load32(const void *at) {`,
    "  return atomic_load_explicit((_Atomic(uint32_t) *)(uintptr_t)at, memory_order_acquire);",
    "}",
    `static inline uint64_t ${PREFIX}load64(const void *at) {`,
    "  return atomic_load_explicit((_Atomic(uint64_t) *)(uintptr_t)at, memory_order_relaxed);",
    "}",
    `static inline void ${PREFIX}acquire(void) { atomic_thread_fence(memory_order_acquire); }`,
    "#endif",
    "",
    "/* Where slot `index` of a table lies in a machine's memory of `size` bytes, of which slot `bytes` are wanted; NULL where there",
    "   are none: no such table, no such slot, a smaller one, or one outside of the memory. Its magic and version have been compared",
    "   before. */",
    `static inline const void *${PREFIX}slot(const void *memory, size_t size, ${cName("SlotKind")} kind, uint32_t index, size_t bytes) {`,
    "  const unsigned char *from = (const unsigned char *)memory;",
    `  const struct ${cName("MachineHeader")} *header = (const struct ${cName("MachineHeader")} *)(const void *)(from + FSH_FIXED_HEADER_ADDRESS);`,
    `  const struct ${cName("SlotTable")} *table;`,
    "  uint64_t at;",
    "  if (size < FSH_FIXED_HEADER_ADDRESS + sizeof *header || kind >= sizeof header->tables / sizeof *table) return NULL;",
    "  table = &header->tables[kind];",
    "  at = table->base + (uint64_t)table->stride * index;",
    "  if (index >= table->capacity || bytes > table->stride || at % 8 != 0 || at + table->stride > size) return NULL;",
    "  return from + at;",
    "}",
    "",
    "/* Copies the first `bytes` bytes of a slot, a multiple of 8, its SlotHeader at least and no more than its stride, as they were at one moment.",
    "   1: they are in `to`; 0: the slot is free; -1: it changed at every try. For tables whose slots begin with a SlotHeader. */",
    `static inline int ${PREFIX}slot_load(const void *slot, void *to, size_t bytes) {`,
    `  const size_t seq_at = offsetof(struct ${cName("SlotHeader")}, seq), generation_at = offsetof(struct ${cName("SlotHeader")}, generation);`,
    "  const unsigned char *from = (const unsigned char *)slot;",
    "  int tries;",
    "  for (tries = 0; tries < 64; tries++) {",
    "    /* The sequence before anything else: what is loaded later is no older. */",
    `    uint32_t generation, seq = ${PREFIX}load32(from + seq_at);`,
    "    size_t at;",
    "    if (seq % 2 != 0) continue;",
    "    for (at = 0; at < bytes; at += 8) {",
    `      uint64_t word = ${PREFIX}load64(from + at);`,
    "      memcpy((unsigned char *)to + at, &word, 8);",
    "    }",
    "    /* And once more behind all of them. */",
    `    ${PREFIX}acquire();`,
    `    if (${PREFIX}load32(from + seq_at) != seq) continue;`,
    "    memcpy(&generation, (unsigned char *)to + generation_at, 4);",
    "    return (int)(generation % 2);",
    "  }",
    "  return -1;",
    "}",
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
