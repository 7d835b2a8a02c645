/**
 * What was released is read for ever: abi/archive has the lock, the bytes and the tables of every
 * version. Today's readers read what was written then, and readers that know no more than the
 * old lock read what is written today.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as abi from "../../abi/src/index.ts";
import { MANIFEST, STATE } from "../../abi/src/table-samples.ts";
import { checkVector, type GeneratedModule, type Vectors } from "../../abi/src/vectors.ts";
import { type LockedValue, missing, readLocked, readLockedTable } from "../test/locked.ts";
import { compareLocks, parseLock } from "./lock.ts";

const ABI = fileURLToPath(new URL("../../abi", import.meta.url));
const read = (path: string): string => readFileSync(join(ABI, path), "utf8");
const today = parseLock(read("abi.lock.json"));
const todayVectors = JSON.parse(read("vectors.json")) as Vectors;
const generated: GeneratedModule = { ...abi };

/** A buffer as a view. */
function viewOf(hex: string): DataView {
  const bytes = Buffer.from(hex, "hex");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The inverse of what tools/archive-abi.ts writes. */
function revive(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("u64" in value) return BigInt(String(value.u64));
  if ("bytes" in value) return new Uint8Array(Buffer.from(String(value.bytes), "hex"));
  return value;
}

/** A table's values in one form for both kinds of readers: names as in the schema, numbers as text. */
function plain(value: unknown): LockedValue {
  if (typeof value === "bigint" || typeof value === "number") return String(value);
  if (value instanceof Uint8Array || Array.isArray(value)) return Array.from(value, plain);
  if (typeof value !== "object" || value === null) return String(value);
  const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [snake(name), plain(item)]));
}

const READERS: Readonly<Record<string, (bytes: Uint8Array) => object>> = {
  LayerManifest: abi.readLayerManifest,
  KernelRuntimeState: abi.readKernelRuntimeState,
};

describe.each(readdirSync(join(ABI, "archive")))("version %s", (version) => {
  const folder = `archive/${version}`;
  const lock = parseLock(read(`${folder}/abi.lock.json`));
  const vectors = JSON.parse(read(`${folder}/vectors.json`)) as Vectors;
  const breaking = compareLocks(lock, today).filter((change) => change.kind === "breaking");
  /** Structures that no longer are as they were; a struct that holds one is none either. */
  const broken = new Set(breaking.map(({ sentence }) => /^(?:struct )?(\w+)/.exec(sentence)?.[1] ?? ""));
  for (let size = -1; size !== broken.size; ) {
    size = broken.size;
    for (const [name, item] of Object.entries(lock.structs)) {
      const types = item.fields.map((field) => /(\w+)(?::\d+\])?$/.exec(field.type)?.[1] ?? "");
      if (types.some((type) => broken.has(type))) broken.add(name);
    }
  }
  const same = vectors.structs.filter((vector) => !broken.has(vector.struct));

  test("only a version before 1.0, or of another major, may have been broken", () => {
    const free = lock.version.major === 0 || lock.version.major < today.version.major;
    expect(free ? [] : breaking.map((change) => change.sentence)).toEqual([]);
    expect(same.length).toBeGreaterThan(20);
  });

  test("its structures and ring entries are read by today's views", () => {
    const problems = same.flatMap((vector) => checkVector(generated, vector));
    expect(problems.filter((problem) => !problem.endsWith(" is not in the vector"))).toEqual([]);
  });

  test("its lock reads today's structures and ring entries", () => {
    const now = new Map(todayVectors.structs.map((vector) => [vector.struct, vector]));
    expect(
      same.flatMap(({ struct }) => {
        const vector = now.get(struct);
        if (vector === undefined) return [`${struct} is gone`];
        return missing(readLocked(lock, struct, viewOf(vector.bytes), 0), vector.values, struct);
      }),
    ).toEqual([]);
  });

  test("today's lock reads its structures", () => {
    expect(
      same.flatMap(({ struct, bytes, values }) => missing(values, readLocked(today, struct, viewOf(bytes), 0), struct)),
    ).toEqual([]);
  });

  test.each(readdirSync(join(ABI, "testdata")).filter((file) => file.endsWith(".bin")))(
    "its lock reads today's %s",
    (file) => {
      const name = file.split(".")[0] ?? "";
      const bytes = readFileSync(join(ABI, "testdata", file));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const read = plain(readLockedTable(lock, name, view));
      expect(Object.keys(read).length).toBeGreaterThan(2);
      expect(missing(read, plain(name === "LayerManifest" ? MANIFEST : STATE), name)).toEqual([]);
    },
  );

  const tables = JSON.parse(read(`${folder}/tables.json`), revive) as Record<string, object>;
  const buffers = readdirSync(join(ABI, folder)).filter((file) => file.endsWith(".bin"));
  test.each(buffers)("%s is read", (file) => {
    const name = file.split(".")[0] ?? "";
    const bytes = readFileSync(join(ABI, folder, file));
    expect(READERS[name]?.(bytes)).toMatchObject(tables[name] ?? { missing: name });
  });
});
