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

/** A thread changes a slot as fast as it can, half at a time; what is loaded of it is never a mixture. */
const TORN = `
#include "foreshore_abi.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
/* As long as a slot stays as it is, in turns of a loop: some copies fit in between, others do not. */
enum { WORDS = 64, LOADS = 50000, QUIET = 400 };
static _Alignas(64) _Atomic(uint32_t) slot[2 * WORDS];
static atomic_int over;
static void *writer(void *unused) {
  uint64_t value = 1;
  (void)unused;
  while (!atomic_load(&over)) {
    uint32_t seq = atomic_load_explicit(&slot[0], memory_order_relaxed);
    atomic_store_explicit(&slot[0], seq + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (int i = 4; i < 2 * WORDS; i++) atomic_store_explicit(&slot[i], (uint32_t)value, memory_order_relaxed);
    atomic_store_explicit(&slot[0], seq + 2, memory_order_release);
    value++;
    for (volatile int i = 0; i < QUIET; i++);
  }
  return NULL;
}
int main(void) {
  pthread_t thread;
  int loaded = 0;
  uint32_t copy[2 * WORDS];
  atomic_store(&slot[1], 1);
  if (pthread_create(&thread, NULL, writer, NULL) != 0) return 2;
  while (loaded < LOADS) {
    int outcome = fsh_slot_load((const void *)slot, copy, sizeof copy);
    if (outcome == 0) return 3;
    if (outcome < 0) continue;
    loaded++;
    for (int k = 5; k < 2 * WORDS; k++) if (copy[k] != copy[4]) { printf("torn at %d\\n", k); return 1; }
  }
  atomic_store(&over, 1);
  pthread_join(thread, NULL);
  atomic_store(&slot[1], 2);
  printf("whole, then %d\\n", fsh_slot_load((const void *)slot, copy, sizeof copy));
  return 0;
}
`;

test("a slot that changes meanwhile is loaded whole, or not at all", () => {
  const source = join(folder, "torn.c");
  const binary = join(folder, "torn");
  writeFileSync(source, TORN);
  const built = spawnSync("gcc", [...FLAGS, "-O2", "-pthread", "-o", binary, source], { encoding: "utf8" });
  expect(built.error?.message ?? built.stderr).toBe("");
  expect(spawnSync(binary, { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "whole, then 0\n" });
});

test.each(["c++11", "c++14", "c++17", "c++20"])("takes the header as %s, pedantically", (standard) => {
  const source = join(folder, "alone.cpp");
  writeFileSync(source, '#include "foreshore_abi.h"\n#include "foreshore_abi.h"\nint main() { return 0; }\n');
  const flags = FLAGS.map((flag) => (flag === "-std=c11" ? `-std=${standard}` : flag));
  const built = spawnSync("g++", [...flags, "-fsyntax-only", source], { encoding: "utf8" });
  expect(built.error?.message ?? built.stderr).toBe("");
});

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
