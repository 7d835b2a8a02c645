/** `node tools/check-imports.ts`: import directions of every source file; the rules are in imports.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkImports } from "./imports.ts";
import { sourceFiles } from "./source-files.ts";

const ROOT = join(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const known = new Map<string, ReadonlySet<string>>();

function declared(workspace: string): ReadonlySet<string> {
  let names = known.get(workspace);
  if (names === undefined) {
    const manifest = JSON.parse(readFileSync(join(ROOT, workspace, "package.json"), "utf8")) as Manifest;
    names = new Set([
      manifest.name,
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.peerDependencies ?? {}),
    ]);
    known.set(workspace, names);
  }
  return names;
}

const problems = sourceFiles(ROOT)
  .filter((path) => /\.(ts|go)$/.test(path))
  .flatMap((path) => checkImports(path, readFileSync(join(ROOT, path), "utf8"), declared));
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
