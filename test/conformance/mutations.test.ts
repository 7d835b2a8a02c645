/** The kit sees every wrong subject that a change of one thing makes of a sound one, but for those of `unseen.ts`. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { LOCK, type Mutation, mutated, mutations, runKit } from "@foreshore/abi/conformance";
import { describe, expect, test } from "vitest";
import { miniSubject } from "./mini-subject.ts";
import { UNSEEN } from "./unseen.ts";

const ROOT = join(import.meta.dirname, "../..");
/** An answer that a mutant loses does not come at all. Of one that nobody sees all answers come, however slow the machine is. */
const TIMEOUT_MS = 300;
const SLOW_MS = 30_000;
const all = mutations(LOCK);

/** Whether a case of the opcode's own, or else any of them, fails. */
async function seen(mutation: Mutation): Promise<boolean> {
  const subject = mutated(await sound, mutation, LOCK);
  const timeoutMs = mutation.name in UNSEEN ? SLOW_MS : TIMEOUT_MS;
  for (const own of [true, false]) {
    const only = (family: string, name: string): boolean =>
      family !== "vectors" && name.startsWith(`${mutation.opcode}: `) === own;
    const results = await runKit(subject, { only, timeoutMs, bail: true });
    if (results.some(({ outcome }) => outcome === "failed")) return true;
  }
  return false;
}

const sound = miniSubject();

describe("the list", () => {
  test("has a mutation of each field of each request and reply", () => {
    expect(all.length).toBeGreaterThanOrEqual(400);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(all.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "WriteFile: position is not heard",
        "KillProcess: signal is one more",
        "ResizeTerminal: columns and rows are each other",
        "StreamRead: the generation of ofd is not looked at",
        "Stat: size in the reply's bytes is one more",
        "Noop: the reply has a value",
      ]),
    );
  });

  test("of what is not seen has a reason for each, and nothing else", () => {
    const names = new Set(all.map(({ name }) => name));
    expect(Object.keys(UNSEEN).filter((name) => !names.has(name))).toEqual([]);
    expect(Object.values(UNSEEN).filter((reason) => reason.trim() === "")).toEqual([]);
  });
});

test("a sound subject behind a proxy that changes nothing passes", async () => {
  const nothing: Mutation = { ...(all[0] as Mutation), number: -1 };
  const results = await runKit(mutated(await sound, nothing, LOCK), { only: (family) => family !== "vectors" });
  expect(results.filter(({ outcome }) => outcome === "failed")).toEqual([]);
});

test(
  "each mutant is seen, but for those with a reason",
  async () => {
    const missed: string[] = [];
    for (const mutation of all) if (!(await seen(mutation))) missed.push(mutation.name);
    expect(missed.sort()).toEqual(Object.keys(UNSEEN).sort());
  },
  10 * 60_000,
);

describe("examples/python/mutant.py, between the command and a subject", () => {
  const KIT = join(ROOT, "abi/src/conformance/cli/main.ts");
  const SUBJECT = join(import.meta.dirname, "subject-main.ts");
  const PROXY = [join(ROOT, "examples/python/mutant.py"), join(ROOT, "abi/abi.lock.json")];
  const kit = (only: string, ...mutation: string[]) =>
    spawnSync(
      process.execPath,
      [KIT, "--only", only, "--", "python3", ...PROXY, ...mutation, "--", process.execPath, SUBJECT],
      { encoding: "utf8" },
    );

  test.each([
    ["request", "Chmod", "mode", "Chmod: good", "the mode is 0, not 2505"],
    ["reply", "ReadFile", "value", "ReadFile: good", "the file's size is 11, not 10"],
    ["reply", "Noop", "value2", "Noop: good", "with value2 1; nothing says what that is"],
  ])("a %s of %s with another %s is seen", (where, opcode, field, only, says) => {
    const { stdout, status } = kit(only, where, opcode, field);
    expect(stdout).toContain(says);
    expect(status).toBe(1);
  });

  test("what it does not change goes on as it was", () => {
    expect(kit("Noop: ", "request", "Chmod", "mode").status).toBe(0);
  });

  test("a field that is not there is said", () => {
    const run = spawnSync("python3", [...PROXY, "request", "Chmod", "colour", "--", "cat"], { encoding: "utf8" });
    expect(run.stderr).toContain("Chmod has no field colour");
  });

  test("is small", () => {
    const lines = execFileSync("wc", ["-l", PROXY[0] as string], { encoding: "utf8" });
    expect(Number.parseInt(lines, 10)).toBeLessThanOrEqual(80);
  });
});
