/**
 * `tools/flaky [OPTION…] [REVISION]`: runs the tests that changed since a revision (default: the one before the last commit) again
 * and again beside busy loops, and says which do not pass every time. Changed are test files of TypeScript and Go and the
 * guests of test/guests, of each the tests that hold changed lines, with what is not committed yet.
 *
 *   --times N     how often each is run (default 20)
 *   --busy N      busy loops beside them (default 2)
 *   --project P   of vitest's projects only this one (node, chromium)
 *   --list        say what would be run
 *   --help        this text
 *
 * The output of runs that failed is under build/flaky. Exit code 1 when a test is unsteady, 2 for bad arguments.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { changesOf, nameOf, planOf, type Unit } from "./flaky-plan.ts";

const ROOT = join(import.meta.dirname, "..");
const OUT = join(ROOT, "build/flaky");
const USAGE = /^ \* ?(.*)$/gm;

/** A run that takes longer is stopped and counts as failed. */
const LIMIT_MS = 20 * 60_000;

interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
}

interface Outcome {
  readonly passed: number;
  readonly times: number;
  readonly ms: readonly number[];
  /** Where the output of the first failure is. */
  readonly log?: string;
}

function git(...args: string[]): string {
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 });
}

/** The diff of all that is changed or new, against a revision. */
function diffSince(revision: string): string {
  const paths = ["*.test.ts", "*_test.go", "test/guests/*.c"];
  const fresh = git("ls-files", "--others", "--exclude-standard", "--", ...paths)
    .split("\n")
    .filter(Boolean);
  const whole = (file: string): string => {
    const count = readFileSync(join(ROOT, file), "utf8").split("\n").length;
    return `+++ b/${file}\n@@ -0,0 +1,${count} @@\n`;
  };
  return git("diff", "--unified=0", "--no-color", revision, "--", ...paths) + fresh.map(whole).join("");
}

/** How a unit is run once; a Go package is built before. */
function commandOf(unit: Unit, project: string | undefined): Command {
  if (unit.runner === "vitest") {
    const files = unit.lines.length === 0 ? [unit.file] : unit.lines.map((line) => `${unit.file}:${line}`);
    const only = project === undefined ? [] : [`--project=${project}`];
    const pattern = unit.pattern === undefined ? [] : ["-t", unit.pattern];
    return { argv: ["npx", "vitest", "run", ...only, ...files, ...pattern], cwd: ROOT };
  }
  const program = join(OUT, `${unit.package.replaceAll("/", "-")}.test`);
  const kernel = join(ROOT, "kernel-go");
  const within = relative(kernel, join(ROOT, unit.package));
  execFileSync("go", ["test", "-race", "-tags", "paranoid", "-c", "-o", program, `./${within}`], {
    cwd: kernel,
    stdio: "inherit",
  });
  const run = unit.functions.length === 0 ? [] : ["-test.run", `^(${unit.functions.join("|")})$`];
  return { argv: [program, ...run], cwd: join(ROOT, unit.package) };
}

/** Runs a command once: how long it took, and what it said when it failed. */
async function once({ argv: [program, ...args], cwd }: Command): Promise<{ ms: number; said?: string }> {
  const started = performance.now();
  const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, CI: "1" } });
  const out: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => out.push(part));
  child.stderr.on("data", (part: Buffer) => out.push(part));
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const code = await new Promise<number | null>((done) => {
    child.on("error", (error) => {
      out.push(Buffer.from(String(error)));
      done(null);
    });
    child.on("close", done);
  });
  clearTimeout(timer);
  const ms = performance.now() - started;
  return code === 0 ? { ms } : { ms, said: `${program} ${args.join(" ")}: exit code ${code}\n${Buffer.concat(out)}` };
}

/** Runs a command so many times, to the end, whatever fails. */
export async function repeat(command: Command, times: number, log: string): Promise<Outcome> {
  const ms: number[] = [];
  let passed = 0;
  let kept: string | undefined;
  for (let k = 0; k < times; k++) {
    const run = await once(command);
    ms.push(run.ms);
    if (run.said === undefined) {
      passed++;
    } else if (kept === undefined) {
      writeFileSync(log, run.said);
      kept = log;
    }
  }
  return { passed, times, ms, ...(kept !== undefined && { log: kept }) };
}

function busyLoops(count: number): ChildProcess[] {
  return Array.from({ length: count }, () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));
}

function wrong(text: string): never {
  console.error(`flaky: ${text}; see tools/flaky --help`);
  process.exit(2);
}

function count(name: string, text: string, least: number): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < least)
    wrong(`--${name} wants a whole number from ${least} on, not ${JSON.stringify(text)}`);
  return n;
}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        times: { type: "string", default: "20" },
        busy: { type: "string", default: "2" },
        project: { type: "string" },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    return wrong((error as Error).message.split(". ")[0]!);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = options();
  if (values.help) {
    const text = readFileSync(import.meta.filename, "utf8").split("*/")[0]!;
    console.log(
      [...text.matchAll(USAGE)]
        .map((line) => line[1])
        .join("\n")
        .trim(),
    );
    return;
  }
  const times = count("times", values.times, 1);
  const busy = count("busy", values.busy, 0);
  if (positionals.length > 1) wrong("one revision is enough");
  const revision = positionals[0] ?? "HEAD~1";
  try {
    git("rev-parse", "--verify", "--quiet", `${revision}^{commit}`);
  } catch {
    wrong(`${JSON.stringify(revision)} is no revision`);
  }
  const read = (file: string): string | undefined =>
    existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), "utf8") : undefined;
  const units = planOf(changesOf(diffSince(revision)), read);
  if (values.list) {
    for (const unit of units) console.log(nameOf(unit));
    return;
  }
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  const loops = busyLoops(busy);
  const end = (): void => loops.forEach((loop) => void loop.kill("SIGKILL"));
  process.on("exit", end);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  let unsteady = 0;
  for (const [k, unit] of units.entries()) {
    const { passed, ms, log } = await repeat(commandOf(unit, values.project), times, join(OUT, `${k + 1}.log`));
    const seconds = (value: number): string => (value / 1000).toFixed(1);
    const verdict = passed === times ? "steady  " : passed === 0 ? "fails   " : "unsteady";
    if (passed !== times) unsteady++;
    console.log(
      `${verdict} ${passed}/${times}  ${seconds(Math.min(...ms))} to ${seconds(Math.max(...ms))} s  ${nameOf(unit)}`,
    );
    if (log !== undefined) console.log(`         ${relative(ROOT, log)}`);
  }
  console.log(`${units.length - unsteady} steady, ${unsteady} not`);
  process.exitCode = unsteady === 0 ? 0 : 1;
}

if (import.meta.main) await main();
