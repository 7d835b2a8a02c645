/** examples/mini-host: a host made of @foreshore/abi and kernel.wasm alone runs programs, and refuses other kernels. */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ABI, abiText } from "@foreshore/abi";
import { afterAll, describe, expect, test } from "vitest";
import { crash } from "../runtime/src/testing/guests.ts";
import { watKernel } from "../runtime/src/testing/wat-kernel.ts";
import { allowedSkip, busyboxRoot } from "./busybox/root.ts";
import { guest, missingTool } from "./guests/build.ts";

const ROOT = join(import.meta.dirname, "..");
const MAIN = join(ROOT, "examples/mini-host/main.ts");
const KERNEL = join(ROOT, "build/kernel.wasm");
const folder = mkdtempSync(join(tmpdir(), "foreshore-mini-host-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const host = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

describe("the mini-host", () => {
  test.skipIf(missingTool("hello"))("runs a static program and ends as it does", async () => {
    const { stdout, stderr, status } = host(KERNEL, await guest("hello"));
    expect({ stdout, stderr, status }).toEqual({ stdout: "hello from riscv64\n", stderr: "", status: 0 });
  });

  test("a program that a signal ends", () => {
    const program = join(folder, "crash");
    writeFileSync(program, crash(), { mode: 0o755 });
    expect(host(KERNEL, program).status).toBe(128 + 11);
  });

  test.each([
    ["no arguments", [], 2, "usage:"],
    ["a file that is no program", [KERNEL, MAIN], 1, "ENOEXEC"],
    ["a file that is not there", [KERNEL, "/no/such/program"], 1, "no such file"],
  ])("%s", (_, args, status, text) => {
    const result = host(...args);
    expect(result.stderr).toContain(text);
    expect(result.status).toBe(status);
  });

  test("a kernel of another ABI is refused, and both versions are named", () => {
    const kernel = join(folder, "other.wasm");
    writeFileSync(kernel, watKernel({ major: 7, layoutHashLo: 0x89abcdef }));
    const { stderr, status } = host(kernel, KERNEL);
    expect(stderr).toContain(abiText(ABI));
    expect(stderr).toContain(abiText({ ...ABI, abiMajor: 7, layoutHashLo: 0x89abcdef }));
    expect(status).toBe(1);
  });

  test("is small, and imports nothing of ours but @foreshore/abi", () => {
    const files = globSync(join(ROOT, "examples/mini-host/*.ts"));
    const text = files.map((file) => readFileSync(file, "utf8")).join("");
    expect(text.split("\n").length).toBeLessThanOrEqual(200);
    expect(new Set([...text.matchAll(/from "(@[^"]+)"/g)].map((match) => match[1]))).toEqual(
      new Set(["@foreshore/abi"]),
    );
  });
});

const found = await busyboxRoot();
if ("missing" in found) console.warn(allowedSkip("busybox", found.missing));

describe.skipIf("missing" in found)("busybox in the mini-host", () => {
  const busybox = "missing" in found ? "" : join(found.root, "bin/busybox");

  test.each([
    ["echo out; echo err >&2; exit 3", "out\n", "err\n", 3],
    ["for i in 1 2 3; do echo $i; done | busybox sort -r", "3\n2\n1\n", "", 0],
    ["busybox sleep 0.05 && busybox yes | busybox head -c 300000 | busybox wc -c", "300000\n", "", 0],
    ["busybox yes | busybox head -n 40000", "y\n".repeat(40000), "", 0],
    ["kill -9 $$", "", "", 128 + 9],
  ])("sh -c %j", (script, stdout, stderr, status) => {
    const run = host(KERNEL, busybox, "sh", "-c", script);
    expect(run.stdout.length).toBe(stdout.length);
    expect({ stdout: run.stdout, stderr: run.stderr, status: run.status }).toEqual({ stdout, stderr, status });
  });
});
