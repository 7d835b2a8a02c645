/** Which tests a change has touched: from `git diff --unified=0` and the files as they are now. */
import { basename, dirname } from "node:path";
import { ts } from "ts-morph";

/** Changed lines of one file as it is now, from 1. */
export interface Change {
  readonly file: string;
  readonly lines: ReadonlySet<number>;
}

/** What is run again and again as one. */
export type Unit =
  /** A vitest file, or of it the tests that begin at these lines; `pattern` takes those whose full name it matches. */
  | { readonly runner: "vitest"; readonly file: string; readonly lines: readonly number[]; readonly pattern?: string }
  /** Functions of one Go package; none: all of them. */
  | { readonly runner: "go"; readonly package: string; readonly functions: readonly string[] };

/** The new side of each hunk. A deletion counts for the line that it stood before. */
export function changesOf(diff: string): Change[] {
  const changes = new Map<string, Set<number>>();
  let lines = new Set<number>();
  for (const line of diff.split("\n")) {
    const file = /^\+\+\+ b\/(.*)$/.exec(line)?.[1];
    if (file !== undefined) {
      lines = changes.get(file) ?? new Set();
      changes.set(file, lines);
    }
    const hunk = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (hunk === null) continue;
    const from = Math.max(Number(hunk[1]), 1);
    const count = Math.max(Number(hunk[2] ?? "1"), 1);
    for (let k = 0; k < count; k++) lines.add(from + k);
  }
  return [...changes].map(([file, of]) => ({ file, lines: of }));
}

/** The tests that run a guest of test/guests: in Node, and in Chromium where its list has it. */
export function guestTests(
  guest: string,
  read: (file: string) => string | undefined,
): { readonly file: string; readonly pattern: string }[] {
  const tests = [{ file: "test/guests.test.ts", pattern: `^C guests.* ${guest},` }];
  if (read("test/chromium.test.ts")?.includes(`"${guest}"`) === true) {
    tests.push({ file: "test/chromium.test.ts", pattern: `\\b${guest}\\b` });
  }
  return tests;
}

/** The units that changed files make. `read` gives a file's text, undefined when it is gone. */
export function planOf(changes: readonly Change[], read: (file: string) => string | undefined): Unit[] {
  const units: Unit[] = [];
  const go = new Map<string, Set<string> | "all">();
  for (const { file, lines } of changes) {
    const text = read(file);
    if (text === undefined) continue;
    if (file.endsWith(".test.ts")) {
      units.push({ runner: "vitest", file, lines: testsAt(text, lines) ?? [] });
    } else if (file.endsWith("_test.go")) {
      const before = go.get(dirname(file)) ?? new Set<string>();
      const now = functionsAt(text, lines);
      go.set(dirname(file), now === undefined || before === "all" ? "all" : new Set([...before, ...now]));
    } else if (/^test\/guests\/[^/]+\.c$/.test(file)) {
      for (const { file: tests, pattern } of guestTests(basename(file, ".c"), read)) {
        units.push({ runner: "vitest", file: tests, lines: [], pattern });
      }
    }
  }
  for (const [folder, functions] of go) {
    units.push({ runner: "go", package: folder, functions: functions === "all" ? [] : [...functions].sort() });
  }
  return units;
}

/**
 * Lines at which the tests begin that hold changed lines; undefined when a line belongs to none, or to one
 * that is made in a loop or of a table, so that its line names several or none.
 */
export function testsAt(text: string, lines: ReadonlySet<number>): number[] | undefined {
  const source = ts.createSourceFile("file.ts", text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
  const tests: { from: number; to: number; plain: boolean }[] = [];
  const visit = (node: ts.Node, looped: boolean): void => {
    const called = ts.isCallExpression(node) ? rootOf(node.expression) : undefined;
    if (called !== undefined && /^(test|it)\b/.test(called)) {
      const plain = !looped && /^(test|it)(\.(only|fails|concurrent|sequential))*$/.test(called);
      tests.push({ from: lineOf(node.getStart()), to: lineOf(node.getEnd()), plain });
      return;
    }
    const each = called !== undefined && /^describe\b.*\.(each|for)\b/.test(called);
    const loops =
      ts.isIterationStatement(node, false) || (ts.isCallExpression(node) && /\.(forEach|map)$/.test(called ?? ""));
    node.forEachChild((child) => visit(child, looped || loops || each));
  };
  visit(source, false);
  const found = new Set<number>();
  for (const line of lines) {
    const at = tests.find(({ from, to }) => from <= line && line <= to);
    if (at?.plain !== true) return undefined;
    found.add(at.from);
  }
  return [...found].sort((a, b) => a - b);
}

/** `test.skipIf(x)` of `test.skipIf(x)("name", …)` is "test.skipIf()": names with a pair of brackets for each call. */
function rootOf(node: ts.Expression): string | undefined {
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isPropertyAccessExpression(node)) {
    const of = rootOf(node.expression);
    return of === undefined ? undefined : `${of}.${node.name.text}`;
  }
  if (ts.isCallExpression(node)) {
    const of = rootOf(node.expression);
    return of === undefined ? undefined : `${of}()`;
  }
  return undefined;
}

/** Test functions that hold changed lines; undefined when a line lies in another function, which any test may call. */
export function functionsAt(text: string, lines: ReadonlySet<number>): string[] | undefined {
  const found = new Set<string>();
  let name: string | undefined;
  let other = false;
  const all = text.split("\n");
  const owner: (string | undefined)[] = [];
  for (const [k, line] of all.entries()) {
    const begins = /^func (?:\([^)]*\) )?(\w+)/.exec(line)?.[1];
    if (begins !== undefined) name = begins;
    owner[k + 1] = name;
    if (line === "}" || /^func .*\}$/.test(line)) name = undefined;
  }
  for (const line of lines) {
    const of = owner[line];
    if (of !== undefined && /^(Test|Fuzz)/.test(of)) found.add(of);
    // Comments, imports and blank lines between functions change no test.
    else if (of !== undefined || /^(var|const|type|\t)/.test(all[line - 1] ?? ""))
      other = other || !imported(all, line);
  }
  return other ? undefined : [...found].sort();
}

function imported(all: readonly string[], line: number): boolean {
  return /^\t(\w+ )?"[^"]+"$/.test(all[line - 1] ?? "");
}

/** What a unit is called in reports. */
export function nameOf(unit: Unit): string {
  if (unit.runner === "go") return [unit.package, ...unit.functions].join(" ");
  if (unit.pattern !== undefined) return `${unit.file} -t ${JSON.stringify(unit.pattern)}`;
  return unit.lines.length === 0 ? unit.file : unit.lines.map((line) => `${unit.file}:${line}`).join(" ");
}
