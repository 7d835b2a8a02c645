/** Damaged tables: refused by a TableError, or sound; never a trap, a hang or a read outside. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  buildKernelRuntimeState,
  buildLayerManifest,
  readKernelRuntimeState,
  readLayerManifest,
  TableError,
} from "./index.ts";
import { MANIFEST, STATE } from "./table-samples.ts";

const SEEDS = [buildLayerManifest(MANIFEST), buildKernelRuntimeState(STATE)];
/** FORESHORE_FUZZ_RUNS asks for a long run. */
const numRuns = Number(globalThis.process?.env?.["FORESHORE_FUZZ_RUNS"] ?? 5000);

function survives(bytes: Uint8Array): void {
  for (const read of [readLayerManifest, readKernelRuntimeState]) {
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof TableError)) throw error;
    }
  }
}

const seed = fc.constantFrom(...SEEDS);
const edit = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });

test("bytes changed, buffers cut", () => {
  const property = fc.property(
    seed,
    fc.array(edit, { minLength: 1, maxLength: 8 }),
    fc.option(fc.nat()),
    (from, edits, cut) => {
      const bytes = from.slice(0, cut === null ? from.length : cut % from.length);
      for (const { at, byte } of edits) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      survives(bytes);
    },
  );
  expect(() => fc.assert(property, { numRuns })).not.toThrow();
}, 600_000);

test("words set to extremes", () => {
  const extreme = fc.constantFrom(0, 1, 4, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff);
  const property = fc.property(seed, fc.nat(), extreme, (from, word, value) => {
    const bytes = from.slice();
    new DataView(bytes.buffer).setUint32(4 * (word % (bytes.length >> 2)), value, true);
    survives(bytes);
  });
  expect(() => fc.assert(property, { numRuns })).not.toThrow();
}, 600_000);

test("bytes at random behind a right identifier", () => {
  const property = fc.property(fc.uint8Array({ minLength: 8, maxLength: 256 }), seed, (bytes, from) => {
    bytes.set(from.subarray(4, 8), 4);
    bytes.set([8 + (bytes[0]! & 0x3c), 0, 0, 0]);
    survives(bytes);
  });
  expect(() => fc.assert(property, { numRuns })).not.toThrow();
}, 600_000);
