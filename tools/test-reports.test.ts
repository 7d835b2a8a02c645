import { describe, expect, test } from "vitest";
import { parsers, unlisted } from "./test-reports.ts";

const events = (...list: readonly object[]) => list.map((event) => JSON.stringify(event)).join("\n");

describe("go test -json", () => {
  const parse = parsers["go-json"];

  test("counts leaves and skips, not the tests above them", () => {
    const report = parse(
      events(
        { Action: "run", Package: "k/a", Test: "TestX" },
        { Action: "run", Package: "k/a", Test: "TestX/one" },
        { Action: "pass", Package: "k/a", Test: "TestX/one" },
        { Action: "run", Package: "k/a", Test: "TestX/two" },
        { Action: "skip", Package: "k/a", Test: "TestX/two" },
        { Action: "pass", Package: "k/a", Test: "TestX" },
        { Action: "pass", Package: "k/a" },
      ),
    );
    expect(report).toEqual({ passed: 1, skipped: 1, skips: [{ name: "k/a TestX/two", reason: "" }], failures: [] });
  });

  test("a skip is allowed by its test and its reason, or fails", () => {
    const { skips = [] } = parse(
      events(
        { Action: "run", Package: "k/a", Test: "TestX" },
        { Action: "output", Package: "k/a", Test: "TestX", Output: "    x_test.go:3: no qemu\n" },
        { Action: "skip", Package: "k/a", Test: "TestX" },
        { Action: "pass", Package: "k/a" },
      ),
    );
    expect(skips).toEqual([{ name: "k/a TestX", reason: "no qemu" }]);
    expect(unlisted(skips, [{ test: "k/a TestX", reason: "no qemu" }])).toEqual([]);
    expect(unlisted(skips, [{ test: "k/a TestX", reason: "no gcc" }])).toHaveLength(1);
    expect(unlisted(skips, [{ test: "k/a Test", reason: "no qemu" }])).toHaveLength(1);
  });

  test("a failed subtest is one failure with its output; its parent and package add none", () => {
    const report = parse(
      events(
        { Action: "run", Package: "k/a", Test: "TestX" },
        { Action: "run", Package: "k/a", Test: "TestX/one" },
        { Action: "output", Package: "k/a", Test: "TestX/one", Output: "x.go:3: no\n" },
        { Action: "fail", Package: "k/a", Test: "TestX/one" },
        { Action: "fail", Package: "k/a", Test: "TestX" },
        { Action: "fail", Package: "k/a" },
      ),
    );
    expect(report).toEqual({
      passed: 0,
      skipped: 0,
      skips: [],
      failures: [{ name: "k/a TestX/one", text: "x.go:3: no\n" }],
    });
  });

  test("a parent that fails by itself counts", () => {
    const report = parse(
      events(
        { Action: "run", Package: "k/a", Test: "TestX" },
        { Action: "run", Package: "k/a", Test: "TestX/one" },
        { Action: "pass", Package: "k/a", Test: "TestX/one" },
        { Action: "output", Package: "k/a", Test: "TestX", Output: "leak\n" },
        { Action: "fail", Package: "k/a", Test: "TestX" },
        { Action: "fail", Package: "k/a" },
      ),
    );
    expect(report.passed).toBe(1);
    expect(report.failures).toEqual([{ name: "k/a TestX", text: "leak\n" }]);
  });

  test("a test that a crash cut short is a failure", () => {
    const report = parse(events({ Action: "run", Package: "k/a", Test: "TestX" }, { Action: "fail", Package: "k/a" }));
    expect(report.failures.map((failure) => failure.name)).toEqual(["k/a TestX"]);
  });

  test("a package that does not compile is one failure with the compiler's words", () => {
    const report = parse(
      events(
        { ImportPath: "k/a [k/a.test]", Action: "build-output", Output: "a.go:1: undefined: y\n" },
        { ImportPath: "k/a [k/a.test]", Action: "build-fail" },
        { Action: "output", Package: "k/a", Output: "FAIL\tk/a [build failed]\n" },
        { Action: "fail", Package: "k/a", FailedBuild: "k/a [k/a.test]" },
      ),
    );
    expect(report.failures).toEqual([{ name: "k/a", text: "a.go:1: undefined: y\nFAIL\tk/a [build failed]\n" }]);
  });

  test("a failure in one package does not hide that another's name begins alike", () => {
    const report = parse(
      events(
        { Action: "run", Package: "k/ab", Test: "TestX" },
        { Action: "fail", Package: "k/ab", Test: "TestX" },
        { Action: "fail", Package: "k/ab" },
        { Action: "fail", Package: "k/a" },
      ),
    );
    expect(report.failures.map((failure) => failure.name)).toEqual(["k/ab TestX", "k/a"]);
  });
});

describe("vitest's JSON", () => {
  const parse = parsers["vitest-json"];

  test("counts cases and keeps messages", () => {
    const report = parse(
      JSON.stringify({
        success: false,
        testResults: [
          {
            name: "a.test.ts",
            status: "failed",
            assertionResults: [
              { fullName: "a one", status: "passed" },
              { fullName: "a two", status: "failed", failureMessages: ["no"] },
              { fullName: "a three", status: "skipped" },
            ],
          },
          { name: "b.test.ts", status: "failed", message: "cannot load", assertionResults: [] },
        ],
      }),
    );
    expect(report).toEqual({
      passed: 1,
      skipped: 1,
      failures: [
        { name: "a.test.ts: a two", text: "no" },
        { name: "b.test.ts", text: "cannot load" },
      ],
    });
  });

  test("an absent report counts nothing: the exit code then speaks", () => {
    expect(parse("")).toEqual({ passed: 0, skipped: 0, failures: [] });
  });
});

describe("TAP", () => {
  const parse = parsers.tap;

  test("results, directives and the failure's lines", () => {
    const report = parse("TAP version 13\n1..4\nok 1 - a\nnot ok 2 - b\n# wanted 3\nok 3 - c # SKIP no tty\nok\n");
    expect(report).toEqual({ passed: 2, skipped: 1, failures: [{ name: "b", text: "# wanted 3\n" }] });
  });

  test("fewer results than planned is a failure", () => {
    expect(parse("1..3\nok 1\n").failures).toEqual([{ name: "plan", text: "3 cases were planned, 1 reported" }]);
  });

  test("a bail-out is a failure", () => {
    expect(parse("ok 1\nBail out! no kernel\n").failures).toHaveLength(1);
  });
});
