/**
 * Go's standard library: the test programs of the installed Go, built for linux/riscv64 without cgo, each top-level test in a
 * process of its own. The machine has the package's folder (sources and testdata) as the working directory, as under `go test`,
 * Debian's static busybox for the commands that tests run, and no go command.
 */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { busyboxRoot } from "../busybox/root.ts";
import type { RunResult } from "../oracle/sandbox.ts";
import { qemuEngine } from "./engine.ts";
import { BuildError, type Case, endOf, lineOf, type Program, type Suite, type Verdict } from "./suite.ts";

const run = promisify(execFile);
const OUT = join(import.meta.dirname, "../../build/conformance");

/** In the order in which they are run and reported. */
const PACKAGES = [
  ...["io", "bufio", "os", "os/exec", "os/signal", "syscall", "time", "sync", "sync/atomic", "context"],
  ...["path/filepath", "io/fs", "reflect", "strconv", "sort", "archive/tar", "runtime"],
];

const targetEnv = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...{ GOOS: "linux", GOARCH: "riscv64", CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" },
});

interface Installed {
  readonly version: string;
  readonly root: string;
}

let installed: Promise<Installed> | undefined;
function go(): Promise<Installed> {
  installed ??= run("go", ["env", "GOVERSION", "GOROOT"]).then(({ stdout }) => {
    const [version = "", root = ""] = stdout.trim().split("\n");
    return { version, root };
  });
  return installed;
}

/** Applets of busybox that tests start by name, or look for. */
const COMMANDS = [
  ...["busybox", "sh", "cat", "echo", "ls", "date", "hostname", "sleep", "true", "false", "env", "pwd", "ps", "kill"],
  ...["mkdir", "rm", "touch", "uname", "id", "head", "tail", "wc", "grep", "ln", "stat"],
];

const roots = new Map<string, Promise<string>>();
/** The root folder that a package's tests see: commands, /etc with what tests read there, /go with the package's folder. */
function machineRoot(pkg: string): Promise<string> {
  let folder = roots.get(pkg);
  if (folder === undefined) {
    folder = makeRoot(pkg);
    roots.set(pkg, folder);
  }
  return folder;
}

async function makeRoot(pkg: string): Promise<string> {
  const found = await busyboxRoot();
  if ("missing" in found) throw new Error(found.missing);
  const { version, root: goroot } = await go();
  const folder = join(OUT, `${version}-${basename(found.root)}`, pkg.replaceAll("/", "_"));
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${process.pid}`;
  for (const name of ["bin", "etc", "usr/bin", "go/src"]) mkdirSync(join(fresh, name), { recursive: true });
  for (const name of COMMANDS) {
    cpSync(join(found.root, "bin", name), join(fresh, "bin", name), { verbatimSymlinks: true });
    symlinkSync(`../../bin/${name}`, join(fresh, "usr/bin", name));
  }
  for (const name of ["passwd", "group"]) cpSync(join(found.root, "etc", name), join(fresh, "etc", name));
  writeFileSync(join(fresh, "etc/hosts"), "127.0.0.1\tlocalhost\n");
  for (const name of ["VERSION", "lib/time", `src/${pkg}`]) {
    const from = join(goroot, name);
    cpSync(from, join(fresh, "go", name), { recursive: true, filter: (path) => path === from || isPlain(path, from) });
  }
  renameSync(fresh, folder);
  return folder;
}

/** Whether a path below a package's folder is of the package itself: testdata, or beside its sources (a folder there without what is in it). */
function isPlain(path: string, folder: string): boolean {
  const [, first = "", ...rest] = path.slice(folder.length).split("/");
  return first === "testdata" || rest.length === 0;
}

const binaryName = (pkg: string): string => `${basename(pkg)}.test`;

const built = new Map<string, Promise<string>>();
/** Builds a package's test program into its folder of the machine's root; returns the host path. */
function binary(pkg: string): Promise<string> {
  let path = built.get(pkg);
  if (path === undefined) {
    path = (async () => {
      const out = join(await machineRoot(pkg), "go/src", pkg, binaryName(pkg));
      if (existsSync(out)) return out;
      const folder = join(OUT, "go-build");
      mkdirSync(folder, { recursive: true });
      const fresh = join(folder, `${pkg.replaceAll("/", "_")}.${process.pid}`);
      try {
        await run("go", ["test", "-c", "-o", fresh, pkg], { env: targetEnv(), cwd: (await go()).root });
      } catch (error) {
        throw new BuildError(`${pkg}: ${(error as { stderr?: string }).stderr ?? (error as Error).message}`);
      }
      renameSync(fresh, out);
      return out;
    })();
    built.set(pkg, path);
  }
  return path;
}

/**
 * The names of a package's top-level tests, of the files that are built for linux/riscv64, examples and benchmarks left out.
 * Read from the sources, so that the program need not be built to know them.
 */
async function tests(pkg: string): Promise<string[]> {
  const { stdout } = await run("go", ["list", "-json=Dir,TestGoFiles,XTestGoFiles", pkg], { env: targetEnv() });
  const listed = JSON.parse(stdout) as { Dir: string; TestGoFiles?: string[]; XTestGoFiles?: string[] };
  const names = [...(listed.TestGoFiles ?? []), ...(listed.XTestGoFiles ?? [])].flatMap((file) =>
    [
      ...readFileSync(join(listed.Dir, file), "utf8").matchAll(
        /^func (Test(?:[^a-z(]\w*)?)\(\w+ \*(?:testing\.)?T\)/gm,
      ),
    ].map((match) => match[1] ?? ""),
  );
  return names.sort();
}

function judge(one: Case, result: RunResult): { verdict: Verdict; why: string } {
  const text = `${result.stdout}\n${result.stderr}`;
  const end = new RegExp(`^--- (PASS|FAIL|SKIP): ${one.name} `, "m").exec(text)?.[1];
  if (end === "SKIP") return { verdict: "skip", why: lineOf(text, /^\s+\w+\.go:\d+: /).replace(/^\w+\.go:\d+: /, "") };
  if (end === "PASS" && result.code === 0) return { verdict: "pass", why: "" };
  const said = lineOf(text, /^\s+\w+\.go:\d+: |^panic: |^fatal error: /);
  return { verdict: "fail", why: said === "" ? endOf(result) : said };
}

export const goSuite: Suite = {
  name: "go",
  title: "Go's standard library",
  memory: 2048,
  oracle: qemuEngine,
  async missing() {
    const found = await busyboxRoot();
    return "missing" in found ? found.missing : null;
  },
  version: async () => (await go()).version,
  async cases() {
    const lists = await Promise.all(PACKAGES.map(async (group) => ({ group, names: await tests(group) })));
    return lists.flatMap(({ group, names }) => names.map((name) => ({ group, name })));
  },
  async program(one): Promise<Program> {
    await binary(one.group);
    const folder = `/go/src/${one.group}`;
    return {
      file: `guest:${folder}/${binaryName(one.group)}`,
      args: [`-test.run=^${one.name}$`, "-test.v", "-test.count=1"],
      options: {
        root: await machineRoot(one.group),
        cwd: folder,
        env: { PATH: "/bin", HOME: "/tmp", TMPDIR: "/tmp", USER: "root", GOROOT: "/go", LC_ALL: "C", PWD: folder },
      },
    };
  },
  judge,
};
