/** Go for the side that serves requests: the reply's words under their names, and the switch from opcode to handler. */
import { MARKER, type OutputFile } from "../emitter.ts";
import { type Model, type ReplyPart, requestsOf, type StructModel, type UnionModel } from "../model.ts";
import { camel, goConstant, pascal } from "../names.ts";
import { alignColumns } from "./columns.ts";

/** The words of a ReplyEvent, in their order. */
const WORDS: readonly (readonly [ReplyPart["from"], string])[] = [
  ["result", "int64"],
  ["value", "uint64"],
  ["value2", "uint64"],
  ["handle", "SlotHandle"],
];

/** Nothing where the schema has no requests. */
export function goRequests(model: Model): OutputFile[] {
  const unions = model.unions.filter((union) => requestsOf(union, model).length > 0);
  if (unions.length === 0) return [];
  return [
    { path: "kernel-go/abi/answers.go", text: answersFile(unions, model) },
    { path: "kernel-go/rpc/dispatch.go", text: dispatchFile(unions, model) },
  ];
}

function answersFile(unions: readonly UnionModel[], model: Model): string {
  const items = unions.flatMap((union) => requestsOf(union, model)).filter(hasAnswer);
  return [
    `// ${MARKER}`,
    "",
    "package abi",
    "",
    'import "structs"',
    "",
    "// What the replies to requests say: each on the words of a ReplyEvent from Result",
    "// on, under the names that they have for the request.",
    "",
    ...items.flatMap(answerType),
  ].join("\n");
}

function hasAnswer(item: StructModel): boolean {
  return (item.reply?.parts.length ?? 0) > 0;
}

function answerType(item: StructModel): string[] {
  const rows = WORDS.map(([from, type]) => {
    const part = item.reply?.parts.find((candidate) => candidate.from === from);
    return [part === undefined ? "_" : pascal(part.name), type];
  });
  const name = answerName(item);
  return [
    `// ${name} is what the reply to a ${item.name} says.`,
    `type ${name} struct {`,
    ...alignColumns([["_", "structs.HostLayout"], ...rows]).map((line) => `\t${line}`),
    "}",
    "",
  ];
}

function answerName(item: StructModel): string {
  return `${item.union?.opcode}Answer`;
}

function dispatchFile(unions: readonly UnionModel[], model: Model): string {
  const cases = unions.flatMap((union) => {
    const owner = model.enums.get(union.opcodeEnum) ?? { name: union.opcodeEnum, bare: false };
    return requestsOf(union, model).flatMap((item) => {
      const opcode = item.union?.opcode ?? "";
      const answer = hasAnswer(item) ? `, (*abi.${answerName(item)})(words)` : "";
      return [
        `\tcase abi.${goConstant(owner, opcode)}:`,
        `\t\treturn ${camel(opcode)}(c, p, (*abi.${item.name})(entry)${answer})`,
      ];
    });
  });
  return [
    `// ${MARKER}`,
    "// Source: abi/rpc.fbs",
    "",
    "package rpc",
    "",
    "import (",
    '\t"unsafe"',
    "",
    '\t"foreshore.dev/kernel/abi"',
    '\t"foreshore.dev/kernel/sched"',
    ")",
    "",
    "// dispatch makes one request: its handler has the name of its opcode, and gets",
    "// the entry as the struct that it is and the reply's words under their names.",
    "func dispatch(c *sched.Ctx, p *abi.PendingRequestSlot, reply *abi.ReplyEvent) abi.Errno {",
    "\tentry, words := unsafe.Pointer(&p.Entry), unsafe.Pointer(&reply.Result)",
    "\tswitch (*abi.RpcHeader)(entry).Opcode {",
    ...cases,
    "\t}",
    "\treturn abi.EOPNOTSUPP",
    "}",
    "",
  ].join("\n");
}
