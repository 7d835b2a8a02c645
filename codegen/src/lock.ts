/**
 * `abi/abi.lock.json`: every number and layout as last accepted. The schema is
 * compared with it, so that what others rely on changes only on purpose.
 */
import { createHash } from "node:crypto";
import { type FrozenParts, frozenParts } from "./frozen.ts";
import {
  boundaryText,
  type EnumModel,
  type FieldModel,
  fieldSize,
  type Model,
  payloadLayout,
  type ReplyModel,
  replyNames,
  type StructModel,
  tableTypeText,
  typeText,
  VERSION,
} from "./model.ts";

const FORMAT = 1;

type LockedNumbers = Readonly<Record<string, string>>;

export interface LockedField {
  readonly name: string;
  readonly offset: number;
  /** Total bytes. */
  readonly size: number;
  readonly type: string;
  readonly reserved?: true;
  readonly owner?: string;
  readonly unit?: string;
  /** What readers of a slot may rely on. */
  readonly seqlock?: string;
}

export interface LockedStruct {
  readonly size: number;
  readonly align: number;
  readonly cacheLine?: number;
  readonly slot?: string;
  readonly union?: string;
  readonly opcode?: string;
  /** Of a request: what the words of its reply are called, and the layout of its bytes. */
  readonly reply?: Readonly<Record<string, string>>;
  /** Of a request: what it may be answered. */
  readonly errnos?: readonly string[];
  readonly fields: readonly LockedField[];
}

export interface LockedEnum {
  readonly type: string;
  readonly values: LockedNumbers;
  /** Numbers that were given up, with the name that they had: never to be used again. */
  readonly retired?: LockedNumbers;
}

export interface LockedTable {
  /** File identifier. */
  readonly root?: string;
  /** By name: place in the table, type, and what its number counts. */
  readonly fields: Readonly<Record<string, { readonly id: number; readonly type: string; readonly unit?: string }>>;
}

export interface Lock {
  readonly format: number;
  readonly version: { readonly major: number; readonly minor: number };
  readonly layoutHash: string;
  readonly enums: Readonly<Record<string, LockedEnum>>;
  readonly constants: Readonly<Record<string, LockedNumbers>>;
  readonly structs: Readonly<Record<string, LockedStruct>>;
  readonly tables?: Readonly<Record<string, LockedTable>>;
  /** Imports ("import host.now") and exports ("export hart_run") of kernel.wasm. */
  readonly boundary?: Readonly<Record<string, string>>;
  /** What stays in every version. */
  readonly frozen?: FrozenParts;
}

export interface Change {
  /** Additive changes are minor; all others break who was built before. */
  readonly kind: "additive" | "breaking";
  readonly sentence: string;
}

export function parseLock(text: string): Lock {
  const lock = JSON.parse(text) as Lock;
  if (lock.format !== FORMAT) {
    throw new Error(
      `abi.lock.json: format ${String(lock.format)} is not the ${FORMAT} that this generator reads; use the generator that wrote it`,
    );
  }
  return lock;
}

/** The lock of a model; numbers retired in `previous` stay retired. */
export function makeLock(model: Model, previous: Lock | undefined): Lock {
  const enums = [...model.enums.values()].map((item): [string, LockedEnum] => {
    const retired = retiredNumbers(item, previous);
    const locked = { type: item.scalar, values: enumNumbers(item) };
    return [item.name, Object.keys(retired).length === 0 ? locked : { ...locked, retired }];
  });
  // The version is the one number that is meant to change.
  const constants = model.files.flatMap((file) =>
    file.constants
      .filter((item) => item.name !== VERSION)
      .map((item): [string, LockedNumbers] => [
        item.name,
        Object.fromEntries(item.values.map((value) => [value.name, String(value.value)])),
      ]),
  );
  return {
    format: FORMAT,
    version: model.version,
    layoutHash: model.layoutHash,
    enums: sorted(enums),
    constants: sorted(constants),
    structs: sorted([...model.structs.values()].map((item): [string, LockedStruct] => [item.name, lockStruct(item)])),
    tables: sorted(
      [...model.tables.values()].map((item): [string, LockedTable] => [
        item.name,
        {
          ...(item.root === undefined ? {} : { root: item.root }),
          fields: Object.fromEntries(
            item.fields.map((field) => [
              field.name,
              {
                id: field.id,
                type: tableTypeText(field),
                ...(field.unit === undefined ? {} : { unit: field.unit }),
              },
            ]),
          ),
        },
      ]),
    ),
    boundary: sorted(
      model.boundary.map((item): [string, string] => [
        `${item.direction} ${item.module === "" ? "" : `${item.module}.`}${item.symbol}`,
        boundaryText(item, true),
      ]),
    ),
    frozen: frozenParts(model),
  };
}

export function renderLock(lock: Lock): string {
  return `${JSON.stringify(lock, null, 1)}\n`;
}

/** Everything in which `next` differs from `lock`, except documentation. */
export function compareLocks(lock: Lock, next: Lock): Change[] {
  return [
    ...compareMaps("enum", lock.enums, next.enums, compareEnums),
    ...compareMaps("constants", lock.constants, next.constants, (name, old, now) => compareNumbers(name, old, now, {})),
    ...compareMaps("struct", lock.structs, next.structs, compareStructs),
    ...compareMaps("table", lock.tables ?? {}, next.tables ?? {}, compareTables),
    ...compareBoundary(lock.boundary ?? {}, next.boundary ?? {}),
  ];
}

/** A table grows at its end; all else would be read as something different. */
function compareTables(name: string, old: LockedTable, next: LockedTable): Change[] {
  const changes: Change[] = [];
  if (old.root !== next.root)
    changes.push(
      breaking(`table ${name}: its root was ${old.root ?? "none"} and is ${next.root ?? "none"}; put it back`),
    );
  for (const [field, before] of Object.entries(old.fields)) {
    const { id, type } = before;
    const now = next.fields[field];
    if (now === undefined) changes.push(breaking(`${name}.${field}: it was removed or renamed; put it back`));
    else if (now.id !== id)
      changes.push(breaking(`${name}.${field}: its place was ${id} and is ${now.id}; new fields go to the end`));
    else if (now.type !== type)
      changes.push(breaking(`${name}.${field}: it was ${type} and is ${now.type}; put it back and add a new field`));
    else changes.push(...compareMeaning(`${name}.${field}`, before, now));
  }
  for (const [field, { type }] of Object.entries(next.fields)) {
    if (field in old.fields) continue;
    if (type.startsWith("required "))
      changes.push(
        breaking(`${name}.${field}: it is new and required, and buffers of before lack it; make it optional`),
      );
    else changes.push(additive(`${name}.${field}: added`));
  }
  return changes;
}

/** A new export breaks nobody, nor does an import less; a new import is what the hosts of before do not give. */
function compareBoundary(old: LockedNumbers, next: LockedNumbers): Change[] {
  const changes: Change[] = [];
  for (const [name, text] of Object.entries(old)) {
    const now = next[name];
    if (now === undefined) {
      const sentence = `${name}: it was removed`;
      changes.push(name.startsWith("import ") ? additive(sentence) : breaking(`${sentence}; put it back`));
    } else if (now !== text)
      changes.push(breaking(`${name}: it was ${text} and is ${now}; put it back and add a new name`));
  }
  for (const name of Object.keys(next)) {
    if (name in old) continue;
    if (name.startsWith("export ")) changes.push(additive(`${name}: added`));
    else changes.push(breaking(`${name}: it is new, and the hosts of before do not give it; remove it`));
  }
  return changes;
}

/**
 * What the versions do not allow. Major 0 is before the first release: additions
 * are free, and `accept` lets breaking changes through.
 */
export function checkVersion(lock: Lock, next: Lock, changes: readonly Change[], accept: boolean): string[] {
  const breaking = changes.filter((change) => change.kind === "breaking");
  const was = `${lock.version.major}.${lock.version.minor}`;
  const { major, minor } = next.version;
  const problems: string[] = [];
  const order = (version: Lock["version"]): number => version.major * 65536 + version.minor;
  if (order(next.version) < order(lock.version)) {
    problems.push(`AbiVersion: ${major}.${minor} is older than ${was} of abi.lock.json; versions only grow.`);
  }
  if (!accept) problems.push(...breaking.map((change) => `${change.sentence} (or accept it with --accept).`));
  if (lock.version.major === 0 || changes.length === 0) return problems;
  if (breaking.length > 0 && major <= lock.version.major) {
    problems.push(
      `AbiVersion: ${breaking.length === 1 ? "1 change breaks" : `${breaking.length} changes break`} ${was}; raise Major.`,
    );
  } else if (breaking.length === 0 && order(next.version) <= order(lock.version)) {
    problems.push(`AbiVersion: ${changes.length} addition${changes.length === 1 ? "" : "s"} to ${was}; raise Minor.`);
  }
  return problems;
}

function compareMaps<T>(
  kind: string,
  old: Readonly<Record<string, T>>,
  next: Readonly<Record<string, T>>,
  compare: (name: string, old: T, next: T) => Change[],
): Change[] {
  const gone = Object.keys(old).filter((name) => !(name in next));
  const changes = gone.map((name) => breaking(`${kind} ${name}: it was removed; put it back`));
  for (const [name, now] of Object.entries(next)) {
    const before = old[name];
    if (before === undefined) changes.push(additive(`${kind} ${name}: added`));
    else changes.push(...compare(name, before, now));
  }
  return changes;
}

function compareEnums(name: string, old: LockedEnum, next: LockedEnum): Change[] {
  const type =
    old.type === next.type ? [] : [breaking(`enum ${name}: its type was ${old.type} and is ${next.type}; put it back`)];
  return [...type, ...compareNumbers(name, old.values, next.values, old.retired ?? {})];
}

function compareNumbers(owner: string, old: LockedNumbers, next: LockedNumbers, retired: LockedNumbers): Change[] {
  const changes: Change[] = [];
  for (const [name, value] of Object.entries(old)) {
    const now = next[name];
    if (now === undefined) changes.push(breaking(`${owner}.${name}: its number ${value} was removed; put it back`));
    else if (now !== value)
      changes.push(breaking(`${owner}.${name}: its number was ${value} and is ${now}; put it back and add a new name`));
  }
  const names = new Map(Object.entries(old).map(([name, value]) => [value, name]));
  for (const [name, value] of Object.entries(next)) {
    if (name in old) continue;
    const former = retired[value] ?? names.get(value);
    const kept = former !== undefined && next[former] === value;
    if (former === undefined || kept) changes.push(additive(`${owner}.${name}: ${value} added`));
    else
      changes.push(
        breaking(
          `${owner}.${name}: its number ${value} was ${owner}.${former}; numbers are never used again, take a new one`,
        ),
      );
  }
  return changes;
}

function compareStructs(name: string, old: LockedStruct, next: LockedStruct): Change[] {
  const changes: Change[] = [];
  const facts = ["size", "align", "cacheLine", "slot", "union", "opcode"] as const;
  for (const fact of facts) {
    if (old[fact] === next[fact]) continue;
    changes.push(
      breaking(
        `struct ${name}: its ${fact} was ${old[fact] ?? "not declared"} and is ${next[fact] ?? "not declared"}; structs never change, put it back or add ${name}V2`,
      ),
    );
  }
  changes.push(...compareReplies(name, old.reply ?? {}, next.reply ?? {}));
  changes.push(...compareErrnos(name, old.errnos ?? [], next.errnos ?? []));
  const now = new Map(next.fields.map((field) => [field.name, field]));
  for (const field of old.fields) {
    if (field.reserved === true) continue;
    const same = now.get(field.name);
    if (same === undefined) changes.push(breaking(`${name}.${field.name}: it was removed or renamed; put it back`));
    else if (same.offset !== field.offset || same.type !== field.type) {
      changes.push(
        breaking(
          `${name}.${field.name}: it was ${field.type} at offset ${field.offset} and is ${same.type} at ${same.offset}; put it back or add ${name}V2`,
        ),
      );
    } else changes.push(...compareMeaning(`${name}.${field.name}`, field, same));
  }
  const before = new Set(old.fields.filter((field) => field.reserved !== true).map((field) => field.name));
  for (const field of next.fields) {
    if (before.has(field.name) || field.reserved === true) continue;
    const fits = isReserved(old, field.offset, field.size);
    if (fits) changes.push(additive(`${name}.${field.name}: names reserved bytes at offset ${field.offset}`));
    else
      changes.push(
        breaking(
          `${name}.${field.name}: it is new, but offset ${field.offset} was not reserved; put it into reserved words or add ${name}V2`,
        ),
      );
  }
  return changes;
}

/** Who writes a field, what its number counts, and when it may change: a reader relies on it, though the bytes are the same. */
function compareMeaning(
  label: string,
  old: Pick<LockedField, "owner" | "unit" | "seqlock">,
  next: Pick<LockedField, "owner" | "unit" | "seqlock">,
): Change[] {
  return (["owner", "unit", "seqlock"] as const).flatMap((fact) => {
    const [was, is] = [old[fact], next[fact]];
    if (was === is) return [];
    if (was === undefined) return [additive(`${label}: its ${fact} is ${is}`)];
    return [
      breaking(`${label}: its ${fact} was ${was} and is ${is ?? "not declared"}; put it back or take a new field`),
    ];
  });
}

/** A word that had no name was 0, so a name for it is an addition. */
function compareReplies(name: string, old: Readonly<Record<string, string>>, next: typeof old): Change[] {
  const fresh = Object.keys(next).filter((word) => !(word in old));
  const changed = Object.keys(old).filter((word) => next[word] !== old[word]);
  return [
    ...fresh.map((word) => additive(`${name}: its reply's ${word} is ${next[word]}`)),
    ...changed.map((word) => {
      const sentence = `${name}: its reply's ${word} was ${old[word]} and is ${next[word] ?? "nothing"}`;
      return breaking(`${sentence}; put it back and add an opcode`);
    }),
  ];
}

/** Clients know that a kernel may have errors of which they have not heard; what they rely on is none of them. */
function compareErrnos(name: string, old: readonly string[], next: readonly string[]): Change[] {
  return [
    ...next.filter((errno) => !old.includes(errno)).map((errno) => additive(`${name}: it may be answered ${errno}`)),
    ...old
      .filter((errno) => !next.includes(errno))
      .map((errno) => additive(`${name}: it is answered ${errno} no more`)),
  ];
}

/** Whether every byte of the range belongs to a reserved field. */
function isReserved(item: LockedStruct, offset: number, size: number): boolean {
  const covered = item.fields
    .filter((field) => field.reserved === true)
    .map((field) => Math.min(field.offset + field.size, offset + size) - Math.max(field.offset, offset))
    .filter((bytes) => bytes > 0);
  return covered.reduce((sum, bytes) => sum + bytes, 0) === size;
}

function enumNumbers(item: EnumModel): LockedNumbers {
  return Object.fromEntries(
    item.values.flatMap((value) => [value.name, ...value.aliases].map((name) => [name, String(value.value)])),
  );
}

/** Before the first release nothing is retired: nobody relies on it. */
function retiredNumbers(item: EnumModel, previous: Lock | undefined): LockedNumbers {
  const old = previous?.enums[item.name];
  if (previous === undefined || old === undefined || previous.version.major === 0) return {};
  const used = new Set(item.values.map((value) => String(value.value)));
  const gone = Object.entries(old.values).filter(([, value]) => !used.has(value));
  return { ...old.retired, ...Object.fromEntries(gone.map(([name, value]) => [value, name])) };
}

function lockStruct(item: StructModel): LockedStruct {
  return {
    size: item.size,
    align: item.align,
    ...(item.cacheLine === undefined ? {} : { cacheLine: item.cacheLine }),
    ...(item.slot === undefined ? {} : { slot: item.slot }),
    ...(item.union === undefined ? {} : { union: item.union.name, opcode: item.union.opcode }),
    ...(item.reply === undefined
      ? {}
      : {
          reply: { ...replyNames(item.reply), ...payloadWords(item.reply) },
          ...(item.reply.errnos.length === 0 ? {} : { errnos: [...item.reply.errnos].sort() }),
        }),
    fields: item.fields.map(lockField),
  };
}

/** Bytes that are told in words: other words may tell of other bytes. */
function payloadWords(reply: ReplyModel): Record<string, string> {
  if (reply.payload === undefined || payloadLayout(reply) !== undefined) return {};
  return { payload: `in words (${createHash("sha256").update(reply.payload).digest("hex").slice(0, 12)})` };
}

function lockField(field: FieldModel): LockedField {
  return {
    name: field.name,
    offset: field.offset,
    size: fieldSize(field),
    type: typeText(field),
    ...(field.reserved ? { reserved: true as const } : {}),
    ...(field.owner === undefined ? {} : { owner: field.owner }),
    ...(field.unit === undefined ? {} : { unit: field.unit }),
    ...lockSeqlock(field),
  };
}

function lockSeqlock({ seqlock, counts }: FieldModel): { seqlock?: string } {
  const words = [...(seqlock ? ["under the sequence"] : []), ...(counts ? ["makes the slot count"] : [])];
  return words.length === 0 ? {} : { seqlock: words.join(", ") };
}

function sorted<T>(pairs: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...pairs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function breaking(sentence: string): Change {
  return { kind: "breaking", sentence };
}

function additive(sentence: string): Change {
  return { kind: "additive", sentence };
}
