/** abi/ts/requests.ts: a method for each request of a union, what it is asked with and what it answers, and the rules by opcode. */
import { fieldDoc, MARKER, type OutputFile } from "../emitter.ts";
import {
  type FieldModel,
  is64,
  type Model,
  payloadLayout,
  type ReplyPart,
  requestsOf,
  SCALAR_SIZE,
  type ScalarKind,
  type StructModel,
  slotKind,
  type UnionModel,
} from "../model.ts";
import { camel, snake } from "../names.ts";
import { givenKind, takenKind } from "../requests.ts";
import { Imports } from "./ts-imports.ts";

const SUPPORT = "../src/core/request.ts";
const TEXT = "../src/core/text.ts";

/** Nothing where the schema has no requests. */
export function tsRequests(model: Model): OutputFile[] {
  return model.unions
    .filter((union) => requestsOf(union, model).length > 0)
    .map((union) => {
      const writer = new RequestsWriter(union, model);
      return { path: `abi/ts/${snake(union.name)}s.ts`, text: writer.file() };
    });
}

/** A span of a request, in the order of its fields. */
interface Span {
  readonly field: FieldModel;
  readonly name: string;
}

class RequestsWriter {
  readonly #union: UnionModel;
  readonly #model: Model;
  readonly #imports: Imports;

  constructor(union: UnionModel, model: Model) {
    this.#union = union;
    this.#model = model;
    this.#imports = new Imports(undefined, model);
  }

  file(): string {
    const { name, opcodeEnum } = this.#union;
    const requests = requestsOf(this.#union, this.#model);
    const parts = [
      ...requests.flatMap((item) => [this.#arguments(item), this.#answer(item)]),
      this.#class(requests),
      this.#rules(requests),
    ].filter((part) => part !== "");
    this.#imports.declared(requests[0]?.name ?? "", name, true);
    this.#imports.declared("ReplyEvent", "ReplyEvent", true);
    this.#imports.declared(opcodeEnum);
    return [`// ${MARKER}`, "", ...this.#imports.lines(), "", parts.join("\n\n"), ""].join("\n");
  }

  /** Fields that a caller gives: all but the header. */
  #asked(item: StructModel): FieldModel[] {
    return item.fields.filter((field) => !field.reserved && field.name !== this.#union.path[0]);
  }

  #arguments(item: StructModel): string {
    const rows = this.#asked(item).flatMap((field) => {
      const type = this.#argumentType(item, field);
      if (type === undefined) return [];
      const { name, doc } = type;
      return [
        ...comment(doc, "  "),
        `  readonly ${name}${field.optional ? "?" : ""}: ${type.type}${field.optional ? " | undefined" : ""};`,
      ];
    });
    if (rows.length === 0) return "";
    return [
      ...comment([`What ${opcodeOf(item)} is asked with.`]),
      `export interface ${argumentsName(item)} {`,
      ...rows,
      "}",
    ].join("\n");
  }

  /** Undefined for what the caller does not give. */
  #argumentType(
    item: StructModel,
    field: FieldModel,
  ): { readonly name: string; readonly type: string; readonly doc: readonly string[] } | undefined {
    const name = camel(field.name);
    const doc = fieldDoc({ ...field, owner: undefined });
    if (field.span === "reply") {
      if (this.#fixedReply(item) !== undefined) return undefined;
      return { name: "replyBytes", type: "number", doc: ["Room for the reply's bytes."] };
    }
    if (field.span === "path") {
      this.#imports.add(TEXT, "PathLike", true);
      return { name, type: "PathLike", doc };
    }
    if (field.span === "text") return { name, type: "string", doc };
    if (field.span === "bytes") {
      this.#imports.add(SUPPORT, "RequestBytes", true);
      return { name, type: "RequestBytes", doc };
    }
    if ("struct" in field.type) {
      const type = `${field.type.struct}Data`;
      this.#imports.declared(field.type.struct, type, true);
      return { name, type, doc };
    }
    if (field.unit === "flag") return { name, type: "boolean", doc: field.doc };
    // Bits of an enum are a number.
    if (field.enum !== undefined && field.unit === undefined) {
      this.#imports.declared(field.enum, field.enum, true);
      return { name, type: field.enum, doc };
    }
    return { name, type: is64(field.type.scalar) && !field.bounded ? "bigint" : "number", doc };
  }

  /** The struct that a reply's bytes are. */
  #fixedReply(item: StructModel): StructModel | undefined {
    const layout = payloadLayout(item.reply);
    return layout?.form === "one" ? this.#model.structs.get(layout.name) : undefined;
  }

  #payloadType(item: StructModel): string | undefined {
    if (item.reply?.payload === undefined) return undefined;
    const layout = payloadLayout(item.reply);
    if (layout === undefined || layout.form === "chain") return "Uint8Array<ArrayBuffer>";
    this.#imports.declared(layout.name, `${layout.name}Data`, true);
    if (layout.form === "records") return `${layout.name}Data[]`;
    return this.#model.tables.has(layout.name) ? `${layout.name}Data | undefined` : `${layout.name}Data`;
  }

  #answer(item: StructModel): string {
    const rows = (item.reply?.parts ?? []).flatMap((part) => [
      ...comment([capital(`${part.name.replaceAll("_", " ")}${part.doc === "" ? "" : `: ${part.doc}`}.`)], "  "),
      `  readonly ${camel(part.name)}: ${this.#partType(part)};`,
    ]);
    const payload = this.#payloadType(item);
    if (payload !== undefined)
      rows.push(...comment([capital(`${item.reply?.payload}.`)], "  "), `  readonly payload: ${payload};`);
    if (rows.length === 0) return "";
    return [
      ...comment([`What ${opcodeOf(item)} answers.`]),
      `export interface ${answerName(item)} {`,
      ...rows,
      "}",
    ].join("\n");
  }

  #partType(part: ReplyPart): string {
    if (part.from !== "handle") return part.unit === "hash" ? "bigint" : "number";
    this.#imports.declared("SlotHandle", "SlotHandleData", true);
    return "SlotHandleData";
  }

  #class(requests: readonly StructModel[]): string {
    const { name } = this.#union;
    this.#imports.add(SUPPORT, "CallOptions", true);
    this.#imports.add(SUPPORT, "Caller", true);
    const caller = `Caller<${name}, ReplyEvent>`;
    return [
      ...comment([
        `Every ${name} as a method: it encodes the request, sends it by \`caller\`, and decodes the reply. Each rejects with`,
        "SystemError for an errno, and as the caller's `call` does.",
      ]),
      `export class ${name}s {`,
      `  readonly #caller: ${caller};`,
      "",
      `  constructor(caller: ${caller}) {`,
      "    this.#caller = caller;",
      "  }",
      ...requests.flatMap((item) => ["", ...this.#method(item, requests)]),
      "}",
    ].join("\n");
  }

  #method(item: StructModel, requests: readonly StructModel[]): string[] {
    const spans = item.fields
      .filter((field) => field.span !== undefined)
      .map((field): Span => ({ field, name: camel(field.name) }));
    const hasArguments = this.#asked(item).some((field) => this.#argumentType(item, field) !== undefined);
    const hasAnswer = (item.reply?.parts.length ?? 0) > 0 || item.reply?.payload !== undefined;
    const answer = hasAnswer ? answerName(item) : "void";
    const gives = item.request?.gives ?? [];
    const undo = gives.length === 0 ? [] : [`undo?: (answer: ${answer}) => void`];
    const parameters = [...(hasArguments ? [`args: ${argumentsName(item)}`] : []), "options?: CallOptions", ...undo];
    const errnos = item.reply?.errnos ?? [];
    return [
      ...comment(
        [
          ...item.doc,
          ...(undo.length === 0
            ? []
            : ["@param undo takes back what it has made when its caller has given up meanwhile"]),
          ...(errnos.length === 0 ? [] : [`@throws SystemError ${errnos.join(", ")}`]),
        ],
        "  ",
      ),
      `  ${methodName(item)}(${parameters.join(", ")}): Promise<${answer}> {`,
      ...this.#prepare(item, spans).map((line) => `    ${line}`),
      "    return this.#caller.call(",
      "      {",
      `        syscall: options?.syscall ?? ${JSON.stringify(item.request?.syscall)},`,
      `        path: ${this.#pathText(spans)},`,
      `        bytes: ${this.#end(spans, spans.length)},`,
      `        ${item.reply?.payload === undefined ? "room: undefined" : "room"},`,
      `        exact: ${this.#fixedReply(item) !== undefined},`,
      `        prompt: ${item.request?.prompt === true},`,
      ...this.#encode(item, spans).map((line) => `        ${line}`),
      ...this.#decode(item, spans).map((line) => `        ${line}`),
      `        ${undo.length === 0 ? "undo: undefined" : this.#undo(item, requests)},`,
      "      },",
      "      options,",
      "    );",
      "  }",
    ];
  }

  /** What gives back what a request has made: the request that takes it, where it made one thing that has one. */
  #undo(item: StructModel, requests: readonly StructModel[]): string {
    const handle = item.reply?.parts.find((part) => part.from === "handle" && item.request?.gives.includes(part.name));
    const taker = requests.find((other) => takenKind(other) === slotKind(handle?.unit));
    if (handle === undefined || taker === undefined || (item.request?.gives.length ?? 0) > 1) return "undo";
    const field = camel(taker.request?.takes ?? "");
    const name = camel(handle.name);
    const back = `this.${methodName(taker)}({ ${field}${field === name ? "" : `: ${name}`} })`;
    return `undo: undo ?? (({ ${name} }) => void ${back}.catch(nothing))`;
  }

  #prepare(item: StructModel, spans: readonly Span[]): string[] {
    const lines: string[] = [];
    for (const [i, { field, name }] of spans.entries()) {
      if (field.span === "path") {
        this.#imports.add(TEXT, "pathBytes");
        lines.push(`const ${name} = pathBytes(args.${name});`);
      } else if (field.span === "text") {
        this.#imports.add(TEXT, "encodeText");
        lines.push(`const ${name} = encodeText(args.${name});`);
      } else if (field.span === "bytes") lines.push(`const { ${name} } = args;`);
      if (i > 0) {
        this.#imports.add(TEXT, "align8");
        lines.push(`const ${name}At = align8(${this.#end(spans, i)});`);
      }
      if (field.span === "reply") lines.push(`const room = ${this.#room(item)};`);
    }
    return lines;
  }

  #room(item: StructModel): string {
    if (item.reply?.payload === undefined) return "undefined";
    const fixed = this.#fixedReply(item);
    if (fixed === undefined) return "args.replyBytes";
    this.#imports.declared(fixed.name);
    return `${fixed.name}.SIZE`;
  }

  /** Where span `i` of the arena bytes ends that lie before it. */
  #end(spans: readonly Span[], i: number): string {
    const last = spans[i - 1];
    if (last === undefined) return "0";
    const length = last.field.span === "reply" ? "room" : `${last.name}.length`;
    return i === 1 ? length : `${last.name}At + ${length}`;
  }

  #pathText(spans: readonly Span[]): string {
    const path = spans.find((span) => span.field.span === "path");
    if (path === undefined) return "undefined";
    this.#imports.add(TEXT, "pathText");
    return `pathText(args.${path.name})`;
  }

  #encode(item: StructModel, spans: readonly Span[]): string[] {
    const place = (i: number): string => (i === 0 ? "at" : `at + ${spans[i]?.name}At`);
    const puts = spans.flatMap(({ field, name }, i) => {
      if (field.span === "reply") return [];
      if (field.span !== "bytes") return [`arena.bytes(${place(i)}, ${name}.length).set(${name});`];
      this.#imports.add(SUPPORT, "putBytes");
      return [`putBytes(arena, ${place(i)}, ${name});`];
    });
    const rows = this.#asked(item).map((field) => {
      const name = camel(field.name);
      const i = spans.findIndex((span) => span.field === field);
      if (i >= 0)
        return `${name}: { offset: ${place(i)}, length: ${field.span === "reply" ? "room" : `${name}.length`} },`;
      return `${name}: ${this.#value(field)},`;
    });
    const { opcodeEnum } = this.#union;
    return [
      `encode: (${spans.length === 0 ? "" : puts.length === 0 ? "at" : "at, arena"}) => {`,
      ...puts.map((line) => `  ${line}`),
      "  return {",
      `    opcode: ${opcodeEnum}.${opcodeOf(item)},`,
      "    flags: 0,",
      "    requestId: 0,",
      ...rows.map((line) => `    ${line}`),
      "  };",
      "},",
    ];
  }

  #value(field: FieldModel): string {
    const name = `args.${camel(field.name)}`;
    if ("struct" in field.type) return field.optional ? `${name} ?? { index: 0, generation: 0 }` : name;
    if (field.unit === "flag") return `${name}${field.optional ? " === true" : ""} ? 1 : 0`;
    const { scalar } = field.type;
    const value = field.optional ? `${name} ?? 0` : name;
    // What is bounded is looked at where it is written.
    if (field.bounded) return value;
    this.#imports.add(SUPPORT, "within");
    return `within(${value}, ${rangeOf(scalar)}, "${camel(field.name)}")`;
  }

  #decode(item: StructModel, spans: readonly Span[]): string[] {
    const parts = item.reply?.parts ?? [];
    const payload = this.#payload(item, spans);
    if (parts.length === 0 && payload === undefined) {
      this.#imports.add(SUPPORT, "nothing");
      return ["decode: nothing,"];
    }
    const names = { result: "result", reply: "reply", at: "at", arena: "arena" };
    const rows = [
      ...parts.map((part) => `${camel(part.name)}: ${partValue(part)},`),
      ...(payload === undefined ? [] : [`payload: ${payload},`]),
    ];
    const used = (word: string): boolean =>
      rows.some((row) => new RegExp(`\\b${word}\\b`).test(row.slice(row.indexOf(":"))));
    const list = Object.keys(names);
    const last = list.findLastIndex(used);
    const parameters = list.slice(0, last + 1).map((word) => (used(word) ? word : `_${word}`));
    return [`decode: (${parameters.join(", ")}) => ({`, ...rows.map((row) => `  ${row}`), "}),"];
  }

  #payload(item: StructModel, spans: readonly Span[]): string | undefined {
    if (item.reply?.payload === undefined) return undefined;
    const at = spans.length === 1 ? "at" : "at + replyAt";
    const bytes = `arena.bytes(${at}, result)`;
    const layout = payloadLayout(item.reply);
    if (layout === undefined || layout.form === "chain") return `${bytes}.slice() as Uint8Array<ArrayBuffer>`;
    const { name } = layout;
    if (this.#model.tables.has(name)) {
      this.#imports.declared(name, `read${name}`);
      return `result === 0 ? undefined : read${name}(${bytes})`;
    }
    this.#imports.declared(name);
    const address = `arena.base + ${at}`;
    if (layout.form === "one") return `new ${name}(arena.mem, ${address}).toData()`;
    return `Array.from({ length: result / ${name}.SIZE }, (_, i) => new ${name}(arena.mem, ${address} + i * ${name}.SIZE).toData())`;
  }

  #rules(requests: readonly StructModel[]): string {
    const { name, opcodeEnum } = this.#union;
    this.#imports.add(SUPPORT, "RequestRules", true);
    return [
      ...comment([`What holds for each ${name}, by opcode.`]),
      `export const ${name}Rules: Readonly<Record<${name}["opcode"], RequestRules>> = {`,
      ...requests.flatMap((item) => [
        `  [${opcodeEnum}.${opcodeOf(item)}]: {`,
        `    errnos: [${(item.reply?.errnos ?? []).map((errno) => `"${errno}"`).join(", ")}],`,
        `    says: [${[...new Set(repliedWords(item))].map((word) => `"${word}"`).join(", ")}],`,
        `    host: ${item.request?.host === true},`,
        `    own: [${item.fields.flatMap((field) => this.#own(field)).join(", ")}],`,
        `    gives: [${(item.request?.gives ?? []).map((given) => this.#given(item, given)).join(", ")}],`,
        `    takes: ${this.#taken(item)},`,
        "  },",
      ]),
      "};",
    ].join("\n");
  }

  #kind(kind: string | undefined): string {
    this.#imports.declared("SlotKind");
    return `SlotKind.${kind}`;
  }

  #own(field: FieldModel): string[] {
    if (field.mine === undefined) return [];
    this.#imports.declared("Errno");
    return [`{ field: "${camel(field.name)}", kind: ${this.#kind(slotKind(field.unit))}, errno: Errno.${field.mine} }`];
  }

  #given(item: StructModel, name: string): string {
    const kind = this.#kind(givenKind(item, name, this.#model.structs));
    const fixed = item.reply?.parts.some(
      (part) =>
        part.from === "handle" &&
        part.name === name &&
        this.#fixedReply(item)?.fields.some((field) => field.name === name) !== true,
    );
    if (fixed === true) return `{ kind: ${kind}, offset: undefined }`;
    const payload = this.#fixedReply(item);
    return `{ kind: ${kind}, offset: ${payload?.name}.OFFSET.${camel(name)} }`;
  }

  #taken(item: StructModel): string {
    const kind = takenKind(item);
    return kind === undefined
      ? "undefined"
      : `{ field: "${camel(item.request?.takes ?? "")}", kind: ${this.#kind(kind)} }`;
  }
}

/** Least and most of a scalar, as arguments. */
function rangeOf(scalar: ScalarKind): string {
  const bits = BigInt(SCALAR_SIZE[scalar] * 8);
  const signed = scalar.startsWith("i");
  const span = 1n << (signed ? bits - 1n : bits);
  const suffix = is64(scalar) ? "n" : "";
  return `${signed ? `-${span}${suffix}` : `0${suffix}`}, ${span - 1n}${suffix}`;
}

function partValue(part: ReplyPart): string {
  if (part.from === "result") return "result";
  if (part.from === "handle") return "reply.handle.toData()";
  return part.unit === "hash" ? `reply.${part.from}` : `reply.${part.from}Hi * 2 ** 32 + reply.${part.from}Lo`;
}

function opcodeOf(item: StructModel): string {
  return item.union?.opcode ?? "";
}

function methodName(item: StructModel): string {
  return camel(opcodeOf(item));
}

function argumentsName(item: StructModel): string {
  return `${opcodeOf(item)}Arguments`;
}

function answerName(item: StructModel): string {
  return `${opcodeOf(item)}Answer`;
}

function capital(text: string): string {
  return (text[0] ?? "").toUpperCase() + text.slice(1);
}

function comment(lines: readonly string[], indent = ""): string[] {
  const text = lines.map((line) => line.replaceAll("*/", "*\\/"));
  if (text.length === 0) return [];
  if (text.length === 1) return [`${indent}/** ${text[0]} */`];
  return [`${indent}/**`, ...text.map((line) => `${indent} * ${line}`), `${indent} */`];
}

/** Where there are bytes, `result` says how many. */
function repliedWords(item: StructModel): string[] {
  const { reply } = item;
  return [...(reply?.payload === undefined ? [] : ["result"]), ...(reply?.parts ?? []).map((part) => part.from)];
}
