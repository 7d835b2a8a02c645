import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Damaged, damaged, mutateDamaged } from "../../abi/src/testing/damage.ts";
import { type FuzzTarget, fuzz, fuzzTestMs } from "../../abi/src/testing/fuzz.ts";
import kept from "../testdata/fuzz/bfbs.json" with { type: "json" };
import { readBfbs } from "./bfbs.ts";
import { buildModel, SchemaError } from "./build.ts";
import { compileSchema } from "./flatc.ts";

/** Tables and the wasm boundary, which the sample does not have. */
const TABLES = `include "attributes.fbs";
namespace foreshore.abi;
table AbiVersion (constants) { Major: ushort = 0; Minor: ushort = 1; }
enum Status : int { Failed = -1, Ok = 0 }
struct Point { x: uint; y: uint; }
table Inner { name: string (required); at: Point; points: [Point]; }
table Outer (root: "FSOU") { inner: [Inner]; one: Inner; size: ulong (bounded); notes: [string]; bytes: [ubyte]; level: Status = Ok; }
table Memory (import: "env.memory", memory: "shared") {}
table Run (export: "run", returns: "int", status: "Status", caller: "hart", after: "run") { hart: uint; level: Status; }`;

/** The sample schema: every kind of declaration, and small; or the given one. */
function sample(schema?: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "foreshore-codegen-fuzz-"));
  try {
    cpSync(fileURLToPath(new URL("../test/sample", import.meta.url)), folder, { recursive: true });
    cpSync(fileURLToPath(new URL("../../abi/attributes.fbs", import.meta.url)), join(folder, "attributes.fbs"));
    if (schema !== undefined) writeFileSync(join(folder, "foreshore.fbs"), schema);
    return Uint8Array.from(compileSchema(join(folder, "foreshore.fbs")).bfbs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const SEEDS = [sample(), sample(TABLES)];

/** A schema that was damaged is read, or refused by a typed error; nothing else. */
function run(input: Damaged): string {
  const bytes = damaged(SEEDS, input);
  const before = bytes.slice();
  const outcome = attempt(bytes);
  expect(bytes).toEqual(before);
  return outcome;
}

function attempt(bytes: Uint8Array): string {
  try {
    return `${buildModel(readBfbs(bytes), new Map()).files.length} files`;
  } catch (error) {
    const typed =
      error instanceof SchemaError || (error instanceof Error && error.message.startsWith("binary schema: "));
    if (!typed) throw error;
    return error.message.replace(/"[^"]*"|-?\d+/g, "#").slice(0, 120);
  }
}

test("the seeds themselves are schemas", () => {
  for (const seed of SEEDS) expect(buildModel(readBfbs(seed), new Map()).files.length).toBeGreaterThan(0);
});

const target: FuzzTarget<Damaged> = {
  name: "bfbs",
  corpus: [...SEEDS.map((_, seed) => ({ seed, edits: [] })), ...(kept as unknown as Damaged[])],
  mutate: (random, input) => mutateDamaged(random, SEEDS, input),
  run,
};

test(
  "damaged binary schemas",
  async () => {
    const { executions, outcomes } = await fuzz(target);
    expect(executions).toBeGreaterThan(target.corpus.length);
    expect(outcomes).toBeGreaterThan(5);
  },
  fuzzTestMs,
);
