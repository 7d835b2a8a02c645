import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeLogs } from "./corpus.ts";
import { checkOutputs, makeSteps, SESSION_EXIT, SessionReader, sessionScript } from "./session.ts";

const encode = (text: string) => new TextEncoder().encode(text);

describe("the demo's session", () => {
  it("has logs that are the same every time, and a step for each thing that a user would try", async () => {
    const logs = makeLogs();
    expect(logs).toHaveLength(300);
    expect(makeLogs()).toEqual(logs);
    expect(logs.map((log) => log.path)).toEqual(logs.map((log) => log.path).sort());
    const steps = await makeSteps(logs);
    expect(steps.length).toBeGreaterThanOrEqual(15);
    const script = sessionScript(steps);
    for (const word of ["find", "grep", "sed", "awk", "sort", "tar", "gzip", "sha256sum", "trap", "wait", "<<'EOF'"]) {
      expect(script).toContain(word);
    }
  });

  it("cuts the output at the marks, however it is chunked", () => {
    const text = "early\n\x1e0\none\nté\n\x1e1\n\x1e2\nthree";
    const bytes = encode(text);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const reader = new SessionReader();
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        for (let i = 1; i < places.length; i++) reader.push(bytes.subarray(places[i - 1], places[i]));
        reader.end();
        expect(reader.outputs).toEqual(["early\n", "one\nté\n", "", "three"]);
      }),
    );
  });

  it("names what was not as expected, and what is missing", () => {
    const steps = [
      { code: "one\nmore", expect: "1" },
      { code: "two", expect: /^2/ },
      { code: "three", expect: "3" },
    ];
    expect(checkOutputs(steps, ["1\n", "22\n", "3\n"], SESSION_EXIT)).toEqual([]);
    expect(checkOutputs(steps, ["0\n", "3\n"], null)).toEqual([
      'one: printed "0" instead of "1"',
      'two: printed "3" instead of /^2/',
      'three: printed undefined instead of "3"',
      `the shell ended with null instead of ${SESSION_EXIT}`,
    ]);
  });
});
