/**
 * The project's own C guests, each CASE of each a program's run of its own. What they expect is Linux's own behaviour: the oracle
 * is the same source, built for this host, on the host's kernel.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { guest, guestList, missingTool } from "../guests/build.ts";
import type { RunResult } from "../oracle/sandbox.ts";
import { linuxEngine } from "./engine.ts";
import { BuildError, type Case, endOf, lineOf, type Suite, type Verdict } from "./suite.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");
const OUT = join(ROOT, "build/conformance/guests-linux");

const programs = () => guestList().filter((entry) => /^test\/guests\/\w+\.c$/.test(entry.source));

/** Each program is built once, however many cases ask for it at a time. */
const built = new Map<string, Promise<string>>();

/** Builds a guest for this host, when its source is newer than the program. */
async function hostProgram(name: string): Promise<string> {
  const source = join(ROOT, "test/guests", `${name}.c`);
  const out = join(OUT, name);
  if (existsSync(out) && statSync(out).mtimeMs > statSync(source).mtimeMs) return out;
  mkdirSync(OUT, { recursive: true });
  const fresh = `${out}.${process.pid}`;
  try {
    await run("gcc", ["-O2", "-w", "-pthread", "-static", source, "-lm", "-o", fresh]);
  } catch (error) {
    throw new BuildError((error as { stderr?: string }).stderr ?? (error as Error).message);
  }
  renameSync(fresh, out);
  return out;
}

function judge(_: Case, result: RunResult): { verdict: Verdict; why: string } {
  const text = String(result.stdout);
  const wrong = lineOf(text, /^FAIL /).replace(/^FAIL /, "");
  if (wrong !== "") return { verdict: "fail", why: wrong };
  if (result.code !== 0) return { verdict: "fail", why: endOf(result) };
  return text.includes("ok ") ? { verdict: "pass", why: "" } : { verdict: "skip", why: "checks nothing" };
}

export const guestSuite: Suite = {
  name: "guests",
  title: "C guests of this project",
  memory: 1024,
  oracle: linuxEngine,
  missing: async () => missingTool(),
  version: async () => "of this checkout",
  cases: async () =>
    programs().flatMap(({ name, source }) =>
      [...readFileSync(join(ROOT, source), "utf8").matchAll(/\bCASE\((\w+)\)/g)].map((match) => ({
        group: name,
        name: match[1] ?? "",
      })),
    ),
  async program(one, engine) {
    const key = `${engine === linuxEngine} ${one.group}`;
    let file = built.get(key);
    if (file === undefined) {
      file = engine === linuxEngine ? hostProgram(one.group) : guest(one.group);
      built.set(key, file);
    }
    return { file: await file, args: [one.name], options: {} };
  },
  judge,
};
