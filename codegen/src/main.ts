/**
 * `node codegen/src/main.ts`: abi/*.fbs → Go, TypeScript, lock file and vectors.
 * Exit code 0 done or no drift, 1 drift or a refusal, 2 wrong usage.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MARKER } from "./emitter.ts";
import { type Generated, generate } from "./generate.ts";

const USAGE = `usage: node codegen/src/main.ts [--check] [--accept] [--root DIR]
  --check    change nothing; name the files that would change
  --accept   take over changes that break abi/abi.lock.json
  --root     the folder that has abi/foreshore.fbs (default: this checkout)`;

interface Arguments {
  readonly check: boolean;
  readonly accept: boolean;
  readonly root: string;
}

function main(args: Arguments): number {
  const result = generate(args.root, { accept: args.accept });
  const changed = result.files.filter((file) => !hasBytes(join(args.root, file.path), file.bytes));
  const stale = staleFiles(args.root, result);
  for (const note of result.notes) console.log(note);
  if (args.check) {
    for (const { path } of changed) console.error(`${path}: differs from what abi/*.fbs gives; run \`npm run gen\``);
    for (const path of stale) console.error(`${path}: nothing in abi/*.fbs gives it any more; run \`npm run gen\``);
    return changed.length + stale.length === 0 ? 0 : 1;
  }
  for (const file of changed) replace(join(args.root, file.path), file.bytes);
  for (const path of stale) rmSync(join(args.root, path));
  console.log(`codegen: ${result.files.length} files, ${changed.length} written, ${stale.length} removed`);
  return 0;
}

/** In one step, so that a compiler that runs meanwhile never sees half a file. */
function replace(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
}

function hasBytes(path: string, bytes: Uint8Array): boolean {
  try {
    return Buffer.compare(readFileSync(path), bytes) === 0;
  } catch {
    return false;
  }
}

/** Marked files that no declaration gives any more. */
function staleFiles(root: string, result: Generated): string[] {
  const wanted = new Set(result.files.map((file) => file.path));
  return result.folders
    .flatMap((folder) => list(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => /\.(go|ts|h|md)$/.test(path) && !wanted.has(path))
    .filter((path) => readFileSync(join(root, path), "utf8").slice(0, 200).includes(MARKER));
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function parse(): Arguments {
  const { values } = parseArgs({
    options: { check: { type: "boolean" }, accept: { type: "boolean" }, root: { type: "string" } },
  });
  const root = resolve(values.root ?? fileURLToPath(new URL("../..", import.meta.url)));
  return { check: values.check === true, accept: values.accept === true, root };
}

let parsed: Arguments | undefined;
try {
  parsed = parse();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
if (parsed !== undefined) {
  try {
    process.exitCode = main(parsed);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
