/**
 * `make demo`: a shell session on Debian's busybox, in Node and then in Chromium, with what
 * each took. Without Debian's archive the repository's own test programs run instead; without
 * Chromium, Node alone: both are said. Exit code 1 when something that ran was not as expected.
 */

import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { guest } from "../guests/build.ts";
import { chromiumPath, performInChromium } from "./chromium.ts";
import { type DemoResult, figures, type Plan, perform, type ReadFile } from "./perform.ts";

const ROOT = join(import.meta.dirname, "../..");
const SCREENSHOT = join(ROOT, "build/demo.png");
/** A first look at each family of system calls; all of it is `make test`. */
const GUESTS = ["hello", "files_io", "paths", "pipes", "fork_wait", "signals", "poll", "threads", "go-goroutines"];

const run = promisify(execFile);
const colour = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined;
const paint = (code: string, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const say = (text = "") => console.log(text);
const title = (text: string) => say(`\n${paint("1", `== ${text}`)}\n`);

/** A plan and the host files that it reads. */
interface Prepared {
  plan: Plan;
  files: Map<string, string>;
}

async function prepareSession(): Promise<Prepared | undefined> {
  try {
    const { stdout } = await run(join(ROOT, "tools/guests"), ["busybox-static"]);
    const busybox = ["usr/bin/busybox", "bin/busybox"].map((path) => join(stdout.trim(), path)).find(existsSync);
    if (busybox === undefined) throw new Error(`no busybox in ${stdout.trim()}`);
    return {
      plan: { kind: "session", busybox: { size: statSync(busybox).size } },
      files: new Map([["busybox", busybox]]),
    };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    say(`Debian's busybox cannot be had: ${(stderr?.trim() || message).split("\n")[0]}`);
    return undefined;
  }
}

async function prepareGuests(): Promise<Prepared | undefined> {
  const files = new Map<string, string>();
  const problems = new Set<string>();
  for (const name of GUESTS) {
    try {
      files.set(name, await guest(name));
    } catch (error) {
      problems.add((error as Error).message.split("\n")[0] ?? "");
    }
  }
  for (const problem of problems) say(`some of them cannot be built: ${problem}`);
  if (files.size === 0) return undefined;
  const guests = [...files].map(([name, file]) => ({ name, size: statSync(file).size }));
  return { plan: { kind: "guests", guests }, files };
}

/** Reads host files at any place; each is opened once. */
function reader(files: ReadonlyMap<string, string>): { read: ReadFile; close(): Promise<void> } {
  const handles = new Map([...files].map(([name, file]) => [name, open(file)]));
  return {
    async read(name, position, length) {
      const handle = await handles.get(name)!;
      const { bytesRead, buffer } = await handle.read(new Uint8Array(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    async close() {
      for (const handle of handles.values()) await (await handle).close();
    },
  };
}

function report(result: DemoResult): void {
  say();
  for (const [name, value] of figures(result)) say(`${name.padEnd(22)}${value}`);
  if (result.problems.length === 0) {
    say(paint("32", `all ${result.steps} steps as expected`));
    return;
  }
  for (const problem of result.problems) say(paint("31", problem));
}

async function inNode({ plan, files }: Prepared): Promise<DemoResult> {
  const { read, close } = reader(files);
  try {
    return await perform(
      plan,
      read,
      {
        step: (code) => say(`${paint("36", `$ ${code.replaceAll("\n", "\n  ")}`)}`),
        output: (text) => void process.stdout.write(text),
      },
      { log: (level, text) => void (level === "info" || say(`foreshore: ${text}`)) },
    );
  } finally {
    await close();
  }
}

async function main(): Promise<number> {
  let prepared = await prepareSession();
  if (prepared === undefined) {
    say("The repository's own test programs run instead.");
    prepared = await prepareGuests();
  }
  if (prepared === undefined) {
    say("There is nothing to run: connect to a Debian archive, or run `make setup` for the compilers.");
    return 0;
  }
  title(`In Node ${process.version}`);
  const node = await inNode(prepared);
  report(node);

  const executable = chromiumPath();
  if (executable === undefined) {
    say("\nChromium is not installed (make setup; or set FORESHORE_CHROMIUM): not run in a browser.");
    return node.problems.length === 0 ? 0 : 1;
  }
  title("The same in Chromium");
  let page: DemoResult;
  try {
    page = await performInChromium(executable, prepared.plan, prepared.files, SCREENSHOT);
  } catch (error) {
    say(paint("31", `it failed there: ${(error as Error).message}`));
    return 1;
  }
  report(page);
  say(`screenshot: ${relative(process.cwd(), SCREENSHOT)}`);
  return node.problems.length + page.problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
