/**
 * Import directions, read from the import lines of one source file.
 *
 * TypeScript: sdk → runtime → abi and never back; codegen stands alone; examples are frontends
 * on abi alone; bench, test and tools may use all. Within abi: src → ts (generated) → src/core, which imports nothing
 * else; a type counts. No file imports itself by way of others (import-circles.ts). No relative import leaves its workspace. A bare import is declared in
 * the package's own package.json, so that the published package works. Node's modules, and
 * files of a node or cli folder, are imported in published packages only by node and cli folders (and tests);
 * files of a browser folder only by browser folders. An entry that stands directly in src/
 * may reach both, by a dynamic import.
 *
 * Go: kernel code imports the kernel's own packages and the few of the standard library
 * that need no heap; files that TinyGo never sees (`!tinygo`, tests, commands, and the
 * internal packages, which serve tests and generators) are free.
 */
import { builtinModules } from "node:module";
import { posix } from "node:path";

/** Dependencies that a workspace's package.json declares, itself included. */
export type Declared = (workspace: string) => ReadonlySet<string>;

/** Which workspaces a workspace may import. */
const WORKSPACES: Readonly<Record<string, readonly string[]>> = {
  abi: [],
  codegen: [],
  runtime: ["abi"],
  sdk: ["abi", "runtime"],
  bench: ["abi", "runtime", "sdk"],
  test: ["abi", "runtime", "sdk", "bench"],
  examples: ["abi"],
  tools: ["abi", "runtime", "sdk"],
};
/** Workspaces that are published: what they import they must declare. */
const PUBLISHED = new Set(["abi", "runtime", "sdk"]);

/** Standard packages that work under TinyGo without a heap. */
const KERNEL_STD = new Set([
  "math",
  "encoding/binary",
  "math/bits",
  "structs",
  "sync/atomic",
  "unicode/utf8",
  "unsafe",
]);

export interface Import {
  readonly line: number;
  readonly what: string;
  readonly dynamic: boolean;
}

export function importsOf(text: string): Import[] {
  const found: Import[] = [];
  const pattern =
    /^\s*(?:import|export)\b(?:[^"';]*?\bfrom)?\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|\bnew URL\(\s*["'](\.[^"']+)["']\s*,\s*import\.meta\.url\s*\)/gm;
  for (const match of text.matchAll(pattern)) {
    const what = match[1] ?? match[2] ?? match[3] ?? "";
    const start = match.index + match[0].search(/\S/);
    found.push({ line: text.slice(0, start).split("\n").length, what, dynamic: match[1] === undefined });
  }
  return found;
}

/** Where generated code and what it stands on lie. */
const GENERATED = "abi/ts/";
const CORE = "abi/src/core/";

/** What is wrong with the direction of an import within abi; undefined when nothing is. */
function againstAbi(path: string, target: string): string | undefined {
  if (path.startsWith(CORE) && !target.startsWith(CORE)) return `${CORE} imports nothing outside itself`;
  if (path.startsWith(GENERATED) && !target.startsWith(GENERATED) && !target.startsWith(CORE)) {
    return `generated code stands on ${CORE} alone`;
  }
  return undefined;
}

type Side = "node" | "browser" | "entry" | "common";

/** Where a file of a workspace may run. */
function sideOf(path: string): Side {
  if (/(^|\/)(node|cli)(\/|\.ts$)/.test(path)) return "node";
  if (/(^|\/)browser(\/|\.ts$)/.test(path)) return "browser";
  return /^\w+\/src\/[^/]+\.ts$/.test(path) ? "entry" : "common";
}

/** What is wrong with the imports of one file; `path` is relative to the repository. */
export function checkImports(path: string, text: string, declared: Declared): string[] {
  if (path.endsWith(".ts")) return checkTypeScript(path, text, declared);
  return path.endsWith(".go") ? checkGo(path, text) : [];
}

function checkTypeScript(path: string, text: string, declared: Declared): string[] {
  const problems: string[] = [];
  const workspace = path.split("/")[0] ?? "";
  const allowed = WORKSPACES[workspace];
  if (allowed === undefined) return []; // configuration at the root
  const isTest = /\.test\.ts$/.test(path) || /(^|\/)(test|testing)\//.test(path);
  for (const { line, what, dynamic } of importsOf(text)) {
    const fault = (text: string) => problems.push(`${path}:${line}: imports "${what}": ${text}`);
    if (what.startsWith(".")) {
      const target = posix.normalize(posix.join(posix.dirname(path), what));
      const other = target.split("/")[0] ?? "";
      const alone = PUBLISHED.has(workspace) || workspace === "examples";
      if (other !== workspace && WORKSPACES[other] !== undefined && !isTest && alone) {
        fault(`a relative path must not leave ${workspace}/; import @foreshore/${other}`);
      }
      if (PUBLISHED.has(workspace)) checkSide(path, target, isTest, dynamic, fault);
      const against = isTest ? undefined : againstAbi(path, target);
      if (against !== undefined) fault(against);
    } else if (what.startsWith("@foreshore/")) {
      const other = what.split("/")[1] ?? "";
      if (other !== workspace && !allowed.includes(other)) {
        fault(`${workspace} may import ${allowed.join(", ") || "no other workspace"} (sdk → runtime → abi)`);
      }
    } else if (what.startsWith("node:") || builtinModules.includes(what)) {
      if (!what.startsWith("node:")) fault("write it with its node: prefix");
      if (PUBLISHED.has(workspace) && !isTest && !dynamic && sideOf(path) !== "node") {
        fault("only files of a node or cli folder may import Node's modules");
      }
    }
    if (PUBLISHED.has(workspace) && !isTest && /^[@a-z]/.test(what) && !what.startsWith("node:")) {
      const name = what
        .split("/")
        .slice(0, what.startsWith("@") ? 2 : 1)
        .join("/");
      if (!declared(workspace).has(name)) fault(`not among the dependencies of ${workspace}/package.json`);
    }
  }
  return problems;
}

function checkSide(
  path: string,
  target: string,
  isTest: boolean,
  dynamic: boolean,
  fault: (text: string) => void,
): void {
  const from = sideOf(path);
  const to = sideOf(target);
  if (isTest || (to !== "node" && to !== "browser") || from === to) return;
  if (from === "entry" && dynamic) return;
  fault(
    `${from === "entry" ? "an entry reaches a" : `a ${from} file must not import a`} ${to} file${from === "entry" ? " only by a dynamic import" : ""}`,
  );
}

function checkGo(path: string, text: string): string[] {
  const problems: string[] = [];
  if (!path.startsWith("kernel-go/") || path.endsWith("_test.go")) return problems;
  if (/^\/\/go:build .*!tinygo/m.test(text)) return problems;
  if (/^package main$/m.test(text) && !path.startsWith("kernel-go/main/")) return problems;
  if (path.includes("/internal/")) return problems;
  const block = /^import\s*\(([\s\S]*?)^\)/m.exec(text);
  const specs = [...(block?.[1] ?? "").matchAll(/"([^"]+)"/g), ...text.matchAll(/^import\s+(?:\w+\s+)?"([^"]+)"/gm)];
  for (const [, what = ""] of specs) {
    if (!what.startsWith("foreshore.dev/kernel/") && !KERNEL_STD.has(what)) {
      problems.push(`${path}: imports "${what}": kernel code has no heap; allowed are ${[...KERNEL_STD].join(", ")}`);
    }
  }
  return problems;
}
