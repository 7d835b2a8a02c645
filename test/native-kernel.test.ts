/** `foreshore-native` as a command: streams, exit codes, signals, time limits. What guests do in it is tested where the guests are. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_ENV } from "@foreshore/abi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { printArguments } from "../runtime/src/testing/guests.ts";
import { guest, missingTool } from "./guests/build.ts";
import { nativeKernel } from "./oracle/native-kernel.ts";

const missing = missingTool();
const folder = mkdtempSync(join(tmpdir(), "native-kernel-test-"));

interface Ended {
  stdout: Buffer;
  stderr: string;
  code: number | null;
}

/** @param atOutput is called once, when the program has written something */
async function run(
  args: string[],
  stdin: Uint8Array | null = null,
  atOutput?: (child: ReturnType<typeof spawn>) => void,
): Promise<Ended> {
  const child = spawn(await nativeKernel(), args, { stdio: ["pipe", "pipe", "pipe"] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => {
    if (out.push(part) === 1) atOutput?.(child);
  });
  child.stderr.on("data", (part: Buffer) => err.push(part));
  child.stdin.on("error", () => {});
  if (stdin !== null) child.stdin.end(stdin);
  const code = await new Promise<number | null>((done, fail) => {
    child.on("error", fail);
    child.on("close", (status) => done(status));
  });
  return { stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString(), code };
}

/** A compiler that shares its processors is no part of what a case may take. */
const BUILD_MS = 300_000;

describe.skipIf(missing)("foreshore-native", () => {
  let wild = "";
  beforeAll(async () => {
    wild = await guest("wild");
    await nativeKernel();
  }, BUILD_MS);
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([1, 4])("carries any bytes both ways, %i harts", async (harts) => {
    const bytes = Buffer.alloc(1_500_000);
    for (let i = 0, x = 1; i < bytes.length; i++) {
      x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
      bytes[i] = x >>> 16;
    }
    const { stdout, stderr, code } = await run(["-harts", String(harts), wild, "cat"], bytes);
    expect({ same: stdout.equals(bytes), stderr, code }).toEqual({ same: true, stderr: "", code: 0 });
  });

  test("keeps the streams apart and hands the exit code on", async () => {
    const { stdout, stderr, code } = await run([wild, "stderr"]);
    expect({ stdout: stdout.toString(), stderr, code }).toEqual({ stdout: "out", stderr: "err", code: 5 });
  });

  test("gives programs the same environment as the Runtime", async () => {
    const print = join(folder, "print");
    writeFileSync(print, printArguments(), { mode: 0o755 });
    const usual = Object.entries(DEFAULT_ENV).map(([name, value]) => `${name}=${value}\n`);
    const { stdout, code } = await run([print]);
    expect([stdout.toString(), code]).toEqual([`${print}\n${usual.join("")}`, 0]);
  });

  test.each([
    ["null", 128 + 11],
    ["illegal", 128 + 4],
    ["abort", 128 + 6],
  ])("a program that ends by a signal: %s", async (how, code) => {
    expect(await run([wild, how])).toEqual({ stdout: Buffer.alloc(0), stderr: "", code });
  });

  test.each(["loop", "sleep"])("-timeout ends a program that does not: %s", async (how) => {
    const { code, stderr } = await run(["-harts", "2", "-timeout", "0.3", wild, how]);
    expect({ code, stderr }).toEqual({ code: 124, stderr: "" });
  });

  test("hands signals on", async () => {
    const { code, stdout } = await run([wild, "spin"], null, (child) => child.kill("SIGTERM"));
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 128 + 15, stdout: "spinning\n" });
  });

  test("a reader that goes away is a broken pipe for the program", async () => {
    const { code } = await run([wild, "flood"], null, (child) => child.stdout?.destroy());
    expect(code).toBe(128 + 13);
  });

  test("says why a program does not run", async () => {
    const text = join(folder, "text");
    writeFileSync(text, "no program", { mode: 0o755 });
    const plain = join(folder, "plain");
    writeFileSync(plain, "x", { mode: 0o644 });
    for (const [args, code, says] of [
      [[join(folder, "nothing")], 127, "no such file"],
      [[folder], 126, "not a regular file"],
      [[plain], 126, "not executable"],
      [[text], 126, "ENOEXEC"],
      [["-root", folder, "nothing"], 127, "not found in the machine"],
      [["-root", folder, "/plain"], 126, "permission denied"],
      [["-root", join(folder, "nothing"), "/x"], 125, "no such file"],
    ] as const) {
      const ended = await run([...args]);
      expect({ args, code: ended.code }).toEqual({ args, code });
      expect(ended.stderr).toContain(says);
    }
  });
});
