/** Reads what test runners report: cases passed, skipped, and the failures with their output. */

export interface Failure {
  readonly name: string;
  readonly text: string;
}

/** A case that its runner left out, and why it says so. */
export interface Skip {
  readonly name: string;
  readonly reason: string;
}

export interface Report {
  readonly passed: number;
  readonly skipped: number;
  /** Of runners that report reasons. */
  readonly skips?: readonly Skip[];
  readonly failures: readonly Failure[];
}

/** `exit`: nothing but the exit code counts. `tap`: Test Anything Protocol, flat. */
export type Format = "exit" | "go-json" | "vitest-json" | "tap";

export const parsers: Readonly<Record<Format, (text: string) => Report>> = {
  exit: () => ({ passed: 0, skipped: 0, failures: [] }),
  "go-json": parseGo,
  "vitest-json": parseVitest,
  tap: parseTap,
};

interface GoEvent {
  readonly Action?: string;
  readonly Package?: string;
  readonly ImportPath?: string;
  readonly Test?: string;
  readonly Output?: string;
  readonly FailedBuild?: string;
}

/**
 * `go test -json` (go doc test2json). Leaves count as cases: a test with subtests is only
 * their sum, unless it fails while all of them pass. A package that fails without a failed
 * test (it does not compile, or panics outside a test) is one failure.
 */
function parseGo(text: string): Report {
  const output = new Map<string, string>();
  const ends = new Map<string, string>();
  const packages = new Map<string, string>();
  const parents = new Set<string>();
  const builds = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const event = parseLine(line);
    if (event === undefined) continue;
    const { Action: action = "", Package: pkg = event.ImportPath ?? "", Test: test } = event;
    const key = test === undefined ? pkg : `${pkg} ${test}`;
    if (action === "output" || action === "build-output") {
      output.set(key, (output.get(key) ?? "") + (event.Output ?? ""));
    } else if (action === "pass" || action === "fail" || action === "skip") {
      (test === undefined ? packages : ends).set(key, action);
      if (event.FailedBuild !== undefined) builds.set(key, event.FailedBuild);
    } else if (action === "run" && test !== undefined) {
      ends.set(key, "run");
    }
    for (
      let slash = test?.lastIndexOf("/") ?? -1;
      test !== undefined && slash > 0;
      slash = test.lastIndexOf("/", slash - 1)
    ) {
      parents.add(`${pkg} ${test.slice(0, slash)}`);
    }
  }
  let passed = 0;
  const skips: Skip[] = [];
  const failures: Failure[] = [];
  const failedBelow = (prefix: string) => failures.some((failure) => failure.name.startsWith(prefix));
  // Subtests first: only then is known whether a failed parent has a failure of its own.
  const cases = [...ends].sort(([a], [b]) => b.split("/").length - a.split("/").length);
  for (const [name, end] of cases) {
    if (parents.has(name)) {
      if (end === "fail" && !failedBelow(`${name}/`)) failures.push({ name, text: output.get(name) ?? "" });
    } else if (end === "pass") passed++;
    else if (end === "skip") skips.push({ name, reason: skipReason(output.get(name) ?? "") });
    else failures.push({ name, text: output.get(name) ?? "" }); // failed, or never ended
  }
  for (const [name, end] of packages) {
    if (end !== "fail" || failedBelow(`${name} `)) continue;
    const build = builds.get(name);
    failures.push({ name, text: (build === undefined ? "" : (output.get(build) ?? "")) + (output.get(name) ?? "") });
  }
  return { passed, skipped: skips.length, skips, failures };
}

/** What a test said last before it was left out: "    x_test.go:7: no qemu". */
function skipReason(output: string): string {
  return [...output.matchAll(/^\s+\w+\.go:\d+: (.*)$/gm)].at(-1)?.[1] ?? "";
}

/** Skips that the list does not allow, as failures. A listed name also allows the tests below it. */
export function unlisted(skips: readonly Skip[], list: readonly { test: string; reason: string }[]): Failure[] {
  const allowed = ({ name, reason }: Skip): boolean =>
    list.some((entry) => entry.reason === reason && (name === entry.test || name.startsWith(`${entry.test}/`)));
  return skips
    .filter((skip) => !allowed(skip))
    .map(({ name, reason }) => ({ name, text: `skipped for a reason that test/skips.json does not list: ${reason}` }));
}

function parseLine(line: string): GoEvent | undefined {
  try {
    return JSON.parse(line) as GoEvent;
  } catch {
    return undefined; // Not of the protocol: a compiler's or linker's own words.
  }
}

interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

/** Vitest's (Jest's) JSON report. A file that fails to load is one failure. */
function parseVitest(text: string): Report {
  if (text === "") return { passed: 0, skipped: 0, failures: [] };
  const report = JSON.parse(text) as VitestReport;
  let passed = 0;
  let skipped = 0;
  const failures: Failure[] = [];
  for (const file of report.testResults) {
    const before = failures.length;
    for (const test of file.assertionResults) {
      if (test.status === "passed") passed++;
      else if (test.status === "failed") {
        failures.push({ name: `${file.name}: ${test.fullName}`, text: (test.failureMessages ?? []).join("\n") });
      } else skipped++;
    }
    if (file.status === "failed" && failures.length === before) {
      failures.push({ name: file.name, text: file.message ?? "" });
    }
  }
  return { passed, skipped, failures };
}

/** TAP 12 to 14 without subtests: `ok`, `not ok`, `# SKIP`, `# TODO`, `Bail out!`, and the plan. */
function parseTap(text: string): Report {
  let passed = 0;
  let skipped = 0;
  let planned: number | undefined;
  const failures: { name: string; text: string }[] = [];
  let failing: { name: string; text: string } | undefined;
  for (const line of text.split("\n")) {
    const plan = /^1\.\.(\d+)/.exec(line);
    const result = /^(not )?ok\b\s*\d*\s*(?:- )?(.*?)(?:\s*#\s*(SKIP|TODO)\b.*)?$/i.exec(line);
    if (plan !== null) planned = Number(plan[1]);
    else if (result !== null) {
      failing = undefined;
      if (result[3] !== undefined) skipped++;
      else if (result[1] === undefined) passed++;
      else {
        failing = { name: result[2] ?? "", text: "" };
        failures.push(failing);
      }
    } else if (line.startsWith("Bail out!")) failures.push({ name: "Bail out", text: line });
    else if (failing !== undefined) failing.text += `${line}\n`;
  }
  const seen = passed + skipped + failures.length;
  if (planned !== undefined && planned !== seen) {
    failures.push({ name: "plan", text: `${planned} cases were planned, ${seen} reported` });
  }
  return { passed, skipped, failures };
}
