/**
 * What stays as it is in every version, major or not: the parts that two sides read of one another before either knows the
 * other's version. `--accept` does not reach them.
 */
import { type Model, replyNames, type StructModel, tableTypeText, typeText } from "./model.ts";

/** By what it is called: what must not change of it. */
export type FrozenParts = Readonly<Record<string, string>>;

export function frozenParts(model: Model): FrozenParts {
  const parts: [string, string][] = [];
  for (const item of model.structs.values()) parts.push(...ofStruct(item));
  for (const item of model.tables.values()) {
    if (!item.frozen) continue;
    parts.push([`table ${item.name}`, `root ${item.root ?? "none"}`]);
    for (const field of item.fields)
      parts.push([`${item.name}.${field.name}`, `${tableTypeText(field)} in place ${field.id}`]);
  }
  for (const item of model.enums.values()) {
    for (const value of item.values)
      if (value.frozen === true) parts.push([`${item.name}.${value.name}`, String(value.value)]);
  }
  for (const item of model.files.flatMap((file) => file.constants)) {
    for (const value of item.values)
      if (value.frozen === true) parts.push([`${item.name}.${value.name}`, String(value.value)]);
  }
  return Object.fromEntries(parts.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function ofStruct(item: StructModel): [string, string][] {
  const fields = item.fields
    .filter((field) => !field.reserved && (item.frozen || field.frozen))
    .map((field): [string, string] => [`${item.name}.${field.name}`, `${typeText(field)} at ${field.offset}`]);
  if (!item.frozen) return fields;
  const reply = item.reply === undefined ? [] : Object.entries(replyNames(item.reply));
  return [
    [`struct ${item.name}`, `${item.size} bytes${item.union === undefined ? "" : `, ${item.union.opcode}`}`],
    ...fields,
    ...reply.map(([word, text]): [string, string] => [`${item.name}'s reply's ${word}`, text]),
  ];
}

/** What a change of the schema would do to frozen parts, a sentence each. Naming reserved bytes does nothing to them. */
export function frozenProblems(old: FrozenParts, next: FrozenParts): string[] {
  return Object.entries(old)
    .filter(([label, text]) => next[label] !== text)
    .map(([label, text]) => {
      const now = next[label] === undefined ? "is no frozen part any more" : `is ${next[label]}`;
      return `${label}: it is frozen as ${text}, and ${now}; put it back: sides of every version read it, and --accept does not change that.`;
    });
}

/** What is frozen stands on structs: those must be frozen, too. */
export function checkFrozen(model: Model): string[] {
  const stands = (label: string, where: string, struct: string | undefined): string[] =>
    struct === undefined || model.structs.get(struct)?.frozen === true
      ? []
      : [`${where}: ${label}: it is frozen, and the ${struct} that it is is not; mark struct ${struct} (frozen), too.`];
  return [
    ...[...model.structs.values()].flatMap((item) =>
      item.fields
        .filter((field) => item.frozen || field.frozen)
        .flatMap((field) =>
          stands(`${item.name}.${field.name}`, field.where, "struct" in field.type ? field.type.struct : undefined),
        ),
    ),
    ...[...model.tables.values()]
      .filter((item) => item.frozen)
      .flatMap((item) =>
        item.fields.flatMap((field) =>
          stands(
            `${item.name}.${field.name}`,
            field.where,
            field.type.kind === "struct" ? field.type.struct : undefined,
          ),
        ),
      ),
  ];
}
