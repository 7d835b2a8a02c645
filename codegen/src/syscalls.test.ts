/** How system calls are described, what comes of it, and what is refused. */
import { describe, expect, test } from "vitest";
import { setSchema, workspace, write } from "../test/workspace.ts";
import { SchemaError } from "./build.ts";
import { generate } from "./generate.ts";

const STRUCTS =
  'struct Stat (owner: "guest") { a: ulong; } struct Hidden (owner: "guest") { a: ulong; } enum Prot : uint (bare) { PROT_READ = 1 }';

function schema(...values: readonly string[]): string {
  return `${STRUCTS}\nenum Syscall : uint (bare) {\n${values.join(",\n")}\n}`;
}

function problems(text: string): string[] {
  try {
    generate(workspace(text), { accept: false, drafts: true });
  } catch (error) {
    if (error instanceof SchemaError) return error.problems.map((line) => line.replace(/^\S+: /, ""));
    throw error;
  }
  return [];
}

function files(text: string): Map<string, string> {
  const { files: all } = generate(workspace(text), { accept: false, drafts: true });
  return new Map(all.map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)]));
}

const CALLS = schema(
  'SYS_read = 63 (args: "fd >bytes size", level: "full")',
  'SYS_wait = 3 (args: "pid? >Stat Stat >Hidden <>offset Prot", level: "partial", note: "no a|b")',
  'SYS_sync = 7 (args: "", level: "full")',
  "SYS_missing = 5",
);

describe("what comes of descriptions", () => {
  test("Go has letters, levels and words by number", () => {
    const go = files(CALLS).get("kernel-go/abi/syscall_table.go");
    expect(go).toContain('\tSYS_wait: "vBbv=v",\n\tSYS_sync: "",\n\tSYS_read: ".Wv",\n}');
    expect(go).toContain("\tSYS_wait: SyscallPartial,\n\tSYS_sync: SyscallFull,\n\tSYS_read: SyscallFull,\n}");
    expect(go).toContain('\tSYS_wait: "pid? >Stat Stat >Hidden <>offset Prot",\n');
    expect(go).toContain("\t1:  StatSize, // b\n\t13: 4,        // n\n\t16: 8,        // q\n}");
    expect(go).not.toContain("missing");
  });

  test("TypeScript has them by number, and the words as a type", () => {
    const ts = files(CALLS).get("abi/ts/syscall_table.ts");
    expect(ts).toContain('  63: { name: "read", args: ["fd", ">bytes", "size"], level: "full" },\n');
    expect(ts).toContain('level: "partial", note: "no a|b" },\n');
    expect(ts).toMatch(/export type SyscallArgument =\n {2}\| "<>offset"\n {2}\| ">Hidden"\n/);
    expect(ts).toContain('import { Prot } from "./foreshore.ts";\n');
    expect(ts).toContain("= {\n  Prot,\n};\n");
    expect(files(CALLS).get("abi/ts/index.ts")).toContain('export * from "./syscall_table.ts";\n');
  });

  test("the reference has all numbers, and how many are missing", () => {
    const page = files(CALLS).get("docs/abi/syscalls.md");
    expect(page).toContain(
      "Of the 4 system calls of riscv64 Linux the kernel has 2 in full and 1 in part; the other 1 are ENOSYS",
    );
    expect(page).toContain("| 5 | `missing` | | ENOSYS | |\n");
    expect(page).toContain("| partial | no a\\|b |\n");
    expect(files(CALLS).get("docs/abi/README.md")).toContain("(syscalls.md)");
  });

  test("a schema without system calls gives nothing of it", () => {
    const paths = [...files(STRUCTS).keys()];
    expect(paths.filter((path) => /syscall/.test(path))).toEqual([]);
    expect(files(STRUCTS).get("abi/ts/index.ts")).not.toContain("syscall");
  });

  test("a description changes neither the layout hash nor the lock", () => {
    const root = workspace(CALLS);
    const before = generate(root, { accept: false, drafts: true });
    write(root, before);
    setSchema(root, CALLS.replace('"fd >bytes size"', '"fd bytes"').replace("no a|b", "another"));
    const after = generate(root, { accept: false, drafts: true });
    expect(after.notes).toEqual([]);
    const of = (generated: typeof before, path: string) =>
      Buffer.from(generated.files.find((file) => file.path === path)!.bytes);
    expect(of(after, "abi/abi.lock.json")).toEqual(of(before, "abi/abi.lock.json"));
    expect(of(after, "kernel-go/abi/syscall_table.go")).not.toEqual(of(before, "kernel-go/abi/syscall_table.go"));
  });
});

describe("descriptions that are refused", () => {
  test.each<[string, string, string]>([
    [
      "a word that means nothing",
      'SYS_a = 1 (args: "fd thing", level: "full")',
      'Syscall.SYS_a: unknown argument "thing"; use a word of ARGUMENTS in codegen/src/syscalls.ts, or an enum or struct of the schema.',
    ],
    [
      "a word between marks that there are not",
      'SYS_a = 1 (args: "<fd", level: "full")',
      'Syscall.SYS_a: unknown argument "<fd"; use a word of ARGUMENTS in codegen/src/syscalls.ts, or an enum or struct of the schema.',
    ],
    [
      "a value that is written",
      'SYS_a = 1 (args: ">mode", level: "full")',
      'Syscall.SYS_a: ">mode" cannot stand so; write mode.',
    ],
    [
      "an enum that is written",
      'SYS_a = 1 (args: ">Prot", level: "full")',
      'Syscall.SYS_a: ">Prot" cannot stand so; write Prot.',
    ],
    [
      "what is only written",
      'SYS_a = 1 (args: "dirents", level: "full")',
      'Syscall.SYS_a: "dirents" cannot stand so; write >dirents.',
    ],
    [
      "a struct that is read and written",
      'SYS_a = 1 (args: "<>Stat", level: "full")',
      'Syscall.SYS_a: "<>Stat" cannot stand so; write Stat or >Stat.',
    ],
    [
      "seven arguments",
      'SYS_a = 1 (args: "int int int int int int int", level: "full")',
      "Syscall.SYS_a: 7 arguments; a system call has at most 6.",
    ],
    [
      "no arguments at all",
      'SYS_a = 1 (level: "full")',
      'Syscall.SYS_a: it has no arguments; list them, or write (args: "").',
    ],
    [
      "arguments of a call that is missing",
      'SYS_a = 1 (args: "fd")',
      'Syscall.SYS_a: it says nothing of how much the kernel has; add (level: "full") or (level: "partial").',
    ],
    [
      "a note on a call that is missing",
      'SYS_a = 1 (note: "never")',
      'Syscall.SYS_a: it says nothing of how much the kernel has; add (level: "full") or (level: "partial").',
    ],
    [
      "another level",
      'SYS_a = 1 (args: "", level: "none")',
      'Syscall.SYS_a: there is no level "none"; use full or partial, or nothing at all for a call that is missing.',
    ],
    [
      "a partial call without a note",
      'SYS_a = 1 (args: "", level: "partial")',
      "Syscall.SYS_a: it is partial; say in (note) what is missing.",
    ],
    [
      "a full call with one",
      'SYS_a = 1 (args: "", level: "full", note: "but")',
      "Syscall.SYS_a: it is full, so nothing is missing; remove (note).",
    ],
  ])("%s", (_, value, sentence) => {
    expect(problems(schema(value))).toEqual([sentence]);
  });

  test("a description of what is no system call", () => {
    expect(problems('enum E : uint (bare) { A = 0 (level: "full") }')).toEqual([
      "E.A: (args), (level) and (note) describe system calls, values of Syscall; remove them.",
    ]);
  });

  test("each with its line", () => {
    const text = schema("SYS_a = 1", 'SYS_b = 2 (args: "")');
    expect(() => generate(workspace(text), { accept: false, drafts: true })).toThrow(
      /^foreshore\.fbs:7: Syscall\.SYS_b: /,
    );
  });
});
