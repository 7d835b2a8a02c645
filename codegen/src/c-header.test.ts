/** The C header by itself: it compiles, and what C writes through it are the vectors' bytes. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { readBfbs } from "./bfbs.ts";
import { buildModel } from "./build.ts";
import { cField, cName } from "./emit/c.ts";
import type { Vectors, VectorValue } from "./emit/vectors.ts";
import { compileSchema } from "./flatc.ts";
import type { FieldModel, Model } from "./model.ts";

const ABI = fileURLToPath(new URL("../../abi", import.meta.url));
const FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", `-I${ABI}/c`];
const COMPILERS = [
  { name: "gcc", run: [] },
  { name: "riscv64-linux-gnu-gcc", run: ["qemu-riscv64-static"], link: ["-static"] },
];

const folder = mkdtempSync(join(tmpdir(), "foreshore-c-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { bfbs, sources } = compileSchema(join(ABI, "foreshore.fbs"));
const model = buildModel(readBfbs(bfbs), sources);
const vectors = JSON.parse(readFileSync(join(ABI, "vectors.json"), "utf8")) as Vectors;

function scalar(value: string | number, field: FieldModel): string {
  const kind = "scalar" in field.type ? field.type.scalar : "u8";
  if (kind === "f32" || kind === "f64") return `(${kind === "f32" ? "float" : "double"})${value}`;
  const number = BigInt(value);
  return number === -(2n ** 63n) ? "INT64_MIN" : number < 0n ? `-INT64_C(${-number})` : `UINT64_C(${number})`;
}

/** C statements that store a struct's values at the lvalue `at`. */
function stores(at: string, struct: string, value: VectorValue, model: Model): string[] {
  const values = value as { readonly [field: string]: VectorValue };
  return (model.structs.get(struct)?.fields ?? [])
    .filter((field) => !field.reserved)
    .flatMap((field) => {
      const place = `${at}.${cField(field.name)}`;
      const one = (to: string, item: VectorValue): string[] =>
        "struct" in field.type
          ? stores(to, field.type.struct, item, model)
          : [`${to} = (__typeof__(${to} + 0))${scalar(item as string | number, field)};`];
      const item = values[field.name]!;
      return Array.isArray(item) ? item.flatMap((inner, i) => one(`${place}[${i}]`, inner)) : one(place, item);
    });
}

/** Prints every struct's bytes and every enum's numbers as C has them. */
function program(): string {
  const dumps = vectors.structs.map(({ struct, values }) =>
    [
      `static void dump_${cName(struct)}(void) {`,
      `  static struct ${cName(struct)} s;`,
      ...stores("s", struct, values, model).map((line) => `  ${line}`),
      `  dump(${JSON.stringify(struct)}, &s, sizeof s);`,
      "}",
    ].join("\n"),
  );
  return [
    '#include "foreshore_abi.h"',
    "#include <inttypes.h>",
    "#include <stdio.h>",
    "static void dump(const char *name, const void *from, size_t size) {",
    "  const unsigned char *p = from;",
    '  printf("%s ", name);',
    '  for (size_t i = 0; i < size; i++) printf("%02x", p[i]);',
    '  printf("\\n");',
    "}",
    ...dumps,
    "int main(void) {",
    ...vectors.structs.map(({ struct }) => `  dump_${cName(struct)}();`),
    '  printf("hash %08" PRIx32 "%08" PRIx32 "\\n", FSH_LAYOUT_HASH_HI, FSH_LAYOUT_HASH_LO);',
    '  printf("ENOENT %d\\n", (int)FSH_ENOENT);',
    '  printf("Opcode.Reply %d\\n", (int)FSH_OPCODE_REPLY);',
    '  printf("AT_FDCWD %d\\n", (int)FSH_AT_FDCWD);',
    "  return 0;",
    "}",
    "",
  ].join("\n");
}

describe.each(COMPILERS)("$name", ({ name, run, link = [] }) => {
  test("writes the bytes of the vectors", () => {
    const source = join(folder, "vectors.c");
    const binary = join(folder, name);
    // __typeof__ keeps the conversion exact and is an extension: only here, not in the header.
    writeFileSync(source, program());
    const flags = FLAGS.filter((flag) => flag !== "-pedantic");
    const built = spawnSync(name, [...flags, ...link, "-O0", "-o", binary, source], { encoding: "utf8" });
    expect(built.error?.message ?? built.stderr).toBe("");
    const [command = binary, ...args] = [...run, binary];
    const out = spawnSync(command, args, { encoding: "utf8" });
    expect(out.stdout.trimEnd().split("\n")).toEqual([
      ...vectors.structs.map(({ struct, bytes }) => `${struct} ${bytes}`),
      `hash ${vectors.layoutHash}`,
      "ENOENT 2",
      "Opcode.Reply 64",
      "AT_FDCWD -100",
    ]);
  }, 120_000);

  test("takes the header alone, pedantically", () => {
    const source = join(folder, "alone.c");
    writeFileSync(source, '#include "foreshore_abi.h"\n#include "foreshore_abi.h"\nint main(void) { return 0; }\n');
    const built = spawnSync(name, [...FLAGS, "-fsyntax-only", source], { encoding: "utf8" });
    expect(built.error?.message ?? built.stderr).toBe("");
  });

  test("a layout that differs does not compile", () => {
    const text = readFileSync(join(ABI, "c/foreshore_abi.h"), "utf8");
    const other = text.replace(/(struct fsh_slot_handle \{[\s\S]*?)uint32_t generation;/, "$1uint64_t generation;");
    expect(other).not.toBe(text);
    const source = join(folder, "other.c");
    writeFileSync(source, `${other}\nint main(void) { return 0; }\n`);
    const built = spawnSync(name, [...FLAGS, "-fsyntax-only", source], { encoding: "utf8" });
    expect(built.stderr).toContain('static assertion failed: "size of SlotHandle"');
  });
});
