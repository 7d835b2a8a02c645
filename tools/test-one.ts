/**
 * `node tools/test-one.ts NAME` (`make test T=NAME`): the tests that go by a name, with their output: a guest of test/guests, test
 * files whose path has the name in it, a package of the kernel, test functions in Go. Exit code 1 when one fails, 2 when
 * nothing goes by that name.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { guestTests } from "./flaky-plan.ts";

const ROOT = join(import.meta.dirname, "..");

export interface Run {
  readonly argv: readonly [string, ...string[]];
  /** Folder below the root. */
  readonly cwd: string;
}

/** What a name means among the project's files; `read` gives a file's text. */
export function runsOf(name: string, files: readonly string[], read: (file: string) => string): Run[] {
  const runs: Run[] = [];
  const vitest = (...args: string[]): void => {
    runs.push({ argv: ["npx", "vitest", "run", ...args], cwd: "." });
  };
  if (files.includes(`test/guests/${name}.c`)) {
    for (const { file, pattern } of guestTests(name, read)) vitest("--project=node", file, "-t", pattern);
  }
  const paths = files.filter((file) => file.endsWith(".test.ts") && file.includes(name));
  if (paths.length !== 0) vitest(...paths);
  const packages = new Map<string, string[]>();
  for (const file of files.filter((path) => /^kernel-go\/.*_test\.go$/.test(path))) {
    const within = `./${dirname(file).slice("kernel-go/".length)}`;
    const found = packages.get(within) ?? [];
    if (within === `./${name}` || within.endsWith(`/${name}`)) found.push(".");
    for (const [, test] of read(file).matchAll(/^func (Test\w*)\(/gm)) {
      if (test!.toLowerCase().includes(name.toLowerCase())) found.push(`^${test}$`);
    }
    packages.set(within, found);
  }
  for (const [within, tests] of packages) {
    if (tests.length === 0) continue;
    const only = tests.includes(".") ? "." : tests.join("|");
    runs.push({ argv: ["go", "test", "-run", only, within], cwd: "kernel-go" });
  }
  return runs;
}

if (import.meta.main) {
  const name = process.argv[2] ?? "";
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const runs = name === "" ? [] : runsOf(name, files.split("\n"), (file) => readFileSync(join(ROOT, file), "utf8"));
  if (runs.length === 0) {
    console.error(
      `no test goes by ${JSON.stringify(name)}: a guest (pipes), a part of a test file's path (rings), a package (sched) or a Go test`,
    );
    process.exit(2);
  }
  let failed = 0;
  for (const { argv, cwd } of runs) {
    console.log(`$ ${argv.join(" ")}`);
    if (spawnSync(argv[0], argv.slice(1), { cwd: join(ROOT, cwd), stdio: "inherit" }).status !== 0) failed++;
  }
  process.exit(failed === 0 ? 0 : 1);
}
