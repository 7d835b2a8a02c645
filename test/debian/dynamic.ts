/** test/guests/dynamic, built with the cross compiler against glibc and against Debian's musl. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../..");
const SOURCES = join(ROOT, "test/guests/dynamic");
const COMPILER = "riscv64-linux-gnu-gcc";
const LINKER = "/usr/bin/ld.lld-19";
const FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread"];
const run = promisify(execFile);

export const LIBCS = ["glibc", "musl"] as const;
export type Libc = (typeof LIBCS)[number];
/** What is built: the program, its libraries, and the program once more with a loader that does not exist. */
export const BUILT = ["main", "no-loader", "liblinked.so", "libloaded.so", "libpreload.so"] as const;

/**
 * How the compiler is told to use musl's headers and objects instead of its own, as musl's gcc wrapper does it.
 * @param root the Debian root that has musl-dev
 */
async function muslFlags(root: string): Promise<{ compile: string[]; start: string[]; end: string[] }> {
  const printed = async (what: string): Promise<string> => (await run(COMPILER, [what])).stdout.trim();
  const lib = join(root, "usr/lib/riscv64-linux-musl");
  const compile = [
    ...["-nostdinc", "-isystem", join(root, "usr/include/riscv64-linux-musl")],
    ...["-isystem", await printed("-print-file-name=include")],
  ];
  const end = ["-L", lib, "-lc", await printed("-print-libgcc-file-name"), join(lib, "crtn.o")];
  return { compile, start: ["-nostdlib", join(lib, "crti.o")], end };
}

/**
 * Builds what is not built yet.
 * @param root the Debian root that has musl-dev
 * @returns the folder with BUILT in it
 */
export async function buildDynamic(libc: Libc, root: string): Promise<string> {
  const musl = libc === "musl" ? await muslFlags(root) : { compile: [], start: [], end: [] };
  const { stdout: version } = await run(COMPILER, ["--version"]);
  const hash = createHash("sha256").update(JSON.stringify([version, FLAGS, musl]));
  for (const file of [
    ...readdirSync(SOURCES)
      .sort()
      .map((name) => join(SOURCES, name)),
    import.meta.filename,
  ]) {
    hash.update(readFileSync(file));
  }
  const out = join(ROOT, "build/guests/dynamic", `${libc}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(out)) return out;
  const fresh = `${out}.${process.pid}`;
  // Objects of the newer release crash the linker of this one (binutils 2.40); the toolchain's lld links them.
  const tools = join(fresh, "tools");
  mkdirSync(tools, { recursive: true });
  symlinkSync(LINKER, join(tools, "ld.lld"));
  const linker = libc === "musl" ? ["-fuse-ld=lld", "-B", tools] : [];
  const compile = (name: string, flags: readonly string[], libraries: readonly string[] = []): Promise<unknown> =>
    run(COMPILER, [
      ...FLAGS,
      ...linker,
      ...musl.compile,
      ...musl.start,
      ...flags,
      "-o",
      join(fresh, name),
      ...libraries,
      ...musl.end,
    ]);
  const library = (name: string, source: string, libraries: readonly string[] = []): Promise<unknown> =>
    compile(name, ["-fPIC", "-shared", `-Wl,-soname,${name}`, join(SOURCES, source)], libraries);
  const origin = ["-L", fresh, "-llinked", "-Wl,-rpath,$ORIGIN"];
  await library("liblinked.so", "linked.c");
  await library("libloaded.so", "loaded.c", origin);
  await library("libpreload.so", "preload.c");
  const start = libc === "musl" ? [join(root, "usr/lib/riscv64-linux-musl/Scrt1.o")] : [];
  const loader = libc === "musl" ? ["-Wl,-dynamic-linker,/lib/ld-musl-riscv64.so.1"] : [];
  const program = ["-fPIE", "-pie", ...start, join(SOURCES, "main.c")];
  await compile("main", [...program, ...loader], origin);
  await compile("no-loader", [...program, "-Wl,-dynamic-linker,/lib/ld-nobody.so.1"], origin);
  rmSync(tools, { recursive: true });
  renameSync(fresh, out);
  return out;
}
