/** `node tools/check-imports.ts`: import directions of every source file, and circles; the rules are in imports.ts. */
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { importCircles } from "./import-circles.ts";
import { checkImports } from "./imports.ts";
import { sourceFiles } from "./source-files.ts";

const ROOT = join(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const manifests = new Map<string, Manifest | undefined>();

function manifestOf(workspace: string): Manifest | undefined {
  if (!manifests.has(workspace)) {
    const path = join(ROOT, workspace, "package.json");
    manifests.set(workspace, existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Manifest) : undefined);
  }
  return manifests.get(workspace);
}

function declared(workspace: string): ReadonlySet<string> {
  const { name = "", dependencies = {}, peerDependencies = {} } = manifestOf(workspace) ?? {};
  return new Set([name, ...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
}

/** As Node finds it: an entry of that very name, or the one that has a star for it. */
function entry(workspace: string, subpath: string): string | undefined {
  const exports = manifestOf(workspace)?.exports ?? {};
  const place = exports[subpath] ?? exports["./*"]?.replace("*", subpath.slice(2));
  return place === undefined ? undefined : posix.join(workspace, place);
}

const files = new Map(
  sourceFiles(ROOT)
    .filter((path) => /\.(ts|go)$/.test(path))
    .map((path) => [path, readFileSync(join(ROOT, path), "utf8")]),
);
const problems = [
  ...[...files].flatMap(([path, text]) => checkImports(path, text, declared)),
  ...importCircles(new Map([...files].filter(([path]) => path.endsWith(".ts"))), entry),
];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
