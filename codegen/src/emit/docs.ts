/** The reference, docs/abi: a page per schema file, one of all opcodes, and one of the wasm boundary. */
import { type Emitter, MARKER, type OutputFile } from "../emitter.ts";
import {
  boundaryText,
  type ConstantsModel,
  type EnumModel,
  type FieldModel,
  type FileModel,
  fieldSize,
  type Model,
  payloadLayout,
  type StructModel,
  type TableModel,
  tableTypeText,
  typeText,
  UNITS,
  type UnionModel,
} from "../model.ts";
import { camel } from "../names.ts";
import { slotRules } from "../sequence.ts";
import { byHandPage, hasControl } from "./by-hand.ts";
import { hasCalls } from "./syscalls.ts";

const FOLDER = "docs/abi";

export const docsEmitter: Emitter = {
  name: "docs",
  folders: [FOLDER],
  emit(model: Model): OutputFile[] {
    const files = model.files.filter(
      (file) => file.enums.length + file.constants.length + file.structs.length + file.tables.length > 0,
    );
    const pages: [string, readonly string[]][] = [
      ["README", index(model, files)],
      ...(model.unions.length === 0 ? [] : [["opcodes", opcodes(model)] as [string, readonly string[]]]),
      ...(model.boundary.length === 0 ? [] : [["wasm", boundary(model)] as [string, readonly string[]]]),
      ...(hasControl(model) ? [["by-hand", byHandPage(model)] as [string, readonly string[]]] : []),
      ...files.map((file): [string, readonly string[]] => [`schema-${file.stem}`, filePage(file, model)]),
    ];
    return pages.map(([name, lines]) => ({
      path: `${FOLDER}/${name}.md`,
      text: `<!-- ${MARKER} -->\n${lines
        .join("\n")
        .replaceAll(/\n{3,}/g, "\n\n")
        .trimEnd()}\n`,
    }));
  },
};

function cell(lines: readonly string[]): string {
  return lines.join(" ").replaceAll("|", "\\|");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return [
    `| ${head.join(" | ")} |`,
    `|${head.map(() => "---").join("|")}|`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
  ];
}

function index(model: Model, files: readonly FileModel[]): string[] {
  const count = (file: FileModel): string =>
    [
      [file.structs.length, "structures"],
      [file.enums.length, "enums"],
      [file.constants.length, "lists of numbers"],
      [file.tables.length, "tables"],
    ]
      .filter(([number]) => number !== 0)
      .map(([number, what]) => `${number} ${what}`)
      .join(", ");
  return [
    "# Reference of the ABI",
    "",
    `Version ${model.version.major}.${model.version.minor}, layout hash \`${model.layoutHash}\`. Made from \`abi/*.fbs\`; what is ABI and how it changes is in \`abi/README.md\`.`,
    "",
    ...(model.unions.length === 0 ? [] : ["- [Opcodes](opcodes.md): ring entries, what they carry, what is answered"]),
    ...(hasCalls(model) ? ["- [System calls](syscalls.md): their arguments, and what the kernel has of each"] : []),
    ...(model.boundary.length === 0 ? [] : ["- [The wasm boundary](wasm.md): imports and exports of kernel.wasm"]),
    ...(hasControl(model)
      ? [
          "- [A client in another language](by-hand.md): a hello, a request, a reply and a query as bytes; reading the memory",
        ]
      : []),
    ...(model.unions.length === 0
      ? []
      : ["- [The conformance kit](conformance.md): how an implementation of all this proves itself"]),
    ...files.map((file) => `- [\`abi/${file.stem}.fbs\`](schema-${file.stem}.md): ${count(file)}`),
    "",
    "All numbers are little endian. Units:",
    "",
    ...table(
      ["unit", "what the number is"],
      [
        ["`slot:Kind`", "index of a slot of that table, 0 none"],
        ...Object.entries(UNITS).map(([name, what]) => [`\`${name}\``, what]),
      ],
    ),
    ...sequencePart(model),
  ];
}

function sequencePart(model: Model): string[] {
  const rules = slotRules(model);
  if (rules.length === 0) return [];
  return [
    "## The sequence of a slot",
    "",
    "Words that lie **under** a slot's sequence (`SlotHeader.seq`) change only while it is odd: copied between two looks at it that find the same even",
    "number, they are of one moment. That holds from when the slot **counts**, which is when it is in use and the word by which it counts is not 0:",
    "until then it is being made. Where a table has no such word, a slot counts when something that counts names it. A build of the kernel checks both",
    "in its tests (`kernel-go/kmem/seqlock_paranoid.go`). Other words are read alone, and each may change at any time; those of tables that are not",
    "listed, too.",
    "",
    ...table(
      ["table", "counts by", "under the sequence"],
      rules.map(({ item, kind, counts, under }) => [
        `[\`${kind}\`](schema-${stemOf(item, model)}.md#${item.name.toLowerCase()})`,
        counts === undefined ? "" : `\`${counts.name}\``,
        under.map(({ name }) => `\`${name}\``).join(", "),
      ]),
    ),
  ];
}

const stemOf = (item: StructModel, model: Model): string =>
  model.files.find(({ structs }) => structs.includes(item))?.stem ?? "";

function filePage(file: FileModel, model: Model): string[] {
  return [
    `# abi/${file.stem}.fbs`,
    "",
    ...file.constants.flatMap(constantsPart),
    ...file.structs.flatMap((item) => structPart(item, model)),
    ...file.tables.flatMap(tablePart),
    ...file.enums.flatMap(enumPart),
  ];
}

function constantsPart(item: ConstantsModel): string[] {
  return [
    `## ${item.name}`,
    "",
    ...item.doc,
    "",
    ...table(
      ["number", "value", ""],
      item.values.map((value) => [`\`${value.name}\``, String(value.value), cell(value.doc)]),
    ),
  ];
}

function enumPart(item: EnumModel): string[] {
  return [
    `## ${item.name}`,
    "",
    `${[...item.doc, `(${item.bitFlags ? "bits of " : ""}${item.scalar})`].join(" ")}`,
    "",
    ...table(
      ["name", "value", ""],
      item.values.map((value) => [
        [value.name, ...value.aliases].map((name) => `\`${name}\``).join(", "),
        item.bitFlags ? `0x${value.value.toString(16)}` : String(value.value),
        cell([
          ...value.doc,
          ...(value.frozen === true ? [FROZEN] : []),
          ...(value.shown === undefined ? [] : [`Shown as \`${value.shown}\`.`]),
          ...(value.object === undefined ? [] : [`Stands for a slot of \`${value.object}\`.`]),
        ]),
      ]),
    ),
  ];
}

/** Who writes a field: itself says so, or the struct that it is. */
function ownerOf(field: FieldModel, item: StructModel, model: Model): string {
  if (field.reserved) return "";
  const inner = "struct" in field.type ? model.structs.get(field.type.struct)?.owner : undefined;
  return (field.owner ?? inner ?? item.owner ?? "").replaceAll("|", ", ");
}

/** Some of its words lie under the sequence of the slot that it is or lies in. */
const sequenced = (item: StructModel): boolean => item.fields.some(({ seqlock, counts }) => seqlock || counts);

function sequenceCell({ seqlock, counts }: FieldModel): string {
  return [...(seqlock ? ["under"] : []), ...(counts ? ["counts"] : [])].join(", ");
}

function fieldRows(item: StructModel, model: Model): string[][] {
  return item.fields.map((field) => [
    String(field.offset),
    String(fieldSize(field)),
    `\`${field.name}\``,
    `\`${typeText(field)}\``,
    field.unit === undefined ? "" : `\`${field.unit}\``,
    ownerOf(field, item, model),
    ...(sequenced(item) ? [sequenceCell(field)] : []),
    field.reserved ? "0" : cell(field.frozen && !item.frozen ? [...field.doc, FROZEN] : field.doc),
  ]);
}

const FROZEN = "Frozen: the same in every version.";

const FIELD_HEAD = ["offset", "bytes", "field", "type", "unit", "written by"];
const SEQUENCE_HEAD = "[sequence](README.md#the-sequence-of-a-slot)";

function structPart(item: StructModel, model: Model): string[] {
  const facts = [
    `${item.size} bytes, alignment ${item.align}.`,
    ...(item.frozen ? [FROZEN] : []),
    ...(item.cacheLine === undefined ? [] : [`Starts on a line of ${item.cacheLine} bytes.`]),
    ...(item.slot === undefined
      ? []
      : [`Element of the slot table \`SlotKind.${item.slot}\`${item.headless ? ", without a SlotHeader" : ""}.`]),
    ...(item.union === undefined
      ? []
      : [`\`${item.union.name}\` for [\`${item.union.opcode}\`](opcodes.md#${item.union.opcode.toLowerCase()}).`]),
  ];
  return [
    `## ${item.name}`,
    "",
    ...item.doc,
    "",
    facts.join(" "),
    "",
    ...table([...FIELD_HEAD, ...(sequenced(item) ? [SEQUENCE_HEAD] : []), ""], fieldRows(item, model)),
  ];
}

function tablePart(item: TableModel): string[] {
  return [
    `## ${item.name}`,
    "",
    ...item.doc,
    "",
    `${item.frozen ? `${FROZEN} ` : ""}A table${item.root === undefined ? "" : `; as a buffer of its own it has the file identifier \`${item.root}\``}.`,
    "",
    ...table(
      ["place", "field", "type", "unit", ""],
      item.fields.map((field) => [
        String(field.id),
        `\`${field.name}\``,
        `\`${tableTypeText(field)}\``,
        field.unit === undefined ? "" : `\`${field.unit}\``,
        cell(field.doc),
      ]),
    ),
  ];
}

function opcodes(model: Model): string[] {
  return [
    "# Opcodes",
    "",
    "A ring entry has 64 bytes. Every request gets exactly one `Reply`; its `result` is 0 or more, or a negative errno.",
    "Any request may also fail with EINVAL (a span outside the arena), EAGAIN (too much of this client waits already), ECANCELED (`Cancel`)",
    "and EOPNOTSUPP (an opcode that this kernel does not know). Words of a reply that its opcode says nothing of are 0, and so are all of a refusal but",
    "`result`, except where an opcode says otherwise; `flags` and reserved words are 0 in every entry.",
    "",
    ...model.unions.flatMap((union) => [
      `# ${union.name}`,
      "",
      ...union.members.flatMap((member) => {
        const item = model.structs.get(member.struct);
        return item === undefined ? [] : opcodePart(union, member.opcode, member.value, item, model);
      }),
    ]),
  ];
}

function opcodePart(union: UnionModel, opcode: string, value: bigint, item: StructModel, model: Model): string[] {
  const reply = item.reply;
  const answers = [
    ...(reply?.parts ?? []).map((part) => `- \`${part.from}\` is \`${camel(part.name)}\`: ${part.doc}`),
    ...(reply?.payload === undefined ? [] : [`- bytes: ${payload(reply.payload, model)}`]),
  ];
  return [
    `## ${opcode}`,
    "",
    [`${union.opcodeEnum} ${value}, \`${item.name}\`.`, ...item.doc, ...(item.frozen ? [FROZEN] : [])].join(" "),
    "",
    ...table(
      FIELD_HEAD,
      fieldRows(item, model).filter((_, i) => item.fields[i]?.reserved === false),
    ),
    ...(reply === undefined
      ? []
      : [
          answers.length === 0 ? "Reply: `result` 0." : "Reply:",
          "",
          ...answers,
          "",
          `Errors: ${reply.errnos.length === 0 ? "none of its own" : reply.errnos.join(", ")}.`,
          "",
          ...rules(item),
        ]),
    "```ts",
    ...(reply === undefined ? [] : [`client.request.${camel(opcode)}(${call(item, union, model)});`]),
    `encode${union.name}(mem, at, ${example(item, union, model)});`,
    "```",
    "",
  ];
}

/** What a request is for its callers, beside its fields. */
function rules(item: StructModel): string[] {
  const { request } = item;
  const own = item.fields.filter((field) => field.mine !== undefined);
  const sentences = [
    ...(request?.prompt === true ? ["The kernel answers it at once, whatever its guests do."] : []),
    ...(request?.host === true ? ["Only the machine's own host makes it: EPERM by a control channel."] : []),
    ...own.map((field) => `\`${field.name}\` names what this client got itself; others are answered ${field.mine}.`),
    ...(request === undefined || request.gives.length === 0
      ? []
      : [`Afterwards the client holds ${request.gives.map((name) => `\`${name}\``).join(", ")}.`]),
    ...(request?.takes === undefined ? [] : [`Afterwards the client holds \`${request.takes}\` no more.`]),
  ];
  return sentences.length === 0 ? [] : [sentences.join(" "), ""];
}

function payload(name: string, model: Model): string {
  const stem = model.files.find((file) => [...file.structs, ...file.tables].some((item) => item.name === name))?.stem;
  return stem === undefined ? name : `[\`${name}\`](schema-${stem}.md#${name.toLowerCase()})`;
}

/** The arguments of a request's method, its values made up by their types. */
function call(item: StructModel, union: UnionModel, model: Model): string {
  const layout = payloadLayout(item.reply);
  const fixed = layout?.form === "one" && model.structs.has(layout.name);
  const value = (field: FieldModel): string => {
    if (field.span === "reply") return "replyBytes: 4096";
    if (field.span === "path") return `${camel(field.name)}: "/etc/motd"`;
    if (field.span === "text") return `${camel(field.name)}: "name"`;
    if (field.span === "bytes") return `${camel(field.name)}: new Uint8Array(16)`;
    if ("struct" in field.type) return `${camel(field.name)}: { index: 1, generation: 1 }`;
    if (field.unit === "flag") return `${camel(field.name)}: true`;
    return `${camel(field.name)}: ${field.type.scalar.endsWith("64") && !field.bounded ? "0n" : "0"}`;
  };
  const given = item.fields.filter(
    (field) => !field.reserved && field.name !== union.path[0] && !(field.span === "reply" && fixed) && !field.optional,
  );
  const asked = item.fields.some((field) => !field.reserved && field.name !== union.path[0]);
  if (given.length === 0) return asked && item.fields.some((field) => field.optional) ? "{}" : "";
  return `{ ${given.map(value).join(", ")} }`;
}

/** An entry as a data object, its values made up by their types. */
function example(item: StructModel, union: UnionModel, model: Model): string {
  let place = 0;
  const value = (field: FieldModel): string => {
    if ("struct" in field.type) {
      if (field.type.struct === "ArenaSpan") return `{ offset: ${64 * place++}, length: 16 }`;
      const inner = model.structs.get(field.type.struct);
      return `{ ${(inner?.fields ?? [])
        .filter((child) => !child.reserved)
        .map((child) => `${camel(child.name)}: ${value(child)}`)
        .join(", ")} }`;
    }
    if (field.count !== undefined)
      return field.type.scalar === "u8"
        ? "new Uint8Array(8)"
        : `Array(${field.count}).fill(${field.type.scalar.endsWith("64") && !field.bounded ? "0n" : "0"})`;
    if (field.unit === "mode") return "0o644";
    const zero = model.enums.get(field.enum ?? "")?.values.find((entry) => entry.value === 0n)?.name;
    if (zero !== undefined) return `${field.enum}.${zero}`;
    if (field.type.scalar.endsWith("64") && !field.bounded) return "0n";
    return field.unit === "index" || field.unit === "seq" || field.unit?.startsWith("slot:") === true ? "1" : "0";
  };
  const parts = item.fields
    .filter((field) => !field.reserved)
    .flatMap((field) => {
      if (field.name === union.path[0] && union.path.length === 2) {
        return [`opcode: ${union.opcodeEnum}.${item.union?.opcode}`, "flags: 0", "requestId: 1"];
      }
      if (field.name === union.path[0]) return [`opcode: ${union.opcodeEnum}.${item.union?.opcode}`];
      return [`${camel(field.name)}: ${value(field)}`];
    });
  return `{ ${parts.join(", ")} }`;
}

function boundary(model: Model): string[] {
  const part = (direction: "import" | "export"): string[] =>
    model.boundary
      .filter((item) => item.direction === direction)
      .flatMap((item) => [
        `## ${item.module === "" ? "" : `${item.module}.`}${item.symbol}`,
        "",
        ...item.doc,
        "",
        `\`${boundaryText(item)}\``,
        "",
        ...table(
          ["parameter", "type", "unit", ""],
          item.params.map((param) => [
            `\`${camel(param.name)}\``,
            `\`${param.enum ?? param.scalar}\``,
            param.unit === undefined ? "" : `\`${param.unit}\``,
            cell(param.doc),
          ]),
        ),
      ]);
  return [
    "# The wasm boundary",
    "",
    "After the arrow stands the result with the enum that it is of (`Errno`: 0 or a negative errno), then who may call it,",
    "then what must have been called on the machine before.",
    "",
    "# Imports",
    "",
    ...part("import"),
    "# Exports",
    "",
    ...part("export"),
  ];
}
