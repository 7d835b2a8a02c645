/**
 * The Open POSIX Test Suite, from Debian's source package: each case of an interface is one C program, which ends with 0 (pass),
 * 1 (fail), 2 (unresolved), 4 (unsupported) or 5 (untested). Cases of message queues, and those that only show that a header
 * compiles, are left out.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { missingTool } from "../guests/build.ts";
import type { RunResult } from "../oracle/sandbox.ts";
import { qemuEngine } from "./engine.ts";
import { debianSource } from "./source.ts";
import { BuildError, type Case, endOf, nameOf, type Program, type Suite, type Verdict } from "./suite.ts";

const run = promisify(execFile);
const OUT = join(import.meta.dirname, "../../build/conformance");
const PACKAGE = "posixtestsuite";

const COMPILER = "riscv64-linux-gnu-gcc";

/** As the suite's own Makefile; warnings of compilers that are younger than it are no errors. */
const FLAGS = ["-O2", "-std=gnu99", "-w", "-D_POSIX_C_SOURCE=200112L", "-D_GNU_SOURCE", "-I../../include"];

/**
 * A static program takes back at exit what crtbeginT.o has registered of its unwind tables. A thread that is still in pthread_exit
 * then aborts, in one of ten runs anywhere, Linux included. With the start files of a dynamic program nothing is registered:
 * the tables are found by their program header.
 */
const LINK_FLAGS = ["-static", "-pthread", "-s", "-nostartfiles", "-Wl,--eh-frame-hdr"];
const START_FILES = ["crt1.o", "crti.o", "crtbegin.o"];
const END_FILES = ["crtend.o", "crtn.o"];

/** Programs of other flags are others. */
const FORM = createHash("sha256")
  .update(JSON.stringify([FLAGS, LINK_FLAGS, START_FILES, END_FILES]))
  .digest("hex")
  .slice(0, 8);

let paths: Promise<Map<string, string>> | undefined;
/** Where the compiler has its start and end files. */
function compilerFiles(): Promise<Map<string, string>> {
  paths ??= Promise.all(
    [...START_FILES, ...END_FILES].map(async (name): Promise<[string, string]> => {
      const { stdout } = await run(COMPILER, [`-print-file-name=${name}`]);
      return [name, stdout.trim()];
    }),
  ).then((found) => new Map(found));
  return paths;
}

async function compile(source: string, out: string, cwd: string): Promise<void> {
  const files = await compilerFiles();
  const at = (names: readonly string[]): string[] => names.map((name) => files.get(name) ?? name);
  const linked = [...LINK_FLAGS, ...at(START_FILES), source, "-lrt", "-lm", ...at(END_FILES)];
  await run(COMPILER, [...FLAGS, ...linked, "-o", out], { cwd });
}

let source: Promise<string> | undefined;
function folder(): Promise<string> {
  source ??= debianSource(PACKAGE).then((found) => {
    if ("missing" in found) throw new Error(found.missing);
    return found.folder;
  });
  return source;
}

const version = async (): Promise<string> => basename(await folder()).replace(`source-${PACKAGE}_`, "");

const EXITS = new Map([
  [1, "FAIL"],
  [2, "UNRESOLVED"],
  [4, "UNSUPPORTED"],
  [5, "UNTESTED"],
]);

/** What a case says last before it ends, where it says anything; without times of day and numbers that differ each time. */
function lastLine(run: RunResult): string {
  const lines = `${run.stdout}\n${run.stderr}`.split("\n").filter((line) => line.trim() !== "");
  const last = (lines.at(-1) ?? "").replace(/\[\d\d:\d\d:\d\d\]/g, "").replace(/\S*\/conformance\/interfaces\//g, "");
  return last.trim().slice(0, 120);
}

function judge(_: Case, result: RunResult): { verdict: Verdict; why: string } {
  if (result.code === 0) return { verdict: "pass", why: "" };
  const kind = EXITS.get(result.code ?? -1);
  const said = lastLine(result);
  const why = `${kind ?? endOf(result)}${said === "" ? "" : `: ${said}`}`;
  return { verdict: kind === "UNSUPPORTED" || kind === "UNTESTED" ? "skip" : "fail", why };
}

export const posixSuite: Suite = {
  name: "posix",
  title: "Open POSIX Test Suite",
  memory: 512,
  oracle: qemuEngine,
  async missing() {
    const tool = missingTool();
    if (tool !== null) return tool;
    const found = await debianSource(PACKAGE);
    return "missing" in found ? found.missing : null;
  },
  version,
  async cases() {
    const top = join(await folder(), "conformance/interfaces");
    return globSync("*/**/[0-9]*-*.c", { cwd: top })
      .filter((path) => !path.includes("buildonly") && !path.startsWith("mq_"))
      .filter((path) => {
        const text = readFileSync(join(top, path), "utf8");
        return /\bmain\s*\(/.test(text) && !text.includes("<mqueue.h>") && !text.includes("<sys/socket.h>");
      })
      .map((path) => {
        const slash = path.indexOf("/");
        return { group: path.slice(0, slash), name: path.slice(slash + 1, -2) };
      })
      .sort((a, b) => a.group.localeCompare(b.group) || a.name.localeCompare(b.name, "en", { numeric: true }));
  },
  async program(one): Promise<Program> {
    const top = await folder();
    const out = join(OUT, `posix-${await version()}-${FORM}`, one.group, one.name.replaceAll("/", "-"));
    if (!existsSync(out)) {
      mkdirSync(join(out, ".."), { recursive: true });
      const fresh = `${out}.${process.pid}`;
      try {
        // From there, so that cases which print __FILE__ say the same everywhere.
        await compile(`${nameOf(one)}.c`, fresh, join(top, "conformance/interfaces"));
      } catch (error) {
        throw new BuildError((error as { stderr?: string }).stderr ?? (error as Error).message);
      }
      renameSync(fresh, out);
    }
    return { file: out, args: [], options: {} };
  },
  judge,
};
