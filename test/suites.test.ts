/**
 * A slice of `make conformance`: some cases of Go's standard library and of the Open POSIX suite, spread over their groups, each
 * in a machine of its own with one or four harts. What is known to fail is left to `make conformance`, which notices when it passes.
 */
import { describe, expect, test } from "vitest";
import { allowedSkip } from "./busybox/root.ts";
import { machineEngine } from "./suites/engine.ts";
import { goSuite } from "./suites/go.ts";
import { guestSuite } from "./suites/guests.ts";
import { type Entry, excluded, readList } from "./suites/list.ts";
import { posixSuite } from "./suites/posix.ts";
import { knownFailures } from "./suites/report.ts";
import { runCase } from "./suites/run.ts";
import { nameOf, type Suite } from "./suites/suite.ts";

/** Packages whose test programs build quickly and ask much of a kernel. */
const PACKAGES = new Set(["os", "os/signal", "os/exec", "syscall", "time", "sync"]);
const CASES = 60;

/** Evenly over the list: what counts, is quick and is not known to fail. */
function slice(suite: Suite): Entry[] {
  const known = new Set(knownFailures.filter((one) => one.suite === suite.name).map((one) => one.test));
  const all = readList(suite).entries.filter(
    (entry) =>
      entry.left === "" &&
      entry.seconds === 0 &&
      !known.has(nameOf(entry)) &&
      (suite !== goSuite || PACKAGES.has(entry.group)),
  );
  const step = Math.max(1, Math.floor(all.length / CASES));
  return all.filter((_, at) => at % step === 0);
}

const suites = [goSuite, posixSuite, guestSuite];

test("lists name each case once, and what is known or left out is of them", () => {
  const named = suites.flatMap((suite) => readList(suite).entries.map((entry) => `${suite.name} ${nameOf(entry)}`));
  expect(named.length).toBe(new Set(named).size);
  const counted = suites.flatMap((suite) =>
    readList(suite)
      .entries.filter((entry) => entry.left === "")
      .map((entry) => `${suite.name} ${nameOf(entry)}`),
  );
  expect(knownFailures.map((one) => `${one.suite} ${one.test}`).filter((name) => !counted.includes(name))).toEqual([]);
  const left = excluded.map((one) => `${one.suite} ${one.test}`);
  expect(left.filter((name) => !named.includes(name) || counted.includes(name))).toEqual([]);
});

for (const suite of [goSuite, posixSuite]) {
  const missing = await suite.missing();
  if (missing !== null) console.warn(allowedSkip("suites", missing));
  const here = missing === null ? new Set((await suite.cases()).map(nameOf)) : new Set<string>();
  describe.skipIf(missing !== null)(suite.title, () => {
    for (const [at, one] of slice(suite).entries()) {
      const harts = at % 2 === 0 ? 4 : 1;
      // Another version of the suite may not have every case of the list.
      if (!here.has(nameOf(one))) continue;
      test(`${nameOf(one)}, ${harts} hart${harts > 1 ? "s" : ""}`, { timeout: 240_000 }, async () => {
        const { verdict, why, said } = await runCase(suite, machineEngine(harts), one, 60);
        expect({ verdict, why, said }).toEqual({ verdict: "pass", why: "", said: "" });
      });
    }
  });
}
