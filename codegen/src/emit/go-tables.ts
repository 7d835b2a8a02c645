/** Tables in Go: readers over a verified buffer, and plain values that build one into given bytes. */
import { type Model, SCALAR_SIZE, type ScalarKind, type TableField, type TableModel } from "../model.ts";
import { pascal } from "../names.ts";
import { alignColumns } from "./columns.ts";

const GO: Readonly<Record<ScalarKind, string>> = {
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

/** Size and alignment of an element in place. */
function place(field: TableField, model: Model): { size: number; align: number } {
  const { type } = field;
  if (type.kind === "scalar") return { size: SCALAR_SIZE[type.scalar], align: SCALAR_SIZE[type.scalar] };
  if (type.kind === "struct") {
    const item = model.structs.get(type.struct);
    return { size: item?.size ?? 0, align: item?.align ?? 1 };
  }
  return { size: 4, align: 4 };
}

const isBytes = (field: TableField): boolean =>
  field.type.kind === "string" || (field.vector && field.type.kind === "scalar" && field.type.scalar === "u8");

/** All tables by name: their index is their shape's. */
export function shapesText(model: Model): string {
  const names = [...model.tables.keys()].sort();
  const rows = names.flatMap((name) => {
    const item = model.tables.get(name)!;
    const fields = item.fields.map((field) => {
      const { size, align } = place(field, model);
      const kind = { scalar: "tableScalar", struct: "tableStruct", string: "tableString", table: "tableTable" };
      const signed = field.type.kind === "scalar" && field.type.scalar === "i64";
      const parts = [
        `slot: ${field.slot}`,
        `size: ${size}`,
        `align: ${align}`,
        `kind: ${kind[field.type.kind]}`,
        ...(field.bounded ? [`bounded: ${signed ? "tableBoundedSigned" : "tableBoundedUnsigned"}`] : []),
        ...(field.type.kind === "table" ? [`shape: shape${field.type.table}`] : []),
        ...(field.vector ? ["vector: true"] : []),
        ...(field.required ? ["required: true"] : []),
      ];
      return `\t\t{${parts.join(", ")}}, // ${field.name}`;
    });
    return [`\t{root: "${item.root ?? ""}", fields: []tableField{`, ...alignComments(fields), "\t}},"];
  });
  return [
    "// Indices of tableShapes.",
    "const (",
    ...names.map((name, i) => `\tshape${name}${i === 0 ? " = iota" : ""}`),
    ")",
    "",
    "// tableShapes describe every table to the verifier.",
    "var tableShapes = [...]tableShape{",
    ...rows,
    "}",
    "",
  ].join("\n");
}

function alignComments(lines: readonly string[]): string[] {
  return alignColumns(
    lines.map((line) => {
      const at = line.indexOf(" // ");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

export function tableText(item: TableModel, model: Model): string {
  const name = item.name;
  const title = item.doc[0] ?? "a table.";
  return [
    `// ${name}: ${title}`,
    ...item.doc.slice(1).map((line) => `// ${line}`),
    `type ${name} struct{ Table }`,
    "",
    ...(item.root === undefined
      ? []
      : [
          `// Verify${name} checks a buffer with at most maxTables tables and strings; what it gives may be read.`,
          `func Verify${name}(b []byte, maxTables uint32) (${name}, TableFault) {`,
          `\tt, f := verifyTable(b, shape${name}, maxTables)`,
          `\treturn ${name}{t}, f`,
          "}",
          "",
        ]),
    ...item.fields.flatMap((field) => getter(item, field, model)),
    `// ${name}Data are the values of a ${name} to build; what is zero or nil is left out, unless it is required.`,
    `type ${name}Data struct {`,
    ...alignColumns(item.fields.map((field) => [`\t${pascal(field.name)}`, dataType(field)])),
    "}",
    "",
    ...putText(item, model),
    ...(item.root === undefined
      ? []
      : [
          `// Build writes the buffer into b and says how long it is; false when b is too short.`,
          `func (d *${name}Data) Build(b []byte) (uint32, bool) {`,
          "\tw := tableWriter{buf: b}",
          `\tif !w.begin("${item.root}") {`,
          "\t\treturn 0, false",
          "\t}",
          "\treturn w.end(d.put(&w))",
          "}",
          "",
        ]),
  ].join("\n");
}

function comment(field: TableField, name: string): string[] {
  const [first = "", ...rest] = field.doc;
  const unit = field.unit === undefined ? [] : [`Unit: ${field.unit}.`];
  return [`${name}: ${first}`, ...rest, ...unit].map((line) => `// ${line}`);
}

function scalarType(field: TableField): string {
  if (field.type.kind !== "scalar") return "";
  return field.type.enum ?? GO[field.type.scalar];
}

function fromBits(field: TableField, bits: string): string {
  const scalar = field.type.kind === "scalar" ? field.type.scalar : "u8";
  if (scalar === "f32") return `math.Float32frombits(uint32(${bits}))`;
  if (scalar === "f64") return `math.Float64frombits(${bits})`;
  return `${scalarType(field)}(${bits})`;
}

function getter(item: TableModel, field: TableField, model: Model): string[] {
  const name = pascal(field.name);
  const head = `func (t ${item.name}) ${name}`;
  const doc = comment(field, name);
  const { size } = place(field, model);
  const { type } = field;
  const lengthOf = [
    `// ${name}Len is the number of elements of ${name}.`,
    `func (t ${item.name}) ${name}Len() uint32 { return t.length(${field.slot}) }`,
    "",
  ];
  if (!field.vector) {
    switch (type.kind) {
      case "scalar": {
        const absent = BigInt.asUintN(64, field.default);
        const bits = `t.scalar(${field.slot}, ${size}, ${absent})`;
        return [...doc, `${head}() ${scalarType(field)} { return ${fromBits(field, bits)} }`, ""];
      }
      case "string":
        return [...doc, `${head}() []byte { return t.bytes(${field.slot}) }`, ""];
      case "table":
        return [...doc, `${head}() ${type.table} { return ${type.table}{t.table(t.field(${field.slot}))} }`, ""];
      case "struct":
        return [
          ...doc,
          "// It is copied to out; false when it is absent.",
          `${head}(out *${type.struct}) bool {`,
          `\tat := t.field(${field.slot})`,
          "\tif at == 0 {",
          "\t\treturn false",
          "\t}",
          `\tcopy(structBytes(out), t.buf[at:])`,
          "\treturn true",
          "}",
          "",
        ];
    }
  }
  if (isBytes(field) && type.kind === "scalar")
    return [...doc, `${head}() []byte { return t.bytes(${field.slot}) }`, ""];
  const at = `t.item(${field.slot}, i, ${size})`;
  switch (type.kind) {
    case "scalar":
      return [
        ...doc,
        `${head}(i uint32) ${scalarType(field)} { return ${fromBits(field, `t.number(${at}, ${size})`)} }`,
        "",
        ...lengthOf,
      ];
    case "string":
      return [...doc, `${head}(i uint32) []byte { return t.content(${at}) }`, "", ...lengthOf];
    case "table":
      return [
        ...doc,
        `${head}(i uint32) ${type.table} {`,
        `\treturn ${type.table}{t.table(${at})}`,
        "}",
        "",
        ...lengthOf,
      ];
    case "struct":
      return [
        ...doc,
        "// Element i is copied to out.",
        `${head}(i uint32, out *${type.struct}) {`,
        `\tcopy(structBytes(out), t.buf[${at}:])`,
        "}",
        "",
        ...lengthOf,
      ];
  }
}

function dataType(field: TableField): string {
  const { type } = field;
  if (isBytes(field)) return field.vector && type.kind === "string" ? "[][]byte" : "[]byte";
  const slice = field.vector ? "[]" : "";
  switch (type.kind) {
    case "scalar":
      return `${slice}${scalarType(field)}`;
    case "struct":
      return field.vector ? `[]${type.struct}` : `*${type.struct}`;
    case "table":
      return field.vector ? `[]${type.table}Data` : `*${type.table}Data`;
    case "string":
      return "[]byte";
  }
}

/** Fields by falling alignment, so that no gaps come between them. */
function putText(item: TableModel, model: Model): string[] {
  const inline = (field: TableField): { size: number; align: number } =>
    field.vector ? { size: 4, align: 4 } : place(field, model);
  const order = [...item.fields].sort((a, b) => inline(b).align - inline(a).align);
  const offsets = new Map<TableField, number>();
  let size = 4;
  for (const field of order) {
    const step = inline(field);
    size = Math.ceil(size / step.align) * step.align;
    offsets.set(field, size);
    size += step.size;
  }
  const align = Math.max(4, ...item.fields.map((field) => inline(field).align));
  const vtable = 4 + 2 * item.fields.length;
  return [
    `func (d *${item.name}Data) put(w *tableWriter) uint32 {`,
    `\tt := w.table(${vtable}, ${size}, ${align})`,
    ...item.fields.flatMap((field) => {
      const at = `w.place(t, ${field.slot}, ${offsets.get(field)})`;
      const body = putField(field, at, model);
      const value = `d.${pascal(field.name)}`;
      if (field.required) return body.map((line) => `\t${line}`);
      const present = field.vector || field.type.kind !== "scalar" ? `${value} != nil` : `${value} != ${field.default}`;
      return [`\tif ${present} {`, ...body.map((line) => `\t\t${line}`), "\t}"];
    }),
    "\treturn t",
    "}",
    "",
  ];
}

function bits(field: TableField, value: string): string {
  const scalar = field.type.kind === "scalar" ? field.type.scalar : "u8";
  if (scalar === "f32") return `uint64(math.Float32bits(${value}))`;
  if (scalar === "f64") return `math.Float64bits(${value})`;
  return `uint64(${value})`;
}

function putField(field: TableField, at: string, model: Model): string[] {
  const value = `d.${pascal(field.name)}`;
  const { size, align } = place(field, model);
  const { type } = field;
  if (!field.vector) {
    switch (type.kind) {
      case "scalar":
        return [`w.scalar(${at}, ${size}, ${bits(field, value)})`];
      case "string":
        return [`w.link(${at}, w.text(${value}))`];
      case "table":
        return [`w.link(${at}, ${value}.put(w))`];
      case "struct":
        return [`w.raw(${at}, structBytes(${value}))`];
    }
  }
  if (isBytes(field) && type.kind === "scalar") return [`w.link(${at}, w.blob(${value}))`];
  const vector = `v${pascal(field.name)}`;
  const head = [`${vector} := w.vector(len(${value}), ${size}, ${align})`, `w.link(${at}, ${vector})`];
  const each = (body: string): string[] => [...head, `for i := range ${value} {`, `\t${body}`, "}"];
  const element = `${vector}+4+uint32(i)*${size}`;
  switch (type.kind) {
    case "scalar":
      return each(`w.scalar(${element}, ${size}, ${bits(field, `${value}[i]`)})`);
    case "string":
      return each(`w.link(${element}, w.text(${value}[i]))`);
    case "table":
      return each(`w.link(${element}, ${value}[i].put(w))`);
    case "struct":
      return [...head, `w.raw(${vector}+4, sliceBytes(${value}))`];
  }
}

/** Whether the code needs package math. */
export function usesMath(tables: readonly TableModel[]): boolean {
  return tables.some((item) =>
    item.fields.some(({ type }) => type.kind === "scalar" && (type.scalar === "f32" || type.scalar === "f64")),
  );
}
