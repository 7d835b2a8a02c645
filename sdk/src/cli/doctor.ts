/** `foreshore doctor`: what this host has and lacks, and what to do about it. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { freemem } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ABI, abiText } from "@foreshore/abi";
import { Runtime } from "@foreshore/runtime";
import { defaultKernelUrl, defaultWorkerUrl } from "@foreshore/runtime/node";
import { ISOLATION_HEADERS } from "../node/serve.ts";

export interface Finding {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly text: string;
  /** What to do; empty where nothing needs doing. */
  readonly advice: string;
}

const MIB = 1 << 20;
const MIN_NODE = [22, 12] as const;
/** What an idle machine takes, and some room for a program. */
const WANTED_FREE_MIB = 512;
const PAGES_PER_MIB = 16;
const SIZES_MIB = [4096, 2048, 1024, 512] as const;

/** Programs that a checkout builds and tests with: the repository's own come by `make setup`. */
const TOOLS = [
  ["tinygo", "builds the kernel"],
  ["flatc", "reads the schema"],
  ["clang-19", "builds the kernel"],
  ["riscv64-linux-gnu-gcc", "builds the tests' guests"],
  ["qemu-riscv64-static", "is what guests are compared with"],
  ["chromium", "runs the browser tests"],
] as const;

/**
 * Looks at everything once.
 * @param url a page's address whose headers are looked at, too
 */
export async function examine(url: string | undefined): Promise<Finding[]> {
  const findings: Finding[] = [nodeVersion(), processors(), freeMemory(), sharedMemory(), waiting()];
  const files = [kernelFile(), workerFile()];
  findings.push(...files);
  if (files.every(({ state }) => state !== "fail")) findings.push(await machine());
  findings.push(...(await toolchain()));
  if (url !== undefined) findings.push(...(await page(url)));
  return findings;
}

function finding(name: string, state: Finding["state"], text: string, advice = ""): Finding {
  return { name, state, text, advice };
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const enough = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  return enough
    ? finding("node", "ok", `Node.js ${process.versions.node}`)
    : finding("node", "fail", `Node.js ${process.versions.node}`, `install Node.js ${MIN_NODE.join(".")} or newer`);
}

function processors(): Finding {
  const cores = navigator.hardwareConcurrency;
  return cores > 1
    ? finding("processors", "ok", `${cores}: as many guest threads run at a time`)
    : finding("processors", "warn", "one: guest threads take turns");
}

function freeMemory(): Finding {
  const free = Math.floor(freemem() / MIB);
  return free >= WANTED_FREE_MIB
    ? finding("memory", "ok", `${free} MiB free`)
    : finding("memory", "warn", `${free} MiB free`, "use --memory to keep a machine small, or end other programs");
}

/** The largest maximum that the host grants; only address space is taken. */
function sharedMemory(): Finding {
  for (const mib of SIZES_MIB) {
    try {
      new WebAssembly.Memory({ initial: 1, maximum: mib * PAGES_PER_MIB, shared: true });
    } catch {
      continue;
    }
    if (mib >= 1024) return finding("shared memory", "ok", `a machine may have ${mib} MiB`);
    return finding(
      "shared memory",
      "warn",
      `a machine may have only ${mib} MiB`,
      "raise the limit on address space (ulimit -v)",
    );
  }
  return finding("shared memory", "fail", "none of 512 MiB is granted", "raise the limit on address space (ulimit -v)");
}

function waiting(): Finding {
  const { waitAsync, pause } = Atomics as { waitAsync?: unknown; pause?: unknown };
  const missing = [
    waitAsync === undefined ? "Atomics.waitAsync" : "",
    pause === undefined ? "Atomics.pause" : "",
  ].filter(Boolean);
  return missing.length === 0
    ? finding("waiting", "ok", "Atomics.waitAsync and Atomics.pause")
    : finding("waiting", "warn", `no ${missing.join(", no ")}: slower answers`, "a newer Node.js has it");
}

function kernelFile(): Finding {
  const file = fileURLToPath(defaultKernelUrl());
  return existsSync(file)
    ? finding("kernel.wasm", "ok", file)
    : finding(
        "kernel.wasm",
        "fail",
        `${file} is missing`,
        "in a checkout run `make kernel`; else install the package again",
      );
}

function workerFile(): Finding {
  const file = fileURLToPath(defaultWorkerUrl());
  if (!existsSync(file)) return finding("worker script", "fail", `${file} is missing`, "install the package again");
  return file.endsWith(".ts")
    ? finding("worker script", "warn", "runs from its sources, which is slow to start", "run `make build`")
    : finding("worker script", "ok", file);
}

/** Starts one: a kernel of another ABI refuses here, with both versions. */
async function machine(): Promise<Finding> {
  const ours = abiText(ABI);
  const from = performance.now();
  try {
    await using runtime = await Runtime.create({ memory: 128, harts: 1, workerUrl: defaultWorkerUrl() });
    await runtime.noop();
    return finding("a machine", "ok", `starts in ${(performance.now() - from).toFixed(0)} ms, ABI ${ours}`);
  } catch (error) {
    const advice = "in a checkout run `make kernel`; packages of one release fit each other";
    return finding("a machine", "fail", error instanceof Error ? error.message : String(error), advice);
  }
}

/** Only where this is a checkout. */
async function toolchain(): Promise<Finding[]> {
  const root = path.resolve(import.meta.dirname, "../../..");
  const env = [root, path.resolve(import.meta.dirname, "..")].map((at) => path.join(at, "tools/env")).find(existsSync);
  if (env === undefined) return [];
  return await Promise.all(
    TOOLS.map(async ([tool, what]) => {
      try {
        const { stdout } = await promisify(execFile)(env, ["sh", "-c", `command -v ${tool}`]);
        return finding(tool, "ok", stdout.trim());
      } catch {
        return finding(tool, "warn", `missing: it ${what}`, "run `make setup`");
      }
    }),
  );
}

/** Whether the page at `url` may share memory between its workers. */
async function page(url: string): Promise<Finding[]> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
  } catch (error) {
    const cause = (error as { cause?: { message?: string } }).cause?.message ?? (error as Error).message;
    return [finding("page", "fail", `${url}: ${cause}`, "start its server, or mend the address")];
  }
  return Object.entries(ISOLATION_HEADERS)
    .filter(([name]) => name !== "cross-origin-resource-policy")
    .map(([name, wanted]) => {
      const value = response.headers.get(name);
      // "credentialless" isolates as well.
      const fits = value === wanted || (name === "cross-origin-embedder-policy" && value === "credentialless");
      return fits
        ? finding(name, "ok", `${value}`)
        : finding(
            name,
            "warn",
            value === null ? "not sent: the page runs in single-worker mode" : `is ${value}`,
            `have the server send ${name}: ${wanted}`,
          );
    });
}

const MARKS = { ok: "ok  ", warn: "warn", fail: "FAIL" } as const;
const COLOURS = { ok: "\x1b[32m", warn: "\x1b[33m", fail: "\x1b[31m" } as const;

/** A line for each finding, what to do below it. */
export function formatFindings(findings: readonly Finding[], colour: boolean): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings
    .map(({ name, state, text, advice }) => {
      const mark = colour ? `${COLOURS[state]}${MARKS[state]}\x1b[0m` : MARKS[state];
      const line = `${mark}  ${name.padEnd(width)}  ${text}\n`;
      return advice === "" ? line : `${line}${" ".repeat(width + 8)}→ ${advice}\n`;
    })
    .join("");
}
