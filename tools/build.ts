/**
 * `node tools/build.ts [worker] [packages] [--out FOLDER]` (default: both; packages go to dist).
 *
 * worker: build/worker.js, the workers' script in one file, and build/foreshore.js, the command. A checkout
 * runs from its TypeScript sources, but stripping types would cost each worker 100 ms and the command 300.
 *
 * packages: dist/NAME for each published workspace, as `npm publish` wants it: one bundled
 * module per entry that its package.json exports (other @foreshore packages stay imports),
 * declarations, README and licence; with the runtime worker.js and kernel.wasm, with the ABI
 * its reference and the smallest host. package.json of a
 * checkout names sources; the one in dist names what was built.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join, posix, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Plugin, rolldown } from "rolldown";

const ROOT = join(import.meta.dirname, "..");
const BUILD = join(ROOT, "build");
const PUBLISHED = ["abi", "runtime", "sdk"] as const;
const WORKER = "runtime/src/worker/main.ts";
const COMMAND = "sdk/src/cli/main.ts";
const KERNEL = join(BUILD, "kernel.wasm");

interface Manifest {
  name: string;
  exports: Record<string, string>;
  bin?: Record<string, string>;
  [key: string]: unknown;
}

interface Entry {
  /** Key in package.json's exports, or undefined for a command. */
  readonly key: string | undefined;
  readonly command?: string;
  /** Source, relative to the workspace. */
  readonly source: string;
  /** Name of the built module without its suffix. */
  readonly name: string;
}

async function buildWorker(file: string): Promise<void> {
  const bundle = await rolldown({
    input: join(ROOT, WORKER),
    platform: "neutral",
    resolve: { mainFields: ["module", "main"] },
  });
  // Aside and then moved: whoever starts a worker just now reads a whole file.
  const temporary = `${file}.${process.pid}`;
  await bundle.write({ file: temporary, format: "esm" });
  renameSync(temporary, file);
}

/** The command as one module: from its sources it would take a third of a second to start. */
async function buildCommand(file: string): Promise<void> {
  const bundle = await rolldown({ input: join(ROOT, COMMAND), platform: "node", plugins: [workerBeside] });
  const temporary = `${file}.${process.pid}`;
  await bundle.write({ file: temporary, format: "esm", codeSplitting: false });
  renameSync(temporary, file);
}

function entriesOf(workspace: string, manifest: Manifest): Entry[] {
  const folder = join(ROOT, workspace);
  const entries: Entry[] = [];
  for (const [key, source] of Object.entries(manifest.exports)) {
    if (!key.includes("*")) {
      entries.push({ key, source: posix.normalize(source), name: key === "." ? "index" : key.slice(2) });
      continue;
    }
    for (const path of globSync(source.slice(2), { cwd: folder }).sort()) {
      if (path.endsWith(".test.ts")) continue;
      const name = key.slice(2).replace("*", basename(path, ".ts"));
      if (name !== "index") entries.push({ key: `./${name}`, source: path, name });
    }
  }
  for (const [command, source] of Object.entries(manifest.bin ?? {})) {
    entries.push({ key: undefined, command, source: posix.normalize(source), name: `bin/${command}` });
  }
  return entries;
}

/** The workers' script stands beside the bundled modules, whatever its place in the sources. */
const workerBeside: Plugin = {
  name: "foreshore-worker-beside",
  transform(code) {
    return code.replaceAll(/new URL\(\s*"[./]*\/worker\/main\.ts"/g, 'new URL("./worker.js"');
  },
};

async function buildPackage(workspace: string, declarations: string, dist: string): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(ROOT, workspace, "package.json"), "utf8")) as Manifest;
  const entries = entriesOf(workspace, manifest);
  const absent = entries.filter(({ source }) => !existsSync(join(ROOT, workspace, source)));
  if (absent.length > 0) {
    throw new Error(
      `${workspace}/package.json names what is not there: ${absent.map(({ source }) => source).join(", ")}`,
    );
  }
  const out = join(dist, workspace);
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map(({ name, source }) => [name, join(ROOT, workspace, source)])),
    platform: "neutral",
    external: (id) => /^[@a-z]/.test(id) && !id.startsWith(`${manifest.name}/`),
    plugins: [workerBeside],
  });
  await bundle.write({ dir: out, format: "esm", entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" });
  cpSync(join(declarations, workspace), join(out, "types"), { recursive: true });
  copyFileSync(join(ROOT, "LICENSE"), join(out, "LICENSE"));
  // What it leads to in a checkout lies beside it in the package.
  const readme = readFileSync(join(ROOT, workspace, "README.md"), "utf8");
  writeFileSync(join(out, "README.md"), readme.replaceAll("](../", "]("));

  const exports: Record<string, unknown> = {};
  const bin: Record<string, string> = {};
  for (const { key, command, name, source } of entries) {
    if (key !== undefined)
      exports[key] = { types: `./types/${source.replace(/\.ts$/, ".d.ts")}`, default: `./${name}.js` };
    if (command !== undefined) {
      bin[command] = `./${name}.js`;
      chmodSync(join(out, `${name}.js`), 0o755);
    }
  }
  if (workspace === "runtime") {
    copyFileSync(KERNEL, join(out, "kernel.wasm"));
    await buildWorker(join(out, "worker.js"));
    exports["./kernel.wasm"] = "./kernel.wasm";
    exports["./worker.js"] = "./worker.js";
  }
  if (workspace === "abi") {
    for (const path of globSync("{*.fbs,foreshore.bfbs,abi.lock.json,vectors.json,c/*.h}", {
      cwd: join(ROOT, "abi"),
    })) {
      cpSync(join(ROOT, "abi", path), join(out, path));
      exports[`./${path}`] = `./${path}`;
    }
    for (const folder of ["docs/abi", "examples/mini-host", "examples/c-top", "examples/python"]) {
      cpSync(join(ROOT, folder), join(out, folder), { recursive: true });
    }
  }
  const { files: _, ...rest } = manifest;
  const built = { ...rest, exports, ...(manifest.bin === undefined ? {} : { bin }) };
  writeFileSync(join(out, "package.json"), `${JSON.stringify(built, null, 2)}\n`);
}

/** Declarations of all published workspaces; relative imports in them name .js, as published. */
function emitDeclarations(): string {
  // Of this process: a test may build its own packages while others are built.
  const folder = join(BUILD, `declarations.${process.pid}`);
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [tsc, "-p", join(ROOT, "tsconfig.build.json"), "--outDir", folder], {
      cwd: ROOT,
      encoding: "utf8",
    });
  } catch (error) {
    throw new Error(`tsc: ${(error as { stdout?: string }).stdout ?? String(error)}`);
  }
  for (const path of globSync("**/*.d.ts", { cwd: folder })) {
    const file = join(folder, path);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replaceAll(/((?:from|import\()\s*["']\.{1,2}\/[^"']*)\.ts(["'])/g, "$1.js$2"));
  }
  return folder;
}

async function buildPackages(dist: string): Promise<void> {
  if (!existsSync(KERNEL)) throw new Error(`${KERNEL}: not there; run \`make kernel\``);
  const declarations = emitDeclarations();
  for (const workspace of PUBLISHED) {
    rmSync(join(dist, workspace), { recursive: true, force: true });
    await buildPackage(workspace, declarations, dist);
  }
  rmSync(declarations, { recursive: true, force: true });
}

const known = ["worker", "packages"];
let wanted: string[];
let dist: string;
try {
  const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
  const strange = positionals.filter((name) => !known.includes(name));
  if (strange.length > 0) throw new Error(`there is no ${strange.join(", ")}`);
  wanted = positionals.length > 0 ? positionals : known;
  dist = resolve(values.out ?? join(ROOT, "dist"));
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
  console.error("usage: node tools/build.ts [worker] [packages] [--out FOLDER]");
  process.exit(2);
}
try {
  mkdirSync(BUILD, { recursive: true });
  if (wanted.includes("worker")) {
    await buildWorker(join(BUILD, "worker.js"));
    await buildCommand(join(BUILD, "foreshore.js"));
  }
  if (wanted.includes("packages")) await buildPackages(dist);
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
