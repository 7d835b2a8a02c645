/** What the schema says of system calls: for the kernel, for those who decode traces, and as a page of the reference. */
import { type Emitter, MARKER, type OutputFile } from "../emitter.ts";
import type { Model } from "../model.ts";
import { ARGUMENTS, type Call, callName, callsOf, LEVELS, SYSCALL, sizedLetters } from "../syscalls.ts";
import { alignColumns } from "./columns.ts";

/** The module of abi/ts. */
export const SYSCALLS_MODULE = "syscall_table.ts";

export const syscallsEmitter: Emitter = {
  name: "syscalls",
  folders: [],
  emit(model: Model): OutputFile[] {
    const calls = callsOf(model);
    if (calls.length === 0) return [];
    return [
      { path: "kernel-go/abi/syscall_table.go", text: goText(calls, model) },
      { path: `abi/ts/${SYSCALLS_MODULE}`, text: tsText(calls, model) },
      { path: "docs/abi/syscalls.md", text: pageText(calls, model) },
    ];
  },
};

export function hasCalls(model: Model): boolean {
  return callsOf(model).length > 0;
}

/** An array by number: `Name = [...]type{ SYS_x: …, }`. */
function goArray(
  doc: readonly string[],
  name: string,
  type: string,
  calls: readonly Call[],
  value: (call: Call) => string,
): string[] {
  const rows = alignColumns(calls.map((call) => [`SYS_${call.name}:`, `${value(call)},`]));
  return [...doc.map((line) => `// ${line}`), `var ${name} = [...]${type}{`, ...rows.map((row) => `\t${row}`), "}", ""];
}

const goLevel = (level: string): string => `Syscall${(level[0] ?? "").toUpperCase()}${level.slice(1)}`;

function goText(calls: readonly Call[], model: Model): string {
  const sizes = sizedLetters(model.structs).map(([letter, size]) => [
    `${letter.charCodeAt(0) - "a".charCodeAt(0)}:`,
    `${typeof size === "number" ? size : `${size}Size`},`,
    `// ${letter}`,
  ]);
  return [
    `// ${MARKER}`,
    "// Source: abi/syscalls.fbs",
    "",
    "package abi",
    "",
    "// SyscallLevel is how much of a system call the kernel has: 0 nothing.",
    "type SyscallLevel uint8",
    "",
    "// Levels of support.",
    "const (",
    ...alignColumns(LEVELS.map((level, i) => [goLevel(level), "SyscallLevel", `= ${i + 1}`])).map((row) => `\t${row}`),
    ")",
    "",
    "// TracedSizes is how many bytes a letter of SyscallLetters stands for, where it",
    "// stands for a structure, by the place of the small letter in the alphabet.",
    "var TracedSizes = [26]uint16{",
    ...alignColumns(sizes).map((row) => `\t${row}`),
    "}",
    "",
    ...goArray(
      [
        "SyscallLetters has, by number, a letter for each argument of a system call: what",
        "traces take of it (trace/letters.go).",
      ],
      "SyscallLetters",
      "string",
      calls,
      (call) => JSON.stringify(call.letters),
    ),
    ...goArray(
      ["SyscallLevels is, by number, how much of a system call the kernel has."],
      "SyscallLevels",
      "SyscallLevel",
      calls,
      (call) => goLevel(call.level),
    ),
    ...goArray(
      [
        "SyscallArguments has, by number, the arguments of a system call in the schema's",
        "words, separated by spaces (docs/abi/syscalls.md).",
      ],
      "SyscallArguments",
      "string",
      calls,
      (call) => JSON.stringify(call.args.join(" ")),
    ),
  ].join("\n");
}

/** The enums among the arguments, by the file that declares them. */
function enumsOf(calls: readonly Call[], model: Model): [string, string[]][] {
  const used = new Set(calls.flatMap((call) => call.args.map((word) => word.replaceAll(/[^\w]/g, ""))));
  return model.files
    .map((file): [string, string[]] => [
      file.stem,
      file.enums.map((item) => item.name).filter((name) => used.has(name)),
    ])
    .filter(([, names]) => names.length > 0);
}

function tsText(calls: readonly Call[], model: Model): string {
  const used = [...new Set(calls.flatMap((call) => call.args))].sort();
  const enums = enumsOf(calls, model);
  return [
    `// ${MARKER}`,
    "// Source: abi/syscalls.fbs",
    "",
    ...enums.map(([stem, names]) => `import { ${[...names].sort().join(", ")} } from "./${stem}.ts";`),
    ...(enums.length === 0 ? [] : [""]),
    "/** How much of a system call the kernel has. */",
    `export type SyscallLevel = ${LEVELS.map((level) => JSON.stringify(level)).join(" | ")};`,
    "",
    "/**",
    " * What an argument is, in the words of docs/abi/syscalls.md: a word of its own, or the name of an enum (a number of it)",
    " * or a struct (the address of one). Behind `>` the call writes there, behind `<>` it reads and writes; one before `?`",
    " * is not used by every form of the call.",
    " */",
    "export type SyscallArgument =",
    ...used.map((word, i) => `  | ${JSON.stringify(word)}${i + 1 === used.length ? ";" : ""}`),
    "",
    "/** A system call that the kernel has. */",
    "export interface SyscallDescription {",
    "  /** Without `SYS_`. */",
    "  readonly name: string;",
    "  readonly args: readonly SyscallArgument[];",
    "  readonly level: SyscallLevel;",
    "  /** Of a partial one: what is missing, or all that there is. */",
    "  readonly note?: string;",
    "}",
    "",
    "/** The system calls that the kernel has, by number; all others are ENOSYS. */",
    "export const SYSCALLS: Readonly<Partial<Record<number, SyscallDescription>>> = {",
    ...calls.map(({ number, name, args, level, note }) => {
      const list = args.map((word) => JSON.stringify(word)).join(", ");
      const missing = note === "" ? "" : `, note: ${JSON.stringify(note)}`;
      return `  ${number}: { name: ${JSON.stringify(name)}, args: [${list}], level: ${JSON.stringify(level)}${missing} },`;
    }),
    "};",
    "",
    "/** The enums among the arguments: names and numbers, or bits. */",
    "export const SYSCALL_ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = {",
    ...enums
      .flatMap(([, names]) => names)
      .sort()
      .map((name) => `  ${name},`),
    "};",
    "",
  ].join("\n");
}

function pageText(calls: readonly Call[], model: Model): string {
  const all = model.enums.get(SYSCALL)?.values ?? [];
  const described = new Map(calls.map((call) => [call.number, call]));
  const of = (level: string): number => calls.filter((call) => call.level === level).length;
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  const forms = (name: string, marks: readonly string[]): string =>
    marks.map((mark) => `\`${mark}${name}\``).join(", ");
  return [
    `<!-- ${MARKER} -->`,
    "# System calls",
    "",
    `Of the ${all.length} system calls of riscv64 Linux the kernel has ${of("full")} in full and ${of("partial")} in part; the other ${all.length - calls.length} are ENOSYS, which the`,
    "machine counts and tells its host once for each process. Made from `abi/syscalls.fbs`; in TypeScript `SYSCALLS` of `@foreshore/abi`.",
    "",
    "In full means: every argument of Linux does what it does there, as far as the machine has what it is about.",
    "",
    "| number | name | arguments | support | what is missing, or all that there is |",
    "|---|---|---|---|---|",
    ...all.map((value) => {
      const call = described.get(value.value);
      if (call === undefined) return `| ${value.value} | \`${callName(value)}\` | | ENOSYS | |`;
      const args = call.args.length === 0 ? "" : `\`${call.args.join(" ")}\``;
      return `| ${value.value} | \`${call.name}\` | ${args} | ${call.level} | ${cell(call.note)} |`;
    }),
    "",
    "## Arguments",
    "",
    "The name of an enum is one of its numbers or bits, that of a struct the address of one, both of this reference. Behind `>` the call writes",
    "there, behind `<>` it reads and writes; a `>` before a number means that such a number is written to an address. An argument before `?`",
    "is not used by every form of the call.",
    "",
    "| word | what it is |",
    "|---|---|",
    ...Object.entries(ARGUMENTS).map(
      ([name, { letters, doc }]) => `| ${forms(name, Object.keys(letters))} | ${cell(doc)} |`,
    ),
    "",
  ].join("\n");
}
