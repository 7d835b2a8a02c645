/**
 * The schema as the emitters see it: layouts, numbers and where each was
 * declared, free of FlatBuffers' own encoding.
 */

export type ScalarKind = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

export const SCALAR_SIZE: Readonly<Record<ScalarKind, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  f32: 4,
  f64: 8,
};

/** The constants Major and Minor: the version of the whole ABI. */
export const VERSION = "AbiVersion";

/** Who may write a field. */
export const OWNERS = ["kernel", "hart", "client", "host", "boot", "guest", "any"] as const;

/** What a number may count or name, beside `slot:Kind`: the index of a slot of that table, 0 none. */
export const UNITS: Readonly<Record<string, string>> = {
  bytes: "bytes",
  pages: "pages of 4 KiB",
  "wasm-pages": "pages of 64 KiB",
  frames: "frames of 4 KiB",
  slots: "slots of a table",
  insns: "guest instructions",
  ns: "nanoseconds",
  us: "microseconds",
  ms: "milliseconds",
  s: "seconds",
  ticks: "clock ticks (100 per second)",
  count: "how many",
  address: "linear address in the machine's memory",
  "guest-address": "address in a guest's address space",
  "page-number": "guest address / 4,096",
  "frame-number": "linear address / 4,096",
  index: "place in a table or list",
  id: "a name that the kernel or Linux gave",
  number: "a number whose meaning is written beside it",
  bits: "flag bits",
  mode: "permission bits, with the type where st_mode has it",
  seq: "a counter that only grows, modulo 2^32",
  hash: "a hash",
  flag: "0 or not 0",
  value: "a value of the guest or of the field's own",
  errno: "an error number",
  text: "bytes of text",
};

interface Declaration {
  /** Name without the namespace. */
  readonly name: string;
  readonly doc: readonly string[];
  /** Where to look, e.g. `threads.fbs:12`. */
  readonly where: string;
}

/** A system call's attributes as they are written. */
export interface CallText {
  readonly args?: string | undefined;
  readonly level?: string | undefined;
  readonly note?: string | undefined;
  readonly where: string;
}

export interface EnumValueModel {
  readonly name: string;
  readonly value: bigint;
  /** Further names of the same number (`EWOULDBLOCK`); flatc itself allows one name per number. */
  readonly aliases: readonly string[];
  /** What users see of it, where that is not the name. */
  readonly shown?: string;
  /** The table of the slots of which such a one stands for one. */
  readonly object?: string;
  /** It stays in every version. */
  readonly frozen?: true;
  /** Of a system call: how it is described (syscalls.ts). */
  readonly call?: CallText;
  readonly doc: readonly string[];
}

export interface EnumModel extends Declaration {
  readonly scalar: ScalarKind;
  /** Value names stand for themselves (`ENOENT`), without the enum's name before them. */
  readonly bare: boolean;
  readonly bitFlags: boolean;
  readonly values: readonly EnumValueModel[];
}

export interface FieldModel {
  readonly name: string;
  readonly offset: number;
  /** Bytes of one element. */
  readonly elementSize: number;
  /** Elements of a fixed array; undefined for a single value. */
  readonly count: number | undefined;
  /** Scalar type, or the name of the nested struct. */
  readonly type: { readonly scalar: ScalarKind } | { readonly struct: string };
  /** Enum whose numbers the scalar holds. */
  readonly enum: string | undefined;
  readonly atomic: boolean;
  readonly bounded: boolean;
  readonly reserved: boolean;
  /** Of a slot, or of what lies in one: it changes only while the slot's sequence is odd. */
  readonly seqlock: boolean;
  /** Of a slot, or of what lies in one: while it is 0 the slot is being made. */
  readonly counts: boolean;
  /** It stays in every version. */
  readonly frozen: boolean;
  /** Starts a cache line of its struct. */
  readonly line: boolean;
  readonly owner: string | undefined;
  readonly unit: string | undefined;
  /** Structs of which the bytes of an array are one at a time. */
  readonly views: readonly string[];
  /** Of a request's ArenaSpan: what lies there. */
  readonly span: SpanRole | undefined;
  /** Of a request: callers may leave it out. */
  readonly optional: boolean;
  /** Of a request, naming a slot: the errno of those who did not get it. */
  readonly mine: string | undefined;
  readonly doc: readonly string[];
  readonly where: string;
}

/** What lies in a request's ArenaSpan: bytes that the client has put there, or those that the kernel writes. */
export const SPAN_ROLES = ["path", "text", "bytes", "reply"] as const;
export type SpanRole = (typeof SPAN_ROLES)[number];

/** One word of a reply with the name that it has for this request. */
export interface ReplyPart {
  readonly from: "result" | "value" | "value2" | "handle";
  readonly name: string;
  /** Of a handle `slot:Kind`; "hash" for what takes all 64 bits. */
  readonly unit: string | undefined;
  readonly doc: string;
}

/** What the reply to a request says. */
export interface ReplyModel {
  readonly parts: readonly ReplyPart[];
  /** Struct or table that its bytes are, or words. */
  readonly payload: string | undefined;
  /** Errors of its own; those of every request (EINVAL, ECANCELED…) are in the reference. */
  readonly errnos: readonly string[];
}

/** What a request is beside its fields and its reply. */
export interface RequestModel {
  /** What errors call it. */
  readonly syscall: string;
  /** The kernel answers it at once. */
  readonly prompt: boolean;
  /** Only the machine's own host may make it. */
  readonly host: boolean;
  /** What the client holds afterwards: the reply's handle by its name, or handles in the payload. */
  readonly gives: readonly string[];
  /** Field whose object the client holds no more afterwards. */
  readonly takes: string | undefined;
}

export interface StructModel extends Declaration {
  readonly size: number;
  readonly align: number;
  readonly fields: readonly FieldModel[];
  /** Bytes of the cache line that the struct starts on; undefined when it declares none. */
  readonly cacheLine: number | undefined;
  /** It stays in every version. */
  readonly frozen: boolean;
  /** SlotKind whose slot table consists of these structs. */
  readonly slot: string | undefined;
  /** Its slots begin with no SlotHeader. */
  readonly headless: boolean;
  /** Who writes the fields that say nothing else. */
  readonly owner: string | undefined;
  /** A structure of Linux's headers, which document its fields. */
  readonly uapi: boolean;
  /** Of a request: what its reply says. */
  readonly reply: ReplyModel | undefined;
  /** Of a request. */
  readonly request: RequestModel | undefined;
  /** Discriminated union that the struct is a member of, with its discriminant. */
  readonly union: { readonly name: string; readonly opcode: string } | undefined;
}

/** One named number of a `table … (constants)`; unlike in an enum, numbers may repeat. */
export interface ConstantModel {
  readonly name: string;
  readonly value: bigint;
  /** It stays in every version. */
  readonly frozen?: true;
  readonly doc: readonly string[];
}

export interface ConstantsModel extends Declaration {
  readonly bare: boolean;
  readonly values: readonly ConstantModel[];
}

/** What a table's field, or an element of its vector, is. */
export type TableElement =
  | { readonly kind: "scalar"; readonly scalar: ScalarKind; readonly enum: string | undefined }
  | { readonly kind: "struct"; readonly struct: string }
  | { readonly kind: "table"; readonly table: string }
  | { readonly kind: "string" };

export interface TableField {
  readonly name: string;
  readonly id: number;
  /** Place in the vtable: 4, 6, 8, … */
  readonly slot: number;
  readonly type: TableElement;
  readonly vector: boolean;
  readonly required: boolean;
  readonly bounded: boolean;
  readonly default: bigint;
  readonly unit: string | undefined;
  readonly doc: readonly string[];
  readonly where: string;
}

/** A FlatBuffers table: never live, only in what is handed over as a whole. */
export interface TableModel extends Declaration {
  /** File identifier, when the table may be a buffer of its own. */
  readonly root: string | undefined;
  /** Its fields stay in every version; others may be added. */
  readonly frozen: boolean;
  readonly fields: readonly TableField[];
}

/** A table field's type in one word. */
export function tableTypeText(field: TableField): string {
  const { type } = field;
  const element =
    type.kind === "scalar"
      ? `${type.enum === undefined ? "" : `${type.enum}:`}${type.scalar}`
      : type.kind === "struct"
        ? `struct ${type.struct}`
        : type.kind === "table"
          ? `table ${type.table}`
          : "string";
  const flags = `${field.required ? "required " : ""}${field.bounded ? "bounded " : ""}`;
  const fallback = field.default === 0n ? "" : ` = ${field.default}`;
  return `${flags}${field.vector ? `[${element}]` : element}${fallback}`;
}

/** Everything declared in one .fbs file, in the order of the file. */
export interface FileModel {
  /** File name without `.fbs`; generated files take it. */
  readonly stem: string;
  readonly enums: readonly EnumModel[];
  readonly constants: readonly ConstantsModel[];
  readonly structs: readonly StructModel[];
  readonly tables: readonly TableModel[];
}

/** A parameter of a function of the wasm boundary. */
export interface BoundaryParam {
  readonly name: string;
  readonly scalar: ScalarKind;
  readonly enum: string | undefined;
  readonly unit: string | undefined;
  readonly doc: readonly string[];
}

/** One import or export of kernel.wasm. */
export interface BoundaryItem extends Declaration {
  readonly direction: "import" | "export";
  /** Module of an import, "" for an export. */
  readonly module: string;
  readonly symbol: string;
  readonly kind: "function" | "memory" | "global";
  readonly params: readonly BoundaryParam[];
  /** A function's result, or a global's type. */
  readonly result: ScalarKind | undefined;
  /** Enum of the result; Errno stands for 0 or a negative errno. */
  readonly status: string | undefined;
  readonly mutable: boolean;
  readonly caller: string;
  /** Exports that must have been called on the machine before. */
  readonly after: readonly string[];
  /** The compiler makes it. */
  readonly toolchain: boolean;
}

/**
 * `(hart u32, budget_insns i32) -> i32:HartExit by hart after kernel_boot`: all that a caller relies on.
 *
 * @param units what the parameters count and whose numbers they are, too: `(hart u32 index, …)`
 */
export function boundaryText(item: BoundaryItem, units = false): string {
  const params = item.params
    .map((param) => {
      const type = units && param.enum !== undefined ? `${param.enum}:${param.scalar}` : param.scalar;
      return `${param.name} ${type}${units && param.unit !== undefined ? ` ${param.unit}` : ""}`;
    })
    .join(", ");
  const shape = item.kind === "function" ? `(${params})` : `${item.mutable ? "mutable " : ""}${item.kind}`;
  const result =
    item.result === undefined ? "" : ` -> ${item.result}${item.status === undefined ? "" : `:${item.status}`}`;
  const caller = item.caller === "" ? "" : ` by ${item.caller}`;
  return `${shape}${result}${caller}${item.after.length === 0 ? "" : ` after ${item.after.join(", ")}`}`;
}

/** The layout of a reply's bytes: one of it, records one behind the other, or records of which a field says how long each is. */
export interface PayloadLayout {
  readonly name: string;
  readonly form: "one" | "records" | "chain";
}

/** Undefined where the bytes are none of the schema's. */
export function payloadLayout(reply: ReplyModel | undefined): PayloadLayout | undefined {
  const found = /^([A-Z]\w*)( records)?(, \w+ bytes each)?$/.exec(reply?.payload ?? "");
  if (found?.[1] === undefined) return undefined;
  return { name: found[1], form: found[3] !== undefined ? "chain" : found[2] !== undefined ? "records" : "one" };
}

/** What whoever makes a request relies on of its reply: the names of its words, and the layout of its bytes. */
export function replyNames(reply: ReplyModel | undefined): Record<string, string> {
  const layout = payloadLayout(reply)?.name;
  const words = (reply?.parts ?? []).map((part): [string, string] => [part.from, part.name]);
  return Object.fromEntries(layout === undefined ? words : [...words, ["payload", layout]]);
}

/** A discriminated union of ring entries. */
export interface UnionModel {
  readonly name: string;
  /** Enum of the discriminants. */
  readonly opcodeEnum: string;
  /** Path from the entry to the discriminant: `["opcode"]` or `["header", "opcode"]`. */
  readonly path: readonly string[];
  readonly offset: number;
  readonly scalar: ScalarKind;
  readonly members: readonly { readonly struct: string; readonly opcode: string; readonly value: bigint }[];
}

export interface Model {
  readonly files: readonly FileModel[];
  readonly enums: ReadonlyMap<string, EnumModel>;
  readonly structs: ReadonlyMap<string, StructModel>;
  readonly tables: ReadonlyMap<string, TableModel>;
  readonly unions: readonly UnionModel[];
  readonly boundary: readonly BoundaryItem[];
  readonly version: { readonly major: number; readonly minor: number };
  /** First 64 bits of SHA-256 over `renderLayout`, as 16 hexadecimal digits. */
  readonly layoutHash: string;
}

/** The requests of a union: members that say what their reply is. */
export function requestsOf(union: UnionModel, model: Pick<Model, "structs">): StructModel[] {
  return union.members.flatMap((member) => {
    const item = model.structs.get(member.struct);
    return item?.reply === undefined ? [] : [item];
  });
}

/** The kind of `slot:Kind`. */
export function slotKind(unit: string | undefined): string | undefined {
  return /^slot:(.*)$/.exec(unit ?? "")?.[1];
}

/** Total bytes of a field. */
export function fieldSize(field: FieldModel): number {
  return field.elementSize * (field.count ?? 1);
}

export function isScalar(field: FieldModel): field is FieldModel & { readonly type: { readonly scalar: ScalarKind } } {
  return "scalar" in field.type;
}

export function is64(scalar: ScalarKind): boolean {
  return scalar === "i64" || scalar === "u64";
}

/**
 * What the layout hash covers: every number and every offset, in an order that
 * does not depend on files. Documentation, owners and units are not in it.
 */
export function renderLayout(model: Omit<Model, "layoutHash">): string {
  const lines: string[] = [];
  const byName = <T extends { readonly name: string }>(items: Iterable<T>): T[] =>
    [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const item of byName(model.enums.values())) {
    lines.push(`enum ${item.name} ${item.scalar}`);
    for (const value of item.values) lines.push(` ${[value.name, ...value.aliases].join("=")}=${value.value}`);
  }
  for (const item of byName(model.files.flatMap((file) => file.constants))) {
    lines.push(`constants ${item.name}`);
    for (const value of item.values) lines.push(` ${value.name}=${value.value}`);
  }
  for (const item of byName(model.structs.values())) {
    lines.push(`struct ${item.name} size=${item.size} align=${item.align} line=${item.cacheLine ?? 0}`);
    for (const field of item.fields) lines.push(` ${field.offset} ${typeText(field)} ${field.name}`);
    for (const [from, name] of Object.entries(replyNames(item.reply))) lines.push(` reply ${from}=${name}`);
  }
  for (const item of byName(model.tables.values())) {
    lines.push(`table ${item.name} ${item.root ?? ""}`);
    for (const field of item.fields) lines.push(` ${field.id} ${tableTypeText(field)} ${field.name}`);
  }
  for (const item of byName(model.unions)) {
    lines.push(`union ${item.name} ${item.opcodeEnum}@${item.offset}`);
    for (const member of item.members) lines.push(` ${member.value} ${member.struct}`);
  }
  const key = (item: BoundaryItem): string => `${item.direction} ${item.module}.${item.symbol}`;
  for (const item of [...model.boundary].sort((a, b) => (key(a) < key(b) ? -1 : 1)))
    lines.push(`${key(item)} ${boundaryText(item)}`);
  return `${lines.join("\n")}\n`;
}

/** A field's type in one word: `[u64:32]`, `atomic u32`, `Timespec`. */
export function typeText(field: FieldModel): string {
  const base =
    "scalar" in field.type ? (field.enum ?? "") + (field.enum ? ":" : "") + field.type.scalar : field.type.struct;
  const array = field.count === undefined ? base : `[${base}:${field.count}]`;
  const flags = [field.atomic ? "atomic " : "", field.bounded ? "bounded " : "", field.reserved ? "reserved " : ""];
  return flags.join("") + array + (field.views.length === 0 ? "" : ` as ${field.views.join("|")}`);
}

/** A view of an array's bytes, as if it were a nested field. */
export function viewField(field: FieldModel, struct: string): FieldModel {
  return {
    ...field,
    name: struct,
    type: { struct },
    count: undefined,
    enum: undefined,
    atomic: false,
    unit: undefined,
    views: [],
    doc: [`What ${field.name} holds, as a ${struct}.`],
  };
}
