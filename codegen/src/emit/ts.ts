/**
 * TypeScript for abi/ts: numbers as constant objects, each struct as a view
 * ("flyweight") that is positioned on an address and reads in place, and as a
 * plain data object for what leaves the memory.
 */
import { basename } from "node:path";
import {
  type ClassDeclarationStructure,
  IndentationText,
  type InterfaceDeclarationStructure,
  type OptionalKind,
  Project,
  type PropertyDeclarationStructure,
  type StatementStructures,
  StructureKind,
} from "ts-morph";
import { type Emitter, MARKER, type OutputFile } from "../emitter.ts";
import { FITS, ruleText } from "../fits.ts";
import {
  type ConstantsModel,
  type EnumModel,
  type FileModel,
  type Model,
  type StructModel,
  VERSION,
  viewField,
} from "../model.ts";
import { camel } from "../names.ts";
import { tsBoundary } from "./boundary.ts";
import { hasCalls, SYSCALLS_MODULE } from "./syscalls.ts";
import { dataProperties, fromData, toData } from "./ts-data.ts";
import { accessors } from "./ts-fields.ts";
import { importLines, unionsOf } from "./ts-imports.ts";
import { tsRequests } from "./ts-requests.ts";
import { tableStatements } from "./ts-tables.ts";
import { docs, fitsNumber, literal, rowDoc } from "./ts-text.ts";
import { unionStatements } from "./ts-union.ts";

const FOLDER = "abi/ts";

export const tsEmitter: Emitter = {
  name: "ts",
  folders: [FOLDER],
  emit(model: Model): OutputFile[] {
    const project = new Project({
      useInMemoryFileSystem: true,
      manipulationSettings: { indentationText: IndentationText.TwoSpaces },
    });
    const files = model.files.filter(
      (file) => file.enums.length + file.constants.length + file.structs.length + file.tables.length > 0,
    );
    const sources = files.map((file) => {
      const body = project
        .createSourceFile(`/${file.stem}.ts`, { statements: fileStatements(file, model) })
        .getFullText();
      const imports = importLines(file, model);
      const head = [
        `// ${MARKER}`,
        `// Source: abi/${file.stem}.fbs`,
        "",
        ...imports,
        ...(imports.length > 0 ? [""] : []),
        "",
      ];
      return { path: `${FOLDER}/${file.stem}.ts`, text: head.join("\n") + body.trimStart() };
    });
    const boundary = tsBoundary(model);
    const extra = [hashFile(model), ...(boundary === undefined ? [] : [boundary]), ...tsRequests(model)];
    return [
      ...sources,
      ...extra,
      indexFile([
        ...files.map((file) => `${file.stem}.ts`),
        ...extra.map(fileName),
        ...(hasCalls(model) ? [SYSCALLS_MODULE] : []),
      ]),
    ];
  },
};

function hashFile(model: Model): OutputFile {
  const stem = model.files.find((file) => file.constants.some((item) => item.name === VERSION))?.stem ?? "";
  const text = [
    `// ${MARKER}`,
    `import { ${VERSION} } from "./${stem}.ts";`,
    "",
    "/** Low half of the layout hash: the first 64 bits of SHA-256 over every layout and number of the schema. */",
    `export const LayoutHashLo = 0x${model.layoutHash.slice(8)};`,
    "/** High half of the layout hash. */",
    `export const LayoutHashHi = 0x${model.layoutHash.slice(0, 8)};`,
    ...fitsText(),
    "",
  ].join("\n");
  return { path: `${FOLDER}/layout_hash.ts`, text };
}

/** What a side says of its version, as MachineHeader, KernelInitRequest and ControlHello do. */
function fitsText(): string[] {
  const word = (name: string, ours: string) => ({ theirs: `theirs.${name}`, ours });
  const rule = ruleText(FITS, {
    words: {
      major: word("abiMajor", `${VERSION}.Major`),
      minor: word("abiMinor", `${VERSION}.Minor`),
      hashLo: word("layoutHashLo", "LayoutHashLo"),
      hashHi: word("layoutHashHi", "LayoutHashHi"),
    },
    equal: "===",
    unequal: "!==",
  });
  return [
    "",
    "/** What a side says of its version: a machine's header, a client's first request, the hello of a control channel. */",
    "export interface SideVersion {",
    "  readonly abiMajor: number;",
    "  readonly abiMinor: number;",
    "  readonly layoutHashLo: number;",
    "  readonly layoutHashHi: number;",
    "}",
    "",
    `/** Whether these packages and another side understand one another: ${VERSION}'s rule. */`,
    "export function abiFits(theirs: SideVersion): boolean {",
    `  return ${rule};`,
    "}",
  ];
}

function fileName(file: OutputFile): string {
  return basename(file.path);
}

function indexFile(names: readonly string[]): OutputFile {
  const lines = [...names].sort().map((name) => `export * from "./${name}";`);
  return { path: `${FOLDER}/index.ts`, text: [`// ${MARKER}`, "", ...lines, ""].join("\n") };
}

type Statement = string | StatementStructures;

function fileStatements(file: FileModel, model: Model): Statement[] {
  return [
    ...file.constants.map(constantsStatement),
    ...file.enums.flatMap(enumStatements),
    ...file.structs.flatMap((item): Statement[] => [dataInterface(item, model), viewClass(item, model)]),
    ...unionsOf(file, model).flatMap((union): Statement[] => unionStatements(union, model)),
    ...tableStatements(file, model),
  ];
}

function constantsStatement(item: ConstantsModel): string {
  const rows = item.values.flatMap(({ name, value, doc }) => [
    ...rowDoc(doc),
    `${name}: ${literal(value, !fitsNumber(value))},`,
  ]);
  return constObject(item.name, rows, item.doc);
}

function enumStatements(item: EnumModel): Statement[] {
  const big = item.values.some((value) => !fitsNumber(value.value));
  const rows = item.values.flatMap((value) => [
    ...rowDoc(value.doc),
    ...[value.name, ...value.aliases].map((name) => `${name}: ${literal(value.value, big)},`),
  ]);
  const type = big ? "bigint" : "number";
  return [
    constObject(item.name, rows, item.doc),
    {
      kind: StructureKind.TypeAlias,
      isExported: true,
      name: item.name,
      type: `(typeof ${item.name})[keyof typeof ${item.name}]`,
    },
    {
      kind: StructureKind.Function,
      isExported: true,
      name: `${camel(item.name)}Name`,
      docs: [item.bitFlags ? `Names the bits of ${item.name}.` : `Names a number of ${item.name}.`],
      parameters: [{ name: "value", type }],
      returnType: "string",
      statements: item.bitFlags
        ? `return flagNames(${item.name}, value);`
        : `return enumName("${item.name}", ${item.name}, value);`,
    },
    ...shownStatements(item, type),
    ...objectStatements(item, type),
  ];
}

/** The function that says in which table the slots are that numbers stand for. */
function objectStatements(item: EnumModel, type: string): Statement[] {
  const standing = item.values.filter((value) => value.object !== undefined);
  if (standing.length === 0) return [];
  return [
    {
      kind: StructureKind.Function,
      isExported: true,
      name: `${camel(item.name)}Object`,
      docs: [
        `The table of the slots of which one of this ${item.name} stands for one; undefined for those that stand for none.`,
      ],
      parameters: [{ name: "value", type }],
      returnType: "SlotKind | undefined",
      statements: [
        "switch (value) {",
        ...standing.flatMap((value) => [`  case ${item.name}.${value.name}:`, `    return SlotKind.${value.object};`]),
        "  default:",
        "    return undefined;",
        "}",
      ].join("\n"),
    },
  ];
}

/** The function that says what users see of a number. */
function shownStatements(item: EnumModel, type: string): Statement[] {
  const shown = item.values.filter((value) => value.shown !== undefined);
  if (shown.length === 0) return [];
  return [
    {
      kind: StructureKind.Function,
      isExported: true,
      name: `${camel(item.name)}Shown`,
      docs: [`What users see of a number of ${item.name}; undefined for those of which they see nothing.`],
      parameters: [{ name: "value", type }],
      returnType: "string | undefined",
      statements: [
        "switch (value) {",
        ...shown.flatMap((value) => [
          `  case ${item.name}.${value.name}:`,
          `    return ${JSON.stringify(value.shown)};`,
        ]),
        "  default:",
        "    return undefined;",
        "}",
      ].join("\n"),
    },
  ];
}

/** Text, since ts-morph would indent the rows as a continuation. */
function constObject(name: string, rows: readonly string[], doc: readonly string[]): string {
  const above = doc.length > 1 ? ["/**", ...doc.map((line) => ` * ${line}`.trimEnd()), " */"] : rowDoc(doc);
  return ["", ...above, `export const ${name} = {`, ...rows.map((row) => `  ${row}`), "} as const;"].join("\n");
}

function dataInterface(item: StructModel, model: Model): InterfaceDeclarationStructure {
  return {
    kind: StructureKind.Interface,
    isExported: true,
    name: `${item.name}Data`,
    docs: [`The values of a ${item.name}, outside the memory.`],
    properties: dataProperties(item, model),
  };
}

function viewClass(item: StructModel, model: Model): ClassDeclarationStructure {
  const visible = item.fields.filter((field) => !field.reserved);
  const views = visible.flatMap((field) => field.views.map((view) => viewField(field, view)));
  const offsets = visible.map((field) => `${camel(field.name)}: ${field.offset}`).join(", ");
  const lengths = visible.filter((field) => field.count !== undefined);
  const properties: OptionalKind<PropertyDeclarationStructure>[] = [
    property("SIZE", String(item.size), "Bytes."),
    property("ALIGN", String(item.align), "Bytes."),
    property("OFFSET", `{ ${offsets} } as const`, "Offset of each field in bytes."),
    ...(lengths.length === 0
      ? []
      : [
          property(
            "LENGTH",
            `{ ${lengths.map((field) => `${camel(field.name)}: ${field.count}`).join(", ")} } as const`,
            "Elements of each array.",
          ),
        ]),
    { name: "$mem", type: "Mem", isReadonly: true },
    { name: "$base", initializer: "0", docs: ["Address of the struct."] },
    ...[...visible, ...views].flatMap((field): OptionalKind<PropertyDeclarationStructure>[] =>
      "struct" in field.type ? [{ name: `#${camel(field.name)}`, type: `${field.type.struct} | undefined` }] : [],
    ),
  ];
  const members = [...visible, ...views].map((field) => accessors(field));
  const facts = [
    ...(item.slot === undefined ? [] : [`Element of the slot table of kind ${item.slot}.`]),
    ...(item.union === undefined ? [] : [`Member of ${item.union.name} for opcode ${item.union.opcode}.`]),
  ];
  return {
    kind: StructureKind.Class,
    isExported: true,
    name: item.name,
    docs: docs([
      ...item.doc,
      ...facts,
      "A view: `at` positions it, every property reads or writes the memory in place.",
    ]),
    properties,
    ctors: [
      {
        parameters: [
          { name: "mem", type: "Mem" },
          { name: "addr", type: "number", hasQuestionToken: true },
        ],
        statements: ["this.$mem = mem;", "if (addr !== undefined) this.at(addr);"],
      },
    ],
    getAccessors: members.flatMap((member) => member.get),
    setAccessors: members.flatMap((member) => member.set),
    methods: [
      {
        name: "at",
        docs: ["Moves the view.\n@throws RangeError when the struct would lie outside the memory or misaligned"],
        parameters: [{ name: "addr", type: "number" }],
        returnType: "this",
        statements: [`this.$mem.check(addr, ${item.size}, ${item.align});`, "this.$base = addr;", "return this;"],
      },
      ...members.flatMap((member) => member.methods),
      toData(item, model),
      fromData(item, model),
    ],
  };
}

function property(name: string, initializer: string, doc: string): OptionalKind<PropertyDeclarationStructure> {
  return { isStatic: true, isReadonly: true, name, initializer, docs: [doc] };
}
