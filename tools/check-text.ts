/**
 * What no committed file may hold: hosts of package registries, paths of one machine; and
 * what must not be overlooked: Go file names that end in a word which Go reads as a build
 * constraint, files past 600 lines that are neither a table nor a test nor generated.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { sourceFiles } from "./source-files.ts";

const ROOT = join(import.meta.dirname, "..");
const MAX_LINES = 600;

// Put together here, so that this file passes its own check.
const host = (...parts: readonly string[]) => parts.join("\\.");
const HOSTS = [
  host("registry", "npmjs", "(org|com)"),
  host("registry", "yarnpkg", "com"),
  host("proxy", "golang", "org"),
  host("sum", "golang", "org"),
  host("(files|upload)", "pythonhosted", "org"),
  host("(\\bwww|\\b)pypi", "org"),
  host("(deb|ftp|security|snapshot)", "debian", "org"),
  host("static", "crates", "io"),
];
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [new RegExp(HOSTS.join("|"), "i"), "names a package registry's host"],
  [new RegExp(`(^|[\\s"'\`=(:])/(${["wo" + "rk", "fa" + "rm"].join("|")}|${"tmp"}/w)/`), "names a path of one machine"],
];

/** Words that Go takes for an operating system or an architecture at the end of a file name (go/build). */
const GO_SUFFIX =
  /_(aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|solaris|wasip1|windows|zos|386|amd64|arm|arm64|loong64|mips|mips64|mips64le|mipsle|ppc64|ppc64le|riscv|riscv64|s390x|sparc|sparc64|wasm)(_test)?\.go$/;

/** Long files that are tables: a line per row, read by looking up. */
const TABLES = /(^|\/)(table|tables|syscalls?_table|ops|insn)\.(go|ts)$/;

const problems: string[] = [];
for (const path of sourceFiles(ROOT)) {
  if (path === "package-lock.json" || /\.(png|wasm|bfbs|elf|tar|gz|zst|xz)$/.test(path)) continue;
  if (GO_SUFFIX.test(basename(path))) {
    problems.push(`${path}: Go reads the end of this name as a build constraint; put the architecture first`);
  }
  const text = readFileSync(join(ROOT, path), "utf8");
  const lines = text.split("\n");
  lines.forEach((line, index) => {
    for (const [pattern, why] of FORBIDDEN) if (pattern.test(line)) problems.push(`${path}:${index + 1}: ${why}`);
  });
  const code = /\.(go|ts)$/.test(path) && !/_test\.go$|\.test\.ts$/.test(path);
  const generated = /^\/\/ Code generated /m.test(text.slice(0, 400));
  if (
    code &&
    !generated &&
    !TABLES.test(path) &&
    lines.length > MAX_LINES &&
    !/\bA table\b/i.test(text.slice(0, 400))
  ) {
    problems.push(
      `${path}: ${lines.length} lines; past ${MAX_LINES} split it, unless it is a table ("A table" in its first lines)`,
    );
  }
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
