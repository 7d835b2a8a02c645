/** Debian's dynamically linked programs in one Foreshore machine, with one hart and with four, each case as under qemu. */
import type { Runtime } from "@foreshore/runtime";
import { Machine } from "@foreshore/sdk";
import { directoryLayer } from "@foreshore/sdk/node";
import { afterAll, describe, expect, test } from "vitest";
import { allowedSkip } from "./busybox/root.ts";
import { type Case, cases } from "./debian/cases.ts";
import { debianEnv, unpacked } from "./debian/root.ts";
import { runIn } from "./oracle/foreshore.ts";
import { runQemu } from "./oracle/qemu.ts";
import type { RunOptions, RunResult } from "./oracle/sandbox.ts";

const found = await unpacked("guest-root");
if ("missing" in found) console.warn(allowedSkip("debian", found.missing));
const root = "folder" in found ? found.folder : "";

const optionsFor = (one: Case): RunOptions => ({
  stdin: one.stdin ?? "",
  env: debianEnv,
  cwd: `/tmp/${one.name}`,
  timeoutMs: 120_000,
});

const oracle = new Map<string, Promise<RunResult>>();
function qemu(one: Case): Promise<RunResult> {
  let run = oracle.get(one.name);
  if (!run) {
    run = runQemu("guest:/usr/bin/bash", ["-c", one.script], { ...optionsFor(one), root });
    oracle.set(one.name, run);
  }
  return run;
}

const text = (run: RunResult) => ({
  stdout: run.stdout.toString("latin1"),
  stderr: run.stderr.toString("latin1"),
  code: run.code,
  signal: run.signal,
});

test("every program has a case, and names are unique", () => {
  const programs = [
    ...["bash", "dash", "coreutils", "findutils", "grep", "sed", "gawk", "tar", "gzip", "xz-utils", "zstd", "jq", "bc"],
    ...["lua5.4", "perl", "sqlite3", "python3", "nodejs"],
  ];
  const named = new Set(cases.map((one) => one.name.replace(/\/.*/, "")));
  expect(programs.filter((program) => !named.has(program))).toEqual([]);
  expect(new Set(cases.map((one) => one.name)).size).toBe(cases.length);
});

for (const harts of [1, 4]) {
  describe.skipIf(!root)(`debian, ${harts} hart${harts > 1 ? "s" : ""}`, () => {
    let machine: Machine | undefined;
    const log: string[] = [];

    async function running(): Promise<Runtime> {
      machine ??= await Machine.create({
        harts,
        memory: 1024,
        layers: [directoryLayer(root)],
        log: (level, line) => log.push(`${level}: ${line}`),
      });
      return machine;
    }
    afterAll(async () => {
      await machine?.stop();
    });

    for (const one of cases) {
      test(one.name, { timeout: 240_000 }, async () => {
        const want = await qemu(one);
        const runtime = await running();
        const options = optionsFor(one);
        await runtime.fs.mkdir(options.cwd ?? "/tmp", { recursive: true });
        let run: RunResult;
        try {
          run = await runIn(runtime, "/usr/bin/bash", ["-c", one.script], options);
        } catch (error) {
          // The next case gets a machine that works.
          const broken = machine;
          machine = undefined;
          await broken?.stop();
          throw new Error(`${(error as Error).message}\n${log.splice(0).join("\n")}`);
        }
        expect(text(run)).toEqual(text(want));
      });
    }
  });
}
