/** Damaged tables: refused by a TableError, or sound; never a trap, a hang or a read outside. */
import { expect, test } from "vitest";
import kept from "../testdata/fuzz/tables.json" with { type: "json" };
import {
  buildKernelRuntimeState,
  buildLayerManifest,
  readKernelRuntimeState,
  readLayerManifest,
  TableError,
} from "./index.ts";
import { MANIFEST, STATE } from "./table-samples.ts";
import { type Damaged, damaged, mutateDamaged } from "./testing/damage.ts";
import { type FuzzTarget, fuzz, fuzzTestMs } from "./testing/fuzz.ts";

const SEEDS = [buildLayerManifest(MANIFEST), buildKernelRuntimeState(STATE)];

function run(input: Damaged): string {
  const bytes = damaged(SEEDS, input);
  const before = bytes.slice();
  const outcome = [readLayerManifest, readKernelRuntimeState].map((read) => {
    try {
      read(bytes);
      return "read";
    } catch (error) {
      if (!(error instanceof TableError)) throw error;
      return error.message.replace(/-?\d+/g, "#");
    }
  });
  expect(bytes).toEqual(before);
  return outcome.join();
}

const target: FuzzTarget<Damaged> = {
  name: "tables",
  corpus: [...SEEDS.map((_, seed) => ({ seed, edits: [] })), ...(kept as unknown as Damaged[])],
  mutate: (random, input) => mutateDamaged(random, SEEDS, input),
  run,
};

test(
  "damaged tables",
  async () => {
    const { executions, outcomes } = await fuzz(target);
    expect(executions).toBeGreaterThan(target.corpus.length);
    expect(outcomes).toBeGreaterThan(5);
  },
  fuzzTestMs,
);
