/**
 * `node tools/test-all.ts [RUNNER…]`: runs the named runners (default: all), one after the
 * other (some beside the tests in Node), with the time that each took, the failures in full, and the sum alone on the last
 * line: `N passed, N failed`. Exit code 1 when anything failed.
 *
 * A runner is a command and the format in which it reports its cases; a runner that ends
 * with an error without naming a failed case counts as one failed case itself.
 *
 *   --list   print the runners
 *
 * FORESHORE_FUZZ_SECONDS: how long each fuzz target is run (default 60).
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Failure, type Format, parsers, type Report, unlisted } from "./test-reports.ts";

const ROOT = join(import.meta.dirname, "..");
const RESULTS = join(ROOT, "build/test-results");

interface Runner {
  readonly name: string;
  readonly what: string;
  readonly command: readonly string[];
  readonly format: Format;
  /** Folder below the root to run in. */
  readonly cwd?: string;
  /** Where the command leaves its report, when that is not its standard output. */
  readonly report?: string;
  readonly timeoutMinutes: number;
  /** Runs at the same time as this one, where both are wanted; those beside the same one in turn. */
  readonly beside?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How long each fuzz target that takes bad input of others is run. */
const FUZZ_SECONDS = process.env["FORESHORE_FUZZ_SECONDS"] ?? "60";
/** Where fuzz targets leave how often they were executed, a line each. */
const FUZZ_COUNTS = join(RESULTS, "fuzz.txt");
/** Targets of tools/fuzz that take bad input of others: hosts, files, guests. */
const FUZZED = [
  "entries",
  "rewritten",
  "attach",
  "attachment",
  "rings",
  "tables",
  "bfbs",
  "control",
  "syscalls",
  "syscalls-wasm",
];

/** The tests in Node keep one processor busy; what runs beside them has the other, and gives way. */
const GIVES_WAY = ["nice", "-n", "19"];

/** Kernel packages whose code several harts run at once: these also run under the race detector. */
const RACE = ["kmem", "sched", "mm", "pagecache", "vfs", "file", "tty", "proc", "rpc"];

function vitest(project: string): Pick<Runner, "command" | "format" | "report"> {
  const report = join(RESULTS, `vitest-${project}.json`);
  return {
    command: ["vitest", "run", `--project=${project}`, "--reporter=json", `--outputFile=${report}`],
    format: "vitest-json",
    report,
  };
}

function runners(): Runner[] {
  const none = RACE.filter((name) => !hasGoTests(join("kernel-go", name)));
  if (none.length !== 0)
    throw new Error(`the list of packages for the race detector names ${none.join(", ")}: no tests there`);
  const race = RACE.map((name) => `./${name}/...`);
  return [
    {
      name: "kernel",
      what: "kernel.wasm builds without a heap allocation",
      command: ["tools/kernel"],
      format: "exit",
      timeoutMinutes: 5,
    },
    {
      name: "build",
      what: "the workers' script and the npm packages build",
      command: ["node", "tools/build.ts"],
      format: "exit",
      timeoutMinutes: 2,
    },
    {
      name: "fences",
      what: "kernel.wasm still has its atomic fences",
      command: ["node", "tools/check-fences.ts"],
      format: "exit",
      timeoutMinutes: 1,
    },
    {
      name: "go",
      what: "kernel packages, natively",
      command: ["go", "test", "-json", "./..."],
      format: "go-json",
      cwd: "kernel-go",
      timeoutMinutes: 10,
    },
    ...(race.length === 0
      ? []
      : [
          {
            name: "go-race",
            what: "kernel packages that harts share, under the race detector",
            // In a build that checks each use of a slot, too (kernel-go/kmem/paranoid_on.go).
            command: [...GIVES_WAY, "go", "test", "-race", "-tags", "paranoid", "-json", ...race],
            format: "go-json" as const,
            cwd: "kernel-go",
            beside: "node",
            timeoutMinutes: 20,
          },
        ]),
    { name: "node", what: "TypeScript in Node", ...vitest("node"), timeoutMinutes: 30 },
    {
      name: "fuzz",
      what: "what takes bytes of others, fuzzed",
      command: [...GIVES_WAY, "tools/fuzz", FUZZ_SECONDS, ...FUZZED],
      format: "exit",
      beside: "node",
      env: { FORESHORE_FUZZ_COUNTS: FUZZ_COUNTS },
      timeoutMinutes: 30,
    },
    { name: "chromium", what: "TypeScript in Chromium", ...vitest("chromium"), timeoutMinutes: 15 },
  ];
}

function hasGoTests(folder: string): boolean {
  const path = join(ROOT, folder);
  return existsSync(path) && readdirSync(path, { recursive: true }).some((name) => String(name).endsWith("_test.go"));
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

async function run(runner: Runner): Promise<Outcome> {
  const [command = "", ...args] = runner.command;
  // A process group of its own, so that a time limit also ends what the runner started.
  const child = spawn(command, args, {
    cwd: join(ROOT, runner.cwd ?? "."),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: { ...process.env, ...runner.env, NO_COLOR: "1" },
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const killGroup = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup();
  }, runner.timeoutMinutes * 60_000);
  const interrupted = () => {
    killGroup();
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  const code = await new Promise<number>((resolve) => {
    child.on("error", (error) => {
      err.push(Buffer.from(`${error.message}\n`));
      resolve(127);
    });
    child.on("close", (status) => resolve(status ?? 128));
  });
  clearTimeout(timer);
  process.removeListener("SIGINT", interrupted);
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), timedOut };
}

interface AllowedSkip {
  readonly test: string;
  readonly reason: string;
}

function allowedSkips(): AllowedSkip[] {
  return JSON.parse(readFileSync(join(ROOT, "test/skips.json"), "utf8")) as AllowedSkip[];
}

const GO_MODULE = "foreshore.dev/kernel/";

/** Entries of the list for Go tests whose reason no test of that package gives any more. */
function unusedSkips(): Failure[] {
  return allowedSkips()
    .filter(({ test }) => test.startsWith(GO_MODULE))
    .filter(({ test, reason }) => {
      const folder = join(ROOT, "kernel-go", test.slice(GO_MODULE.length).split(" ")[0] ?? "");
      const tests = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith("_test.go")) : [];
      return !tests.some((name) => readFileSync(join(folder, name), "utf8").includes(JSON.stringify(reason)));
    })
    .map(({ test, reason }) => ({
      name: test,
      text: `test/skips.json lists a reason that is given nowhere: ${reason}`,
    }));
}

function judge(runner: Runner, outcome: Outcome): Report {
  let text = outcome.stdout;
  if (runner.report !== undefined) text = existsSync(runner.report) ? readFileSync(runner.report, "utf8") : "";
  const report = parsers[runner.format](text);
  const failures = [...report.failures, ...unlisted(report.skips ?? [], allowedSkips())];
  if (runner.name === "go") failures.push(...unusedSkips());
  if (runner.format === "exit" && outcome.code === 0) return { passed: 1, skipped: 0, failures };
  if (outcome.timedOut) {
    failures.push({ name: runner.name, text: `no end within ${runner.timeoutMinutes} minutes` });
  } else if (outcome.code !== 0 && failures.length === 0) {
    const said = (
      outcome.stderr + (runner.report === undefined && runner.format !== "exit" ? "" : outcome.stdout)
    ).trim();
    failures.push({ name: runner.name, text: `${runner.command.join(" ")}: exit code ${outcome.code}\n${said}` });
  }
  return { passed: report.passed, skipped: report.skipped, failures };
}

/** What the fuzz targets say. */
function fuzzCounts(): string[] {
  if (!existsSync(FUZZ_COUNTS)) return [];
  const lines = readFileSync(FUZZ_COUNTS, "utf8").trimEnd().split("\n");
  rmSync(FUZZ_COUNTS);
  return lines;
}

interface Timed {
  readonly runner: Runner;
  readonly report: Report;
  readonly seconds: number;
}

async function inTurn(wanted: readonly Runner[]): Promise<Timed[]> {
  const ended: Timed[] = [];
  for (const runner of wanted) {
    const start = performance.now();
    const report = judge(runner, await run(runner));
    ended.push({ runner, report, seconds: (performance.now() - start) / 1000 });
  }
  return ended;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: "boolean" } } });
  const all = runners();
  if (values.list === true) {
    for (const runner of all) console.log(`${runner.name.padEnd(10)} ${runner.what}`);
    return 0;
  }
  const unknown = positionals.filter((name) => !all.some((runner) => runner.name === name));
  if (unknown.length > 0) {
    console.error(`no such runner: ${unknown.join(", ")}; there are: ${all.map((runner) => runner.name).join(", ")}`);
    return 2;
  }
  const wanted = positionals.length === 0 ? all : all.filter((runner) => positionals.includes(runner.name));
  rmSync(RESULTS, { recursive: true, force: true });
  mkdirSync(RESULTS, { recursive: true });

  let passed = 0;
  let failed = 0;
  const isBeside = (runner: Runner): boolean => wanted.some(({ name }) => name === runner.beside);
  for (const first of wanted.filter((runner) => !isBeside(runner))) {
    const others = wanted.filter(({ beside }) => beside === first.name);
    for (const { runner, report, seconds } of (await Promise.all([inTurn([first]), inTurn(others)])).flat()) {
      const skipped = report.skipped === 0 ? "" : `, ${report.skipped} skipped`;
      const result = `${report.passed} passed, ${report.failures.length} failed${skipped} (${seconds.toFixed(1)} s)`;
      console.log(`${runner.name.padEnd(10)} ${runner.what} … ${result}`);
      if (runner.name === "fuzz") for (const line of fuzzCounts()) console.log(`  ${line}`);
      for (const failure of report.failures) {
        console.log(`  FAIL ${failure.name}`);
        for (const line of failure.text.trimEnd().split("\n").slice(-60)) console.log(`    ${line}`);
      }
      passed += report.passed;
      failed += report.failures.length;
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
