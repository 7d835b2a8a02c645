/**
 * `node test/random-calls/run.ts native|wasm SECONDS [SEED]`: rounds of random system calls (main.c), on the native kernel
 * under Go's race detector or on kernel.wasm in workers, four harts, in machines of 64 MiB and of 1 GiB by turns. After each
 * round another program must run right, and slots and frames must be as many as before. The first machine begins with SEED,
 * or with one that the time gives; the seed of a round that failed is in the message.
 */
import { execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type LiveDiagnostics, Runtime } from "@foreshore/runtime";
import { runIn } from "../oracle/foreshore.ts";

const ROOT = join(import.meta.dirname, "../..");
const OUT = join(ROOT, "build/random-calls");
const HARTS = 4;
const MEMORIES_MIB = [64, 1024];
/** Rounds of one machine. */
const ROUNDS = 12;
const PATH = "/random-calls";
const run = promisify(execFile);

/** Builds the guest around the kernel's own table of calls. */
async function buildGuest(): Promise<string> {
  mkdirSync(OUT, { recursive: true });
  const { stdout } = await run("go", ["run", "./syscalls/internal/calls"], { cwd: join(ROOT, "kernel-go") });
  writeFileSync(join(OUT, "calls.inc"), stdout);
  const program = join(OUT, "random-calls");
  const flags = ["-static", "-O1", "-pthread", "-Wall", "-Wextra", "-Werror", "-fno-stack-protector", `-I${OUT}`];
  await run("riscv64-linux-gnu-gcc", [...flags, join(import.meta.dirname, "main.c"), "-o", program]);
  return program;
}

interface Count {
  rounds: number;
  calls: number;
}

/** Rounds in one native machine; foreshore-native counts what they leave. */
async function native(program: string, memoryMiB: number, seed: number): Promise<Count> {
  const kernel = join(OUT, "foreshore-native");
  const args = [
    "-log",
    join(OUT, "log"),
    "-harts",
    String(HARTS),
    "-memory",
    String(memoryMiB),
    "-rounds",
    String(ROUNDS),
  ];
  const child = spawn(kernel, [...args, "-seed", String(seed), program], { stdio: ["ignore", "pipe", "pipe"] });
  const out: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => out.push(part));
  child.stderr.on("data", (part: Buffer) => out.push(part));
  const code = await new Promise<number | null>((done, fail) => {
    child.on("error", fail);
    child.on("close", done);
  });
  const text = Buffer.concat(out).toString();
  const found = /^(\d+) rounds, (\d+) calls$/m.exec(text);
  // The race detector makes the exit code another when it has reported something.
  if (code !== 0 || found === null) throw new Error(`seeds from ${seed}, ${memoryMiB} MiB: exit code ${code}\n${text}`);
  return { rounds: Number(found[1]), calls: Number(found[2]) };
}

/** What is in use: by kind of slot, and the frames that are neither free nor in the page cache. */
function census(live: LiveDiagnostics): Record<string, number> {
  const used: Record<string, number> = { frames: live.memoryBytes / 4096 - live.freeFrames - live.cachedFrames };
  for (const { kind, inUse } of live.slots) used[kind] = inUse;
  return used;
}

/** What is in use once that is no more and no less than `before`, or after all this time still is. */
async function settled(runtime: Runtime, before: Record<string, number>): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const { live } = await runtime.diagnostics();
    if (live === undefined) throw new Error("the machine's memory is not to be seen from here");
    const now = census(live);
    const left = Object.keys(now).filter((key) => now[key] !== before[key]);
    if (left.length === 0 || tries === 1000) return left.map((key) => `${key}: ${now[key]}, were ${before[key]}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

async function wasm(program: string, memoryMiB: number, seed: number): Promise<Count> {
  const said: string[] = [];
  const runtime = await Runtime.create({
    harts: HARTS,
    memory: memoryMiB,
    log: (_level, text) => {
      if (said.push(text) > 50) said.shift();
    },
  });
  const count = { rounds: 0, calls: 0 };
  try {
    await runtime.fs.writeFile(PATH, readFileSync(program), { mode: 0o755 });
    let before: Record<string, number> | undefined;
    for (let at = seed; at < seed + ROUNDS; at++) {
      const round = await runIn(runtime, PATH, [String(at)], { timeoutMs: 120_000 });
      count.calls += Number(/^(\d+) calls$/m.exec(round.stdout.toString())?.[1] ?? 0);
      const after = await runIn(runtime, PATH, ["after"], { timeoutMs: 120_000 });
      if (after.code !== 0)
        throw new Error(`seed ${at}: the program after it: ${JSON.stringify(after.signal ?? after.stdout.toString())}`);
      const { live } = await runtime.diagnostics();
      if (live === undefined) throw new Error("the machine's memory is not to be seen from here");
      before ??= census(live);
      const left = await settled(runtime, before);
      if (left.length > 0) throw new Error(`seed ${at}: something is left: ${left.join("; ")}`);
      count.rounds++;
    }
    return count;
  } catch (error) {
    throw new Error(`seeds from ${seed}, ${memoryMiB} MiB, round ${count.rounds}: ${said.join("\n")}`, {
      cause: error,
    });
  } finally {
    await runtime.stop();
  }
}

const [where = "", seconds = "60", given] = process.argv.slice(2);
const rounds = { native, wasm }[where];
if (rounds === undefined || !(Number(seconds) > 0)) {
  console.error("usage: node test/random-calls/run.ts native|wasm SECONDS [SEED]");
  process.exit(2);
}
const program = await buildGuest();
if (where === "native") {
  await run(
    "go",
    ["build", "-race", "-tags", "paranoid", "-o", join(OUT, "foreshore-native"), "./cmd/foreshore-native"],
    {
      cwd: join(ROOT, "kernel-go"),
    },
  );
}
const begin = performance.now();
let seed = Number(given ?? Math.floor(Date.now() / 1000));
const total = { rounds: 0, calls: 0 };
for (let machine = 0; performance.now() - begin < Number(seconds) * 1000; machine++, seed += ROUNDS) {
  const count = await rounds(program, MEMORIES_MIB[machine % MEMORIES_MIB.length] ?? 64, seed);
  total.rounds += count.rounds;
  total.calls += count.calls;
}
const took = Math.round((performance.now() - begin) / 1000);
console.log(
  `fuzz syscalls on ${where}: ${total.calls} calls in ${total.rounds} rounds in ${took} s, up to seed ${seed - 1}`,
);
