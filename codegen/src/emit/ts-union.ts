/** A discriminated union of ring entries: its type, and one function each way. */
import { type StatementStructures, StructureKind } from "ts-morph";
import type { Model, UnionModel } from "../model.ts";
import { ARRAY, plus } from "./ts-text.ts";

export function unionStatements(union: UnionModel, model: Model): StatementStructures[] {
  const first = model.structs.get(union.members[0]?.struct ?? "");
  const align = Math.max(...union.members.map((member) => model.structs.get(member.struct)?.align ?? 1));
  const { name: array, shift } = ARRAY[union.scalar];
  const place = plus("addr", union.offset);
  const index = shift === 0 ? place : `(${place}) >>> ${shift}`;
  const cases = union.members.flatMap((member) => [
    `  case ${union.opcodeEnum}.${member.opcode}:`,
    `    return new ${member.struct}(mem, addr).toData();`,
  ]);
  const writes = union.members.flatMap((member) => [
    `  case ${union.opcodeEnum}.${member.opcode}:`,
    `    return new ${member.struct}(mem, addr).setData(entry);`,
  ]);
  return [
    {
      kind: StructureKind.TypeAlias,
      isExported: true,
      name: union.name,
      type: `\n${union.members.map((member) => `  | ${member.struct}Data`).join("\n")}`,
      docs: [`An entry of ${union.name}; \`opcode\` tells which.`],
    },
    {
      kind: StructureKind.Function,
      isExported: true,
      name: `decode${union.name}`,
      docs: [
        "Reads the entry at `addr`, each word once.\n@returns undefined when its opcode is none of this union's\n@throws RangeError when it would lie outside the memory or misaligned",
      ],
      parameters: [
        { name: "mem", type: "Mem" },
        { name: "addr", type: "number" },
      ],
      returnType: `${union.name} | undefined`,
      statements: [
        `mem.check(addr, ${first?.size ?? 0}, ${align});`,
        `switch (mem.${array}[${index}]) {`,
        ...cases,
        "  default:",
        "    return undefined;",
        "}",
      ],
    },
    {
      kind: StructureKind.Function,
      isExported: true,
      name: `encode${union.name}`,
      docs: ["Writes the entry at `addr`.\n@throws RangeError when it would lie outside the memory or misaligned"],
      parameters: [
        { name: "mem", type: "Mem" },
        { name: "addr", type: "number" },
        { name: "entry", type: union.name },
      ],
      returnType: "void",
      statements: ["switch (entry.opcode) {", ...writes, "}"],
    },
  ];
}
