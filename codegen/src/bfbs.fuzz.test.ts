import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
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
/** FORESHORE_FUZZ_RUNS asks for a long run. */
const numRuns = Number(process.env["FORESHORE_FUZZ_RUNS"] ?? 2000);

/** A schema that was damaged is read, or refused by a typed error; nothing else. */
function survives(bytes: Uint8Array): void {
  try {
    buildModel(readBfbs(bytes), new Map());
  } catch (error) {
    const typed =
      error instanceof SchemaError || (error instanceof Error && error.message.startsWith("binary schema: "));
    if (!typed) throw error;
  }
}

test("the seeds themselves are schemas", () => {
  for (const seed of SEEDS) expect(buildModel(readBfbs(seed), new Map()).files.length).toBeGreaterThan(0);
});

const seed = fc.constantFrom(...SEEDS);

test("damaged binary schemas", () => {
  const edit = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
  const damage = fc.record({ edits: fc.array(edit, { minLength: 1, maxLength: 8 }), length: fc.nat() });
  const property = fc.property(seed, damage, fc.boolean(), (from, { edits, length }, cut) => {
    const bytes = from.slice(0, cut ? length % from.length : from.length);
    for (const { at, byte } of edits) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    survives(bytes);
  });
  expect(() => fc.assert(property, { numRuns })).not.toThrow();
}, 600_000);

test("words of the binary schema set to extremes", () => {
  const extreme = fc.constantFrom(0, 1, 4, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff);
  const property = fc.property(seed, fc.nat(), extreme, (from, word, value) => {
    const bytes = from.slice();
    new DataView(bytes.buffer).setUint32(4 * (word % (bytes.length >> 2)), value, true);
    survives(bytes);
  });
  expect(() => fc.assert(property, { numRuns })).not.toThrow();
}, 600_000);
