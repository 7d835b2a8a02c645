/**
 * Go for kernel-go/abi. What it writes must compile under TinyGo with `gc: none`
 * (no maps, no initialisers that run) and be clean under gofmt.
 */
import { type Emitter, fieldDoc, MARKER, type OutputFile } from "../emitter.ts";
import { FITS, type RuleLanguage, ruleText } from "../fits.ts";
import {
  type ConstantsModel,
  type EnumModel,
  type FieldModel,
  type FileModel,
  type Model,
  type ScalarKind,
  type StructModel,
  slotKind,
  VERSION,
} from "../model.ts";
import { goConstant, pascal } from "../names.ts";
import { goBoundary } from "./boundary.ts";
import { alignColumns } from "./columns.ts";
import { goRequests } from "./go-requests.ts";
import { goSeqlock } from "./go-seqlock.ts";
import { shapesText, tableText, usesMath } from "./go-tables.ts";

const FOLDER = "kernel-go/abi";

const GO_TYPE: Readonly<Record<ScalarKind, string>> = {
  i8: "int8",
  u8: "uint8",
  i16: "int16",
  u16: "uint16",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  f32: "float32",
  f64: "float64",
};

const GO_ATOMIC: Readonly<Partial<Record<ScalarKind, string>>> = {
  i32: "atomic.Int32",
  u32: "atomic.Uint32",
  i64: "atomic.Int64",
  u64: "atomic.Uint64",
};

export const goEmitter: Emitter = {
  name: "go",
  folders: [FOLDER, "kernel-go/host", "kernel-go/main", "kernel-go/rpc"],
  emit(model: Model): OutputFile[] {
    return [
      { path: `${FOLDER}/doc.go`, text: packageFile(model) },
      { path: `${FOLDER}/layout_proof_unsafe.go`, text: proofFile(model) },
      ...viewsFiles(model),
      { path: `${FOLDER}/by_name_native.go`, text: byNameFile(model) },
      ...model.files
        .filter((file) => file.enums.length + file.constants.length + file.structs.length + file.tables.length > 0)
        .map((file) => ({ path: `${FOLDER}/${file.stem}.go`, text: sourceFile(file, model) })),
      ...(model.tables.size === 0 ? [] : [{ path: `${FOLDER}/table_shapes.go`, text: shapesFile(model) }]),
      ...refsFile(model),
      ...goBoundary(model),
      ...goRequests(model),
      ...goSeqlock(model),
    ];
  },
};

const GO_RULE: RuleLanguage = {
  words: {
    major: { theirs: "major", ours: `${VERSION}Major` },
    minor: { theirs: "minor", ours: `${VERSION}Minor` },
    hashLo: { theirs: "hashLo", ours: "LayoutHashLo" },
    hashHi: { theirs: "hashHi", ours: "LayoutHashHi" },
  },
  equal: "==",
  unequal: "!=",
};

function packageFile(model: Model): string {
  return [
    `// ${MARKER}`,
    "",
    "// Package abi holds every layout and number that the kernel shares with its",
    "// hosts, generated from abi/*.fbs. It owns no state, no locks and no logic.",
    "package abi",
    "",
    "// LayoutHashLo and LayoutHashHi are the halves of the layout hash: the first 64",
    "// bits of SHA-256 over every layout and number of the schema. Kernel and host",
    "// compare them before they touch a slot.",
    "const (",
    ...indent(
      alignColumns([
        ["LayoutHashLo", "uint32", `= 0x${model.layoutHash.slice(8)}`],
        ["LayoutHashHi", "uint32", `= 0x${model.layoutHash.slice(0, 8)}`],
      ]),
    ),
    ")",
    "",
    `// Fits says whether this package and a side of another version understand one another: ${VERSION}'s rule.`,
    "func Fits(major, minor uint16, hashLo, hashHi uint32) bool {",
    `\treturn ${ruleText(FITS, GO_RULE)}`,
    "}",
    "",
  ].join("\n");
}

function shapesFile(model: Model): string {
  return [`// ${MARKER}`, "", "package abi", "", shapesText(model)].join("\n");
}

function sourceFile(file: FileModel, model: Model): string {
  const imports = [
    ...(usesMath(file.tables) ? ["math"] : []),
    ...(file.structs.length > 0 ? ["structs"] : []),
    ...(file.structs.some((item) => item.fields.some((field) => field.atomic)) ? ["sync/atomic"] : []),
  ];
  const parts = [
    ...file.constants.map(constantsText),
    ...file.enums.map(enumText),
    ...file.structs.map((item) => structText(item, model)),
    ...file.tables.map((item) => tableText(item, model)),
  ];
  const head = [`// ${MARKER}`, `// Source: abi/${file.stem}.fbs`, "", "package abi", ""];
  const imported =
    imports.length === 0
      ? []
      : imports.length === 1
        ? [`import "${imports[0]}"`, ""]
        : ["import (", ...indent(imports.map((name) => `"${name}"`)), ")", ""];
  return [...head, ...imported, parts.join("\n")].join("\n");
}

function constantsText(item: ConstantsModel): string {
  const rows = item.values.flatMap((value) =>
    documented(value.doc, [goConstant(item, value.name), `= ${value.value}`]),
  );
  return [...comment(titled(item.name, item.doc, "numbers.")), "const (", ...indent(alignColumns(rows)), ")", ""].join(
    "\n",
  );
}

function enumText(item: EnumModel): string {
  const rows = item.values.flatMap((value) => {
    const name = goConstant(item, value.name);
    const number = item.bitFlags ? `0x${value.value.toString(16)}` : String(value.value);
    return [
      ...documented(value.doc, [name, item.name, `= ${number}`]),
      ...value.aliases.map((alias) => [goConstant(item, alias), item.name, `= ${name}`]),
    ];
  });
  const cases = item.values.flatMap((value) => [`case ${goConstant(item, value.name)}:`, `\treturn "${value.name}"`]);
  return [
    ...comment(titled(item.name, item.doc, item.bitFlags ? "flag bits." : "numbers.")),
    `type ${item.name} ${GO_TYPE[item.scalar]}`,
    "",
    `// Numbers of ${item.name}.`,
    "const (",
    ...indent(alignColumns(rows)),
    ")",
    "",
    item.bitFlags
      ? `// String names a single bit; "${item.name}(?)" stands for none, several or unknown ones.`
      : `// String names the number; "${item.name}(?)" stands for an unknown one.`,
    `func (v ${item.name}) String() string {`,
    "\tswitch v {",
    ...indent(cases),
    "\t}",
    `\treturn "${item.name}(?)"`,
    "}",
    "",
    ...shownText(item),
    ...objectText(item),
  ].join("\n");
}

/** The function that says in which table the slots are that numbers stand for. */
function objectText(item: EnumModel): string[] {
  const standing = item.values.filter((value) => value.object !== undefined);
  if (standing.length === 0) return [];
  const name = `objectsOf${item.name}`;
  return [
    `var ${name} = [...]SlotKind{`,
    ...indent(alignColumns(standing.map((value) => [`${goConstant(item, value.name)}:`, `SlotKind${value.object},`]))),
    "}",
    "",
    "// Object is the table of the slots of which such a one stands for one, None for those that stand for none.",
    `func (v ${item.name}) Object() SlotKind {`,
    `\tif v < ${item.name}(len(${name})) {`,
    `\t\treturn ${name}[v]`,
    "\t}",
    "\treturn SlotKindNone",
    "}",
    "",
  ];
}

/** The function that says what users see of a number. */
function shownText(item: EnumModel): string[] {
  const shown = item.values.filter((value) => value.shown !== undefined);
  if (shown.length === 0) return [];
  const cases = shown.flatMap((value) => [
    `case ${goConstant(item, value.name)}:`,
    `\treturn ${JSON.stringify(value.shown)}`,
  ]);
  return [
    '// Shown is what users see of the number, "" for those of which they see nothing.',
    `func (v ${item.name}) Shown() string {`,
    "\tswitch v {",
    ...indent(cases),
    "\t}",
    '\treturn ""',
    "}",
    "",
  ];
}

function structText(item: StructModel, model: Model): string {
  const facts = [
    ...(item.slot === undefined ? [] : [`Element of the slot table of kind ${item.slot}.`]),
    ...(item.cacheLine === undefined ? [] : [`Starts on a cache line of ${item.cacheLine} bytes.`]),
    ...(item.union === undefined ? [] : [`Member of ${item.union.name} for opcode ${item.union.opcode}.`]),
  ];
  const rows = item.fields.flatMap((field) =>
    commented(fieldDoc(field).concat(field.atomic && field.enum !== undefined ? [`Holds a ${field.enum}.`] : []), [
      pascal(field.name),
      goType(field, model),
    ]),
  );
  return [
    `// ${item.name}Size is the size of ${item.name} in bytes.`,
    `const ${item.name}Size = ${item.size}`,
    "",
    ...comment([...titled(item.name, item.doc, `${item.size} bytes.`), ...facts]),
    `type ${item.name} struct {`,
    ...indent(alignColumns([["_", "structs.HostLayout"], ...rows])),
    "}",
    "",
    ...item.fields.flatMap((field) => atomicEnumMethods(item, field)),
  ].join("\n");
}

/** An atomic word loses its enum's type, so three methods give it back. */
function atomicEnumMethods(item: StructModel, field: FieldModel): string[] {
  if (!field.atomic || field.enum === undefined || field.count !== undefined || !("scalar" in field.type)) return [];
  const name = pascal(field.name);
  const type = field.enum;
  const raw = GO_TYPE[field.type.scalar];
  return [
    `// Load${name} reads ${name} as a ${type}.`,
    `func (s *${item.name}) Load${name}() ${type} { return ${type}(s.${name}.Load()) }`,
    "",
    `// Store${name} writes ${name}.`,
    `func (s *${item.name}) Store${name}(v ${type}) { s.${name}.Store(${raw}(v)) }`,
    "",
    `// CompareAndSwap${name} replaces old by v and says whether it did.`,
    `func (s *${item.name}) CompareAndSwap${name}(old, v ${type}) bool {`,
    `\treturn s.${name}.CompareAndSwap(${raw}(old), ${raw}(v))`,
    "}",
    "",
  ];
}

function goType(field: FieldModel, model: Model): string {
  let base: string;
  if ("struct" in field.type) base = field.type.struct;
  else if (field.atomic) base = GO_ATOMIC[field.type.scalar] ?? "";
  else if (field.enum !== undefined && model.enums.has(field.enum)) base = field.enum;
  else if (isReference(field)) base = `${slotKind(field.unit)}Ref`;
  else base = GO_TYPE[field.type.scalar];
  return field.count === undefined ? base : `[${field.count}]${base}`;
}

/** A plain word that is the index of a slot. */
function isReference(field: FieldModel): boolean {
  return "scalar" in field.type && field.type.scalar === "u32" && slotKind(field.unit) !== undefined;
}

/** A type for the indices of each slot table. */
function refsFile(model: Model): OutputFile[] {
  const kinds = [...model.structs.values()].flatMap((item) => (item.slot === undefined ? [] : [item.slot])).sort();
  if (kinds.length === 0) return [];
  const types = kinds.flatMap((kind) => [
    `// ${kind}Ref is the index of a slot of table ${kind}.`,
    `type ${kind}Ref uint32`,
    "",
    "// Kind is the slot's table.",
    `func (${kind}Ref) Kind() SlotKind { return SlotKind${kind} }`,
    "",
  ]);
  const numbers = model.enums.get("SlotKind")?.values.map(({ value }) => Number(value)) ?? [];
  const text = [
    `// ${MARKER}`,
    "",
    "package abi",
    "",
    "// SlotKinds is one more than the highest SlotKind: an array by kind has as many elements.",
    `const SlotKinds SlotKind = ${Math.max(...numbers) + 1}`,
    "",
    "// Ref is the index of a slot, whose type says of which table; 0 names none.",
    "type Ref interface {",
    "\t~uint32",
    "\tKind() SlotKind",
    "}",
    "",
    ...types,
  ].join("\n");
  return [{ path: `${FOLDER}/refs.go`, text }];
}

/** Each difference must be 0 both ways round: a wrong one overflows uintptr and does not compile. */
function proofFile(model: Model): string {
  const proofs = model.files.flatMap((file) =>
    file.structs.map((item) => {
      const rows = [
        { expression: `unsafe.Sizeof(${item.name}{})`, value: item.size },
        ...item.fields.map((field) => ({
          expression: `unsafe.Offsetof(${item.name}{}.${pascal(field.name)})`,
          value: field.offset,
        })),
      ];
      const lines = rows.flatMap(({ expression, value }) => [
        `_ uintptr = ${expression} - ${value}`,
        `_ uintptr = ${value} - ${expression}`,
      ]);
      return ["const (", ...indent(lines), ")", ""].join("\n");
    }),
  );
  return [
    `// ${MARKER}`,
    "",
    "package abi",
    "",
    'import "unsafe"',
    "",
    "// Proofs that this compiler lays every struct out as the schema says: each",
    "// difference is 0 both ways round, or its constant overflows uintptr.",
    "",
    proofs.join("\n"),
  ].join("\n");
}

/** Accessors of arrays whose bytes are one of several structs. */
function viewsFiles(model: Model): OutputFile[] {
  const methods = model.files.flatMap((file) =>
    file.structs.flatMap((item) =>
      item.fields.flatMap((field) =>
        field.views.flatMap((view) => [
          `// ${view} is what ${pascal(field.name)} holds, as a ${view}.`,
          `func (s *${item.name}) ${view}() *${view} {`,
          `\treturn (*${view})(unsafe.Pointer(&s.${pascal(field.name)}))`,
          "}",
          "",
        ]),
      ),
    ),
  );
  if (methods.length === 0) return [];
  const text = [`// ${MARKER}`, "", "package abi", "", 'import "unsafe"', "", ...methods].join("\n");
  return [{ path: `${FOLDER}/views_unsafe.go`, text }];
}

/** What the test of abi/vectors.json needs, since reflection finds no type by its name. */
/** For native programs that are told a name: tests, and the conformance kit's subject. */
function byNameFile(model: Model): string {
  const structs = model.files.flatMap((file) =>
    file.structs.map((item) => `"${item.name}": func() any { return new(${item.name}) },`),
  );
  const enums = model.files.flatMap((file) =>
    file.enums.map((item) => `"${item.name}": func(v int64) string { return ${item.name}(v).String() },`),
  );
  const reserved = model.files.flatMap((file) =>
    file.structs.flatMap((item) => {
      const names = item.fields.filter((field) => field.reserved).map((field) => `"${pascal(field.name)}"`);
      return names.length === 0 ? [] : [`"${item.name}": {${names.join(", ")}},`];
    }),
  );
  const roots = [...model.tables.values()].filter(({ root }) => root !== undefined);
  const verifiers = roots.map(
    ({ name }) => `"${name}": func(b []byte) TableFault { _, f := Verify${name}(b, TableMax); return f },`,
  );
  const rows = (lines: readonly string[]): string[] => indent(alignColumns(lines.map((line) => splitKey(line))));
  return [
    `// ${MARKER}`,
    "",
    "//go:build !tinygo",
    "",
    "package abi",
    "",
    "// StructsByName makes a zero value of every struct.",
    "var StructsByName = map[string]func() any{",
    ...rows(structs),
    "}",
    "",
    "// ReservedByName are the fields of structs that are 0.",
    "var ReservedByName = map[string][]string{",
    ...rows(reserved),
    "}",
    "",
    "// EnumsByName names a number of every enum.",
    "var EnumsByName = map[string]func(int64) string{",
    ...rows(enums),
    "}",
    "",
    ...(roots.length === 0
      ? []
      : [
          "// VerifiersByName says what is wrong with a buffer of every table that may be one.",
          "var VerifiersByName = map[string]func([]byte) TableFault{",
          ...rows(verifiers),
          "}",
          "",
        ]),
  ].join("\n");
}

function splitKey(line: string): [string, string] {
  const at = line.indexOf(": ") + 1;
  return [line.slice(0, at), line.slice(at + 1)];
}

/** A row with its documentation: one line behind it, several lines above it. */
function documented(doc: readonly string[], row: readonly string[]): (readonly string[] | string)[] {
  return doc.length === 1 ? [[...row, `// ${doc[0]}`]] : commented(doc, row);
}

function commented(doc: readonly string[], row: readonly string[]): (readonly string[] | string)[] {
  return [...doc.map((line) => `// ${line}`.trimEnd()), row];
}

function comment(lines: readonly string[]): string[] {
  return lines.map((line) => `// ${line}`.trimEnd());
}

/** Documentation that begins with the name, as Go's tools expect. */
function titled(name: string, doc: readonly string[], otherwise: string): string[] {
  const [first = otherwise, ...rest] = doc;
  return [`${name}: ${first}`, ...rest];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : `\t${line}`));
}
