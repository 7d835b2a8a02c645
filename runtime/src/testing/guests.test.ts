/** The programs themselves, under the oracle. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { cat, crash, hello, printArguments, unsupported } from "./guests.ts";

const QEMU = "/usr/bin/qemu-riscv64-static";
const folder = mkdtempSync(join(tmpdir(), "foreshore-guests-"));

afterAll(() => rmSync(folder, { recursive: true }));

function run(program: Uint8Array, args: string[] = [], input = "", env: Record<string, string> = {}) {
  const path = join(folder, "program");
  writeFileSync(path, program, { mode: 0o755 });
  // qemu's own environment would reach the guest.
  const settings = Object.entries(env).flatMap(([name, value]) => ["-E", `${name}=${value}`]);
  return spawnSync(QEMU, [...settings, path, ...args], { input, env: {} });
}

describe.skipIf(!existsSync(QEMU))("test programs under qemu-riscv64", () => {
  test("hello", () => {
    const done = run(hello("hi\n", 7));
    expect([done.status, done.stdout.toString()]).toEqual([7, "hi\n"]);
  });

  test("cat", () => {
    const text = "line\n".repeat(20_000);
    expect(run(cat(), [], text).stdout.toString()).toBe(text);
    writeFileSync(join(folder, "file"), text);
    expect(run(cat(true), [join(folder, "file")]).stdout.toString()).toBe(text);
    expect(run(cat(true), ["/no/such"]).status).toBe(1);
  });

  test("printArguments", () => {
    const done = run(printArguments(), ["one", "", "three"], "", { HOME: "/x" });
    expect(done.stdout.toString().split("\n").slice(1)).toEqual(["one", "", "three", "HOME=/x", ""]);
  });

  test("crash and unsupported", () => {
    expect(run(crash()).signal).toBe("SIGSEGV");
    expect(run(unsupported()).status).toBe(38);
  });
});
