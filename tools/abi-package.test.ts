/** What the package of the ABI carries beside its code, so that others can generate their own. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ABI = join(import.meta.dirname, "../abi");

test("npm packs the schemas, the lock, the vectors and the C header", () => {
  const out = execFileSync("npm", ["pack", "--dry-run", "--json", "--offline"], { cwd: ABI, encoding: "utf8" });
  const [packed] = JSON.parse(out) as [{ files: { path: string }[] }];
  const paths = new Set(packed.files.map((file) => file.path));
  const schemas = readdirSync(ABI).filter((file) => file.endsWith(".fbs"));
  expect(schemas.length).toBeGreaterThan(10);
  const wanted = [...schemas, "foreshore.bfbs", "abi.lock.json", "vectors.json", "c/foreshore_abi.h", "README.md"];
  expect(wanted.filter((path) => !paths.has(path))).toEqual([]);
  expect([...paths].filter((path) => path.startsWith("archive/") || path.endsWith(".test.ts"))).toEqual([]);
});
