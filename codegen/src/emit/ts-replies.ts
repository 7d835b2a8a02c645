/** Types of the replies by opcode, and the table by which `decodeReply` names their words. */
import type { Model, StructModel, UnionModel } from "../model.ts";
import { camel } from "../names.ts";

function requests(union: UnionModel, model: Model): StructModel[] {
  return union.members.flatMap((member) => {
    const item = model.structs.get(member.struct);
    return item?.reply === undefined ? [] : [item];
  });
}

/** Text that stands behind a union of requests; nothing when no member says what its reply is. */
export function replyStatements(union: UnionModel, model: Model): string[] {
  const items = requests(union, model);
  if (items.length === 0) return [];
  const name = union.name.replace(/Request$/, "Reply");
  return [
    [
      "",
      `/** What the replies to ${union.name} say when they are no errors, by opcode. */`,
      `export interface ${name} {`,
      ...items.flatMap((item) => [
        `  /** ${item.doc.join(" ").replaceAll("*/", "*\\/")} */`,
        `  [${union.opcodeEnum}.${item.union?.opcode}]: {`,
        ...(item.reply?.parts ?? []).flatMap((part) => [
          ...(part.doc === "" ? [] : [`    /** ${part.doc} */`]),
          `    readonly ${camel(part.name)}: ${part.from === "handle" ? "{ readonly index: number; readonly generation: number }" : part.from === "result" ? "number" : "bigint"};`,
        ]),
        "  };",
      ]),
      "}",
    ].join("\n"),
    [
      "",
      `/** Names of a reply's words, and the errors of its own, by opcode of the request. */`,
      `export const ${name}Shape: Readonly<Record<number, ReplyShape>> = {`,
      ...items.map((item) => {
        const parts = (item.reply?.parts ?? []).map((part) => `${part.from}: "${camel(part.name)}"`);
        const errnos = (item.reply?.errnos ?? []).map((errno) => `"${errno}"`);
        return `  [${union.opcodeEnum}.${item.union?.opcode}]: { names: { ${parts.join(", ")} }, errnos: [${errnos.join(", ")}] },`;
      }),
      "};",
    ].join("\n"),
  ];
}

export function hasReplies(union: UnionModel, model: Model): boolean {
  return requests(union, model).length > 0;
}
