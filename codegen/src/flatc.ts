/** Runs flatc, FlatBuffers' compiler, to get the binary schema. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

export interface CompiledSchema {
  readonly bfbs: Uint8Array;
  /** Text of each .fbs file of the schema's folder, by file name. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * Compiles the schema whose entry file is given.
 * @throws Error with flatc's own message when the schema does not parse
 */
export function compileSchema(entry: string): CompiledSchema {
  const folder = dirname(entry);
  const out = mkdtempSync(join(tmpdir(), "foreshore-codegen-"));
  try {
    const flags = [
      "--binary",
      "--schema",
      "--bfbs-comments",
      "--bfbs-builtins",
      "--no-warnings",
      "--bfbs-filenames",
      ".",
    ];
    const run = spawnSync(flatc(), [...flags, "-o", out, basename(entry)], { cwd: folder, encoding: "utf8" });
    if (run.error !== undefined) {
      throw new Error(`flatc did not start (${run.error.message}); run \`make setup\`, or name it in FLATC`);
    }
    if (run.status !== 0) throw new Error(`flatc refused the schema:\n${run.stdout}${run.stderr}`.trimEnd());
    const bfbs = readFileSync(join(out, basename(entry).replace(/\.fbs$/, ".bfbs")));
    const names = readdirSync(folder).filter((name) => name.endsWith(".fbs"));
    return { bfbs, sources: new Map(names.map((name) => [name, readFileSync(join(folder, name), "utf8")])) };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** FLATC, else the pinned one of the toolchain cache (see tools/env), else the one on PATH. */
export function flatc(): string {
  const named = process.env["FLATC"];
  if (named !== undefined && named !== "") return named;
  const folder = process.env["FORESHORE_FLATC_DIR"] ?? pinnedFolder();
  return folder === undefined ? "flatc" : join(folder, "bin", "flatc");
}

function pinnedFolder(): string | undefined {
  const cache =
    process.env["FORESHORE_CACHE"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "foreshore");
  try {
    const pins = readFileSync(new URL("../../tools/flatc-requirements.txt", import.meta.url), "utf8");
    const version = /^flatc==(\S+)/m.exec(pins)?.[1];
    const folder = join(cache, `flatc-${version}`);
    return readdirSync(folder).length > 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}
