import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readBfbs } from "./bfbs.ts";
import { buildModel, SchemaError } from "./build.ts";
import { compileSchema } from "./flatc.ts";

/** The sample schema: every kind of declaration, and small. */
function sample(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "foreshore-codegen-fuzz-"));
  try {
    cpSync(fileURLToPath(new URL("../test/sample", import.meta.url)), folder, { recursive: true });
    cpSync(fileURLToPath(new URL("../../abi/attributes.fbs", import.meta.url)), join(folder, "attributes.fbs"));
    return Uint8Array.from(compileSchema(join(folder, "foreshore.fbs")).bfbs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const BFBS = sample();
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

test("damaged binary schemas", () => {
  const edit = fc.record({ at: fc.nat(BFBS.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
  const damage = fc.record({ edits: fc.array(edit, { minLength: 1, maxLength: 8 }), length: fc.nat(BFBS.length) });
  const property = fc.property(damage, fc.boolean(), ({ edits, length }, cut) => {
    const bytes = BFBS.slice(0, cut ? length : BFBS.length);
    for (const { at, byte } of edits) if (at < bytes.length) bytes[at] = byte;
    survives(bytes);
  });
  expect(() => fc.assert(property, { numRuns })).not.toThrow();
}, 600_000);

test("words of the binary schema set to extremes", () => {
  const extreme = fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, BFBS.length, BFBS.length - 4);
  const property = fc.property(fc.nat(BFBS.length / 4 - 1), extreme, (word, value) => {
    const bytes = BFBS.slice();
    new DataView(bytes.buffer).setUint32(4 * word, value, true);
    survives(bytes);
  });
  expect(() => fc.assert(property, { numRuns })).not.toThrow();
}, 600_000);
