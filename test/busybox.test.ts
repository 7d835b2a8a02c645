/** Debian's busybox in one Foreshore machine, with one hart and with four, each command's output as under qemu. */
import { readdirSync, readFileSync } from "node:fs";
import { Runtime } from "@foreshore/runtime";
import { applyLayer, directoryLayer } from "@foreshore/sdk/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applets, type Command, shell } from "./busybox/commands.ts";
import { allowedSkip, busyboxRoot } from "./busybox/root.ts";
import { runIn } from "./oracle/foreshore.ts";
import { runNativeKernel } from "./oracle/native-kernel.ts";
import { runQemu } from "./oracle/qemu.ts";
import type { RunOptions, RunResult } from "./oracle/sandbox.ts";

const found = await busyboxRoot();
if ("missing" in found) console.warn(allowedSkip("busybox", found.missing));
const root = "root" in found ? found.root : "";
const commands = [...applets, ...shell];

function optionsFor(command: Command): RunOptions {
  return {
    stdin: command.stdin ?? "",
    env: { PATH: "/bin", HOME: "/tmp", TZ: "UTC", LC_ALL: "C" },
    cwd: `/tmp/${command.name}`,
    timeoutMs: 30_000,
  };
}

const oracle = new Map<string, Promise<RunResult>>();
function qemu(command: Command): Promise<RunResult> {
  let run = oracle.get(command.name);
  if (!run) {
    run = runQemu("guest:/bin/busybox", ["sh", "-c", command.script], { ...optionsFor(command), root });
    oracle.set(command.name, run);
  }
  return run;
}

const text = (run: RunResult) => ({
  stdout: run.stdout.toString("latin1"),
  stderr: run.stderr.toString("latin1"),
  code: run.code,
  signal: run.signal,
});

test("there are enough commands, each with a name of its own", () => {
  expect(applets.length).toBeGreaterThanOrEqual(60);
  expect(new Set(commands.map((command) => command.name)).size).toBe(commands.length);
});

test.skipIf(!root)("every applet has a command, or a reason why it has none", () => {
  const list = readdirSync(`${root}/bin`).sort();
  const { covered, left } = JSON.parse(
    readFileSync(new URL("busybox/applets.json", import.meta.url), "utf8"),
  ) as Record<"covered" | "left", Record<string, string>>;
  expect([...Object.keys(covered), ...Object.keys(left)].sort()).toEqual(list);
  for (const [applet, name] of Object.entries(covered)) {
    const script = commands.find((command) => command.name === name)?.script ?? "";
    expect(script.split(/[\s;|&(){}`"'!]+/), `${name} runs ${applet}`).toContain(applet);
  }
});

for (const harts of [1, 4]) {
  describe.skipIf(!root)(`busybox, ${harts} hart${harts > 1 ? "s" : ""}`, () => {
    let runtime: Runtime | undefined;
    const log: string[] = [];

    async function machine(): Promise<Runtime> {
      if (runtime) return runtime;
      runtime = await Runtime.create({ harts, log: (level, line) => log.push(`${level}: ${line}`) });
      await applyLayer(runtime, directoryLayer(root));
      await runtime.fs.mkdir("/tmp", { recursive: true });
      return runtime;
    }
    beforeAll(async () => {
      await machine();
    });
    afterAll(async () => {
      await runtime?.stop();
    });

    for (const command of commands) {
      test(command.name, { timeout: 90_000 }, async () => {
        const want = await qemu(command);
        const options = optionsFor(command);
        const here = await machine();
        await here.fs.mkdir(options.cwd ?? "/tmp", { recursive: true });
        let run: RunResult;
        try {
          run = await runIn(here, "/bin/busybox", ["sh", "-c", command.script], options);
        } catch (error) {
          // The next command gets a machine that works.
          runtime = undefined;
          await here.stop();
          throw new Error(`${(error as Error).message}\n${log.splice(0).join("\n")}`);
        }
        expect(text(run)).toEqual(text(want));
      });
    }
  });
}

// The same kernel as a native program, a machine for each command: every other one with a single hart.
describe.skipIf(!root)("busybox on the native kernel", () => {
  for (const [at, command] of commands.entries()) {
    const harts = at % 2 === 0 ? 4 : 1;
    test(`${command.name}, ${harts} hart${harts > 1 ? "s" : ""}`, { timeout: 90_000 }, async () => {
      const run = await runNativeKernel({ harts }, "guest:/bin/busybox", ["sh", "-c", command.script], {
        ...optionsFor(command),
        root,
      });
      expect(text(run)).toEqual(text(await qemu(command)));
    });
  }
});
