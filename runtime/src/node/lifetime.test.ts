/** When Node may end: pending calls keep it alive, an idle machine does not. */
import { spawn } from "node:child_process";
import { expect, test } from "vitest";

const RUNTIME = new URL("../index.ts", import.meta.url).href;
const GUESTS = new URL("../testing/guests.ts", import.meta.url).href;

/** Runs a script in a Node of its own; undefined as code when it did not end in time. */
function run(script: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const source = `
    import { Runtime } from ${JSON.stringify(RUNTIME)};
    import { cat, hello, spin } from ${JSON.stringify(GUESTS)};
    const machine = await Runtime.create({ harts: 2, memory: 128 });
    ${script}`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
      timeout: 20_000,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => {
      stdout += String(text);
    });
    child.stderr.on("data", (text) => {
      stderr += String(text);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

test("a pending call keeps Node alive until it is answered", async () => {
  const done = await run(`
    const process_ = await machine.spawn(hello("one ", 5));
    const { stdout, code } = await process_.output();
    console.log(new TextDecoder().decode(stdout) + code);`);
  expect(done).toEqual({ code: 0, stdout: "one 5\n", stderr: "" });
}, 30_000);

test("a machine without calls lets Node end, whatever its guests do", async () => {
  expect(await run(`await machine.noop(); console.log("idle");`)).toEqual({ code: 0, stdout: "idle\n", stderr: "" });
}, 30_000);

test("process.exit ends a machine whose guests loop", async () => {
  const done = await run(`
    await Promise.all([machine.spawn(spin()), machine.spawn(spin()), machine.spawn(cat())]);
    process.exit(7);`);
  expect(done).toEqual({ code: 7, stdout: "", stderr: "" });
}, 30_000);

test("stop() leaves nothing that keeps Node alive", async () => {
  const done = await run(`
    const running = await machine.spawn(spin());
    running.exit.catch((error) => console.log(error.name));
    await machine.stop();
    console.log("stopped");`);
  expect(done).toEqual({ code: 0, stdout: "MachineStopped\nstopped\n", stderr: "" });
}, 30_000);
