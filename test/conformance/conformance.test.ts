/** The conformance kit: our machines pass it as any other would, and it finds the faults of those that should not. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type CaseResult,
  jsonLinesSubject,
  LOCK,
  listCases,
  mutated,
  mutations,
  runKit,
  SubjectError,
} from "@foreshore/abi/conformance";
import { Runtime } from "@foreshore/runtime";
import { beforeAll, describe, expect, test } from "vitest";
import { childSubject } from "../../abi/src/conformance/cli/child.ts";
import type { Vectors } from "../../abi/src/vectors.ts";
import { controlSocket } from "../../sdk/src/node/socket.ts";
import { nativeKernel } from "../oracle/native-kernel.ts";
import { messageSubject } from "./message-subject.ts";
import { miniSubject } from "./mini-subject.ts";
import { mutants, wrongCodecs } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");
const KIT = join(ROOT, "abi/src/conformance/cli/main.ts");
const SUBJECT = join(import.meta.dirname, "subject-main.ts");
const vectors = JSON.parse(readFileSync(join(ROOT, "abi/vectors.json"), "utf8")) as Vectors;

const failures = (results: readonly CaseResult[]): string[] =>
  results
    .filter(({ outcome }) => outcome === "failed")
    .map(({ family, name, detail }) => `${family}: ${name}: ${detail}`);
const skipped = (results: readonly CaseResult[]): string[] =>
  results.filter(({ outcome }) => outcome === "skipped").map(({ family, name }) => `${family}: ${name}`);

/** What only a control channel refuses: see runtime/src/conformance.test.ts. */
const ONLY_CONTROL = ["opcodes: BlobFilled: EPERM", "opcodes: AttachClient: EPERM", "opcodes: DetachClient: EPERM"];

/** A compiler that shares its processors is no part of what a case may take. */
const BUILD_MS = 300_000;

describe("our machines", () => {
  beforeAll(async () => {
    await nativeKernel();
  }, BUILD_MS);

  test("kernel.wasm in the mini-host", async () => {
    const results = await runKit(await miniSubject(), { vectors });
    expect(failures(results)).toEqual([]);
    expect(skipped(results)).toEqual(ONLY_CONTROL);
    expect(results.length).toBe(listCases(vectors).length);
  });

  test("a machine of a single worker, by messages", async () => {
    const results = await runKit(await messageSubject());
    expect(failures(results)).toEqual([]);
    // No memory to look at and no second client: the rest must run.
    const left = results.filter(({ outcome }) => outcome === "skipped");
    expect(
      left.filter(({ detail }) => !/does not offer "(memory|clients|ring-start|raw|control)"/.test(detail)),
    ).toEqual([]);
    expect(results.length - left.length).toBeGreaterThan(150);
  });

  test.each([1, 4])("the kernel as a native Go program with %i harts, over JSON lines", async (harts) => {
    const subject = await childSubject(await nativeKernel(), ["-subject", "-harts", String(harts)]);
    try {
      const results = await runKit(subject, { vectors });
      expect(failures(results)).toEqual([]);
      expect(skipped(results)).toEqual(ONLY_CONTROL);
    } finally {
      await subject.close();
    }
  });

  test("over JSON lines, as a command", () => {
    const run = spawnSync(process.execPath, [KIT, "--json", "--", process.execPath, SUBJECT], { encoding: "utf8" });
    const results = run.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as CaseResult);
    expect(failures(results)).toEqual([]);
    expect(results.length).toBe(listCases(vectors).length);
    expect(run.status).toBe(0);
  });
});

describe("faults are found", async () => {
  const sound = await miniSubject();

  test.each(mutants(sound))("a kernel that $name", async ({ subject, family, says }) => {
    const results = await runKit(subject, { only: (which) => which === family, timeoutMs: 300 });
    expect(failures(results).filter((text) => says.test(text))).not.toEqual([]);
  });

  test.each(wrongCodecs(sound).map((subject) => ({ name: subject.name, subject })))(
    "a codec that $name",
    async ({ subject }) => {
      const results = await runKit(subject, { vectors, only: (which) => which === "vectors" });
      expect(failures(results).length).toBeGreaterThan(0);
    },
  );

  test("one fault of what cases are set up with is told by those that are about it, and by the others as what it is", async () => {
    const wrong = async (name: string): Promise<string[]> => {
      const mutation = mutations(LOCK).find((each) => each.name === name);
      if (mutation === undefined) throw new Error(`there is no mutation "${name}"`);
      return failures(await runKit(mutated(sound, mutation, LOCK), { only: (family) => family === "opcodes" }));
    };
    const files = await wrong("WriteFile: open_flags is not heard");
    expect(files.length).toBeGreaterThan(50);
    const other = files.filter((text) => !text.startsWith("opcodes: WriteFile: "));
    expect(other.filter((text) => !/: it could not be tried without (a file|a process): /.test(text))).toEqual([]);
    // Folders are made one by one: who does not make parents fails where that is tried.
    const parents = await wrong("Mkdir: parents is not heard");
    expect(parents).toEqual(["good", "cancelled"].map((which) => `opcodes: Mkdir: ${which}: Mkdir answers ENOENT`));
  });

  test("a case that fails leaves the next ones a machine of their own", async () => {
    const never = mutants(sound).find(({ name }) => name === "never cancels");
    if (never === undefined) throw new Error("there is no such mutant");
    const results = await runKit(never.subject, { only: (family) => family === "opcodes", timeoutMs: 300 });
    const failed = failures(results);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.filter((text) => !/[Cc]ancel/.test(text))).toEqual([]);
  });
});

describe("the command", () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [KIT, ...args], { encoding: "utf8" });

  test("names the cases", () => {
    const lines = execFileSync(process.execPath, [KIT, "--list"], { encoding: "utf8" }).trim().split("\n");
    expect(lines).toContain("opcodes\tNoop: good");
    expect(lines).toContain("vectors\tSlotHandle: decoded and encoded");
    expect(lines.length).toBe(listCases(vectors).length);
    expect(new Set(lines).size).toBe(lines.length);
  });

  test("runs the cases that are asked for, as TAP", () => {
    const { stdout, status } = run("--only", "opcodes: Noop", "--", process.execPath, SUBJECT);
    expect(stdout.split("\n")).toEqual([
      "TAP version 14",
      "1..3",
      "# kernel.wasm in the mini-host",
      "ok 1 - opcodes: Noop: good",
      "ok 2 - opcodes: Noop: bad",
      "ok 3 - opcodes: Noop: cancelled",
      "# 3 passed, 0 failed, 0 skipped",
      "",
    ]);
    expect(status).toBe(0);
  });

  test("puts the cases to a machine behind a control channel's socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "foreshore-conformance-"));
    const path = join(folder, "control");
    const runtime = await Runtime.create({ harts: 2, log: () => undefined });
    const notes: string[] = [];
    const socket = await controlSocket(runtime, path, (text) => notes.push(text));
    try {
      const all = await promisify(execFile)(process.execPath, [KIT, "--json", "--control", path]);
      const results = all.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as CaseResult);
      expect(failures(results)).toEqual([]);
      expect(results.length).toBe(listCases(vectors).length);
      expect(results.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThan(300);
      expect(notes).toEqual([]);
    } finally {
      await socket.close();
      await runtime.stop();
      rmSync(folder, { recursive: true });
    }
  });

  test.each([
    [["--control", "/there/is/no/socket"], 3, "/there/is/no/socket"],
    [["--control", "x", "--", "node"], 2, "exclude each other"],
    [[], 2, "no command is given"],
    [["--lisst"], 2, "there is no option --lisst"],
    [["--only", "nothing like this"], 2, "no case contains"],
    [["--timeout", "soon"], 2, "milliseconds"],
    [["node"], 2, "put -- before the command"],
    [["--", "/there/is/no/such/command"], 3, "cannot be started"],
    [["--", process.execPath, "-e", "process.exit(5)"], 3, "ended with exit code 5"],
    [["--", process.execPath, "-e", "console.log('hello there')"], 3, "no JSON"],
  ])("%j: exit code %i, and says why", (args, status, text) => {
    const result = run(...args);
    expect(result.stderr).toContain(text);
    expect(result.status).toBe(status);
  });
});

describe("a subject that breaks the protocol", () => {
  test.each([
    ["says nothing", 500, "setInterval(() => 0, 1000)", "has not answered for 500 ms"],
    ["says a line without end", 20_000, "process.stdout.write('x'.repeat(1 << 27))", "a line has more than"],
  ])("one that %s is given up", async (_, answerMs, script, text) => {
    await expect(childSubject(process.execPath, ["-e", script], answerMs)).rejects.toThrow(text);
  });

  const speak = (answers: readonly string[]) => {
    const left = [...answers];
    return jsonLinesSubject({
      send: () => undefined,
      receive: async () => {
        const next = left.shift();
        if (next === undefined) throw new SubjectError("there are no more lines");
        return next;
      },
      close: async () => undefined,
    });
  };
  const hello = '{"id":1,"ok":{"protocol":1,"name":"x","codec":false}}';

  test.each([
    ["another version", ['{"id":1,"ok":{"protocol":2,"name":"x","codec":false}}'], "speaks version 2"],
    ["a wrong id", ['{"id":9,"ok":{}}'], "has id 9"],
    ["neither ok nor error", ['{"id":1}'], "neither"],
    ["a number", ["17"], "no object"],
  ])("%s", async (_, answers, text) => {
    await expect(speak(answers)).rejects.toThrow(text);
  });

  test.each([
    ["an unknown feature", '{"id":2,"ok":{"machine":1,"client":0,"arenaBytes":64,"features":["flying"]}}', "flying"],
    ["no arena", '{"id":2,"ok":{"machine":1,"client":0,"features":[]}}', "arenaBytes"],
  ])("%s", async (_, line, text) => {
    await expect(runKit(await speak([hello, line]))).rejects.toThrow(text);
  });
});
