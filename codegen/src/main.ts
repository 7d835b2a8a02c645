/**
 * `node codegen/src/main.ts`: abi/*.fbs → Go, TypeScript, lock file and vectors.
 *
 *   --check    change nothing; exit 1 and name the files that would change
 *   --accept   take over changes that the lock file forbids
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { generate } from "./generate.ts";
import { MARKER } from "./emitter.ts";
import { SchemaError } from "./build.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function main(): number {
  const { values } = parseArgs({ options: { check: { type: "boolean" }, accept: { type: "boolean" } } });
  const result = generate(ROOT, { accept: values.accept === true });
  const changed = result.files.filter((file) => !sameBytes(read(file.path), file.bytes)).map((file) => file.path);
  const stale = result.folders.flatMap((folder) => staleFiles(folder, new Set(result.files.map((file) => file.path))));
  if (values.check === true) {
    for (const path of changed) console.error(`${path}: differs from what abi/*.fbs gives; run \`npm run gen\``);
    for (const path of stale) console.error(`${path}: nothing in abi/*.fbs gives it any more; run \`npm run gen\``);
    return changed.length + stale.length === 0 ? 0 : 1;
  }
  for (const file of result.files) {
    if (!changed.includes(file.path)) continue;
    mkdirSync(dirname(join(ROOT, file.path)), { recursive: true });
    writeFileSync(join(ROOT, file.path), file.bytes);
  }
  for (const path of stale) rmSync(join(ROOT, path));
  for (const note of result.notes) console.log(note);
  console.log(`codegen: ${result.files.length} files, ${changed.length} written, ${stale.length} removed`);
  return 0;
}

function read(path: string): Uint8Array | undefined {
  try {
    return readFileSync(join(ROOT, path));
  } catch {
    return undefined;
  }
}

function sameBytes(old: Uint8Array | undefined, bytes: Uint8Array): boolean {
  return old !== undefined && Buffer.compare(old, bytes) === 0;
}

/** Marked files that no declaration gives any more. */
function staleFiles(folder: string, wanted: ReadonlySet<string>): string[] {
  let names: string[];
  try {
    names = readdirSync(join(ROOT, folder)).sort();
  } catch {
    return [];
  }
  return names
    .map((name) => `${folder}/${name}`)
    .filter((path) => /\.(go|ts)$/.test(path) && !wanted.has(path) && readFileSync(join(ROOT, path), "utf8").startsWith(`// ${MARKER}`));
}

try {
  process.exitCode = main();
} catch (error) {
  if (error instanceof SchemaError) console.error(error.problems.join("\n"));
  else console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
