import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { repeat } from "./flaky.ts";
import { changesOf, functionsAt, nameOf, planOf, testsAt } from "./flaky-plan.ts";

const FILE = `import { test } from "vitest";
const helper = 1;
describe("a group", () => {
  test("first", () => {
    expect(1).toBe(1);
  });
  test("second", () => {
    expect(helper).toBe(1);
  });
});
for (const n of [1, 2]) {
  test(\`number \${n}\`, () => {
    expect(n).toBeLessThan(3);
  });
}
test.each([1, 2])("each %i", (n) => {
  expect(n).toBeLessThan(3);
});
`;

const GO = `package a

import (
	"testing"
)

// TestOne is one.
func TestOne(t *testing.T) {
	help(t)
}

func help(t *testing.T) {
	t.Helper()
}

func FuzzTwo(f *testing.F) {
	f.Add(1)
}
`;

describe("what a diff has changed", () => {
  test("the new lines of each hunk, and the place of what is gone", () => {
    const diff = [
      "diff --git a/x.test.ts b/x.test.ts",
      "--- a/x.test.ts",
      "+++ b/x.test.ts",
      "@@ -3 +3,2 @@ describe",
      "+a",
      "+b",
      "@@ -9,2 +10,0 @@",
      "-gone",
      "diff --git a/y_test.go b/y_test.go",
      "+++ b/y_test.go",
      "@@ -0,0 +1 @@",
    ].join("\n");
    expect(changesOf(diff)).toEqual([
      { file: "x.test.ts", lines: new Set([3, 4, 10]) },
      { file: "y_test.go", lines: new Set([1]) },
    ]);
  });

  test("of a TypeScript file the tests around the lines", () => {
    expect(testsAt(FILE, new Set([5, 8]))).toEqual([4, 7]);
    expect(testsAt(FILE, new Set([4]))).toEqual([4]);
  });

  test("the whole file for a helper, and for a test that has no line of its own", () => {
    for (const line of [2, 13, 17]) expect(testsAt(FILE, new Set([5, line]))).toBeUndefined();
  });

  test("of a Go file the functions around the lines, all for a helper", () => {
    expect(functionsAt(GO, new Set([7, 8, 9, 4]))).toEqual(["TestOne"]);
    expect(functionsAt(GO, new Set([17, 9]))).toEqual(["FuzzTwo", "TestOne"]);
    expect(functionsAt(GO, new Set([13]))).toBeUndefined();
  });

  test("units: a file, a package with what its files name together, a guest in Node and in Chromium", () => {
    const files: Record<string, string> = {
      "a/x.test.ts": FILE,
      "k/a/one_test.go": GO,
      "k/a/two_test.go": GO,
      "test/guests/pipes.c": "",
      "test/guests/dirs.c": "",
      "test/chromium.test.ts": 'const GUESTS = ["pipes"];',
    };
    const change = (file: string, ...lines: number[]) => ({ file, lines: new Set(lines) });
    const units = planOf(
      [
        change("a/x.test.ts", 5),
        change("k/a/one_test.go", 9),
        change("k/a/two_test.go", 17),
        change("test/guests/pipes.c", 1),
        change("test/guests/dirs.c", 1),
        change("gone.test.ts", 1),
      ],
      (file) => files[file],
    );
    expect(units.map(nameOf)).toEqual([
      "a/x.test.ts:4",
      'test/guests.test.ts -t "^C guests.* pipes,"',
      'test/chromium.test.ts -t "\\\\bpipes\\\\b"',
      'test/guests.test.ts -t "^C guests.* dirs,"',
      "k/a FuzzTwo TestOne",
    ]);
  });
});

describe("a command that is repeated", () => {
  const folder = mkdtempSync(join(tmpdir(), "flaky-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("one that fails every third time is told from one that passes, with what it said", async () => {
    const counter = join(folder, "count");
    writeFileSync(counter, "0");
    const script = `const { readFileSync, writeFileSync } = require("node:fs");
      const n = Number(readFileSync(${JSON.stringify(counter)}, "utf8")) + 1;
      writeFileSync(${JSON.stringify(counter)}, String(n));
      if (n % 3 === 0) { console.log("the third"); process.exit(1); }`;
    const log = join(folder, "log");
    const outcome = await repeat({ argv: [process.execPath, "-e", script], cwd: folder }, 7, log);
    expect(outcome).toMatchObject({ passed: 5, times: 7, log });
    expect(readFileSync(log, "utf8")).toContain("the third");
    expect(outcome.ms).toHaveLength(7);
  });

  test("a program that is not there fails every time", async () => {
    const outcome = await repeat({ argv: [join(folder, "none")], cwd: folder }, 2, join(folder, "log2"));
    expect(outcome.passed).toBe(0);
  });
});
