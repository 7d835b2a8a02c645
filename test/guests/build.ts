/**
 * Builds the riscv64 guests: C programs of test/guests, test/guests/bench and bench/guests with Debian's cross compiler and
 * static glibc, Go programs of test/guests/go. Each lands in build/guests/NAME and is built again only when its sources,
 * the flags or the compiler have changed. `node test/guests/build.ts [NAME…]` builds the named ones, or all.
 */
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../..");
const OUT = join(ROOT, "build/guests");
const COMPILER = "riscv64-linux-gnu-gcc";
const run = promisify(execFile);

// Guests misuse the kernel on purpose; these warnings are about nothing else.
const C_FLAGS = [
  ...["-O2", "-Wall", "-Wextra", "-Werror", "-pthread"],
  ...["stringop-overflow", "stringop-overread", "nonnull", "array-bounds", "unused-result", "infinite-recursion"].map(
    (name) => `-Wno-${name}`,
  ),
];
/** Programs without a libc that are linked in a way of their own. */
const LINK_FLAGS: Readonly<Record<string, readonly string[]>> = {
  pie: ["-nostdlib", "-fPIE", "-Wl,-pie,--no-dynamic-linker"],
};
const C_FOLDERS = ["test/guests", "test/guests/bench", "bench/guests"];
const GO_FOLDER = "test/guests/go";

interface Guest {
  readonly name: string;
  /** Relative to the repository: a C file, or the folder of a Go package. */
  readonly source: string;
}

/** All guests: C programs by their file's name (those of a bench folder as "bench-NAME"), Go programs as "go-NAME". */
export function guestList(): Guest[] {
  const list: Guest[] = [];
  for (const folder of C_FOLDERS) {
    if (!existsSync(join(ROOT, folder))) continue;
    const prefix = folder === "test/guests" ? "" : "bench-";
    for (const file of readdirSync(join(ROOT, folder)).sort()) {
      if (file.endsWith(".c")) list.push({ name: prefix + file.slice(0, -2), source: join(folder, file) });
    }
  }
  for (const entry of readdirSync(join(ROOT, GO_FOLDER), { withFileTypes: true })) {
    if (entry.isDirectory()) list.push({ name: `go-${entry.name}`, source: join(GO_FOLDER, entry.name) });
  }
  return list;
}

/** What is missing on this machine to build guests, in one sentence; null when nothing is. */
export function missingTool(name = ""): string | null {
  const tool = name.startsWith("go-") ? "go" : COMPILER;
  const found = (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, tool)));
  return found ? null : `${tool} is missing: run "make setup"`;
}

let versions: Map<string, string> | undefined;
function compilerVersion(command: string, args: string[]): string {
  versions ??= new Map();
  const known = versions.get(command);
  if (known !== undefined) return known;
  const text = execFileSync(command, args, { encoding: "utf8" });
  versions.set(command, text);
  return text;
}

function fingerprint(guest: Guest, command: readonly string[], version: string): string {
  const hash = createHash("sha256").update(version).update(JSON.stringify(command));
  const path = join(ROOT, guest.source);
  const files = guest.source.endsWith(".c")
    ? [path, ...headers(dirname(path))]
    : [join(dirname(path), "go.mod"), ...readdirSync(path).map((file) => join(path, file))];
  for (const file of files) hash.update(basename(file)).update(readFileSync(file));
  return hash.digest("hex");
}

function headers(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".h"))
    .sort()
    .map((file) => join(folder, file));
}

/** Builds one guest if it must be, and returns the path of the program. */
export async function guest(name: string): Promise<string> {
  const found = guestList().find((entry) => entry.name === name);
  if (!found) throw new Error(`there is no guest "${name}"; build.ts lists them`);
  const missing = missingTool(name);
  if (missing) throw new Error(missing);
  const isC = found.source.endsWith(".c");
  const out = join(OUT, name);
  const stamp = join(OUT, `.${name}.sha256`);
  const source = join(ROOT, found.source);
  const command = isC
    ? [COMPILER, ...C_FLAGS, ...(LINK_FLAGS[name] ?? ["-static"])]
    : ["go", "build", "-trimpath", "-ldflags=-s -w"];
  const version = isC ? compilerVersion(COMPILER, ["--version"]) : compilerVersion("go", ["version"]);
  const print = fingerprint(found, command, version);
  if (existsSync(out) && existsSync(stamp) && readFileSync(stamp, "utf8") === print) return out;
  mkdirSync(OUT, { recursive: true });
  // Built beside and renamed: several test processes may build the same guest at once.
  const fresh = join(OUT, `.${name}.${process.pid}`);
  const [program = "", ...args] = command;
  try {
    if (isC) await run(program, [...args, source, "-lm", "-o", fresh]);
    else
      await run(program, [...args, "-o", fresh, `./${basename(source)}`], {
        cwd: dirname(source),
        env: { ...process.env, GOOS: "linux", GOARCH: "riscv64", CGO_ENABLED: "0", GOFLAGS: "" },
      });
  } catch (error) {
    throw new Error(`${name}: ${(error as { stderr?: string }).stderr || (error as Error).message}`);
  }
  renameSync(fresh, out);
  // Renamed, too: a checkout whose build folder is a hard link of another's must not be told that it has this one.
  writeFileSync(fresh, print);
  renameSync(fresh, stamp);
  return out;
}

if (import.meta.main) {
  const names = process.argv.slice(2);
  for (const entry of names.length ? names : guestList().map((one) => one.name)) console.log(await guest(entry));
}
