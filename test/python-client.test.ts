/** examples/python: a client of a machine that stands on abi.lock.json and Python's own library alone. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ABI, abiText } from "@foreshore/abi";
import { Runtime } from "@foreshore/runtime";
import { controlSocket, type ListeningSocket } from "@foreshore/sdk/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cat } from "../runtime/src/testing/guests.ts";

const ROOT = join(import.meta.dirname, "..");
const CLIENT = join(ROOT, "examples/python/foreshore.py");
const LOCK = join(ROOT, "abi/abi.lock.json");
const folder = mkdtempSync(join(tmpdir(), "foreshore-python-"));
const path = join(folder, "control");
let machine: Runtime;
let listening: ListeningSocket;

beforeAll(async () => {
  machine = await Runtime.create({ memory: 128, harts: 1 });
  await machine.fs.writeFile("/cat", cat(), { mode: 0o755 });
  listening = await controlSocket(machine, path, () => undefined);
});
afterAll(async () => {
  await listening?.close();
  await machine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What the client prints, or with which words it ends. */
function client(args: readonly string[], input = "", lock = LOCK): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile("python3", [CLIENT, lock, path, ...args], { maxBuffer: 1 << 22 }, (_error, stdout, stderr) =>
      resolve({ stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

test("it is small, and imports Python's own library only", () => {
  const text = readFileSync(CLIENT, "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  expect([...text.matchAll(/^import (\w+)$/gm)].map((match) => match[1])).toEqual([
    "json",
    "re",
    "socket",
    "struct",
    "sys",
  ]);
});

test("files are written, listed and read", async () => {
  expect(await client(["put", "/from-python"], "Grüße\n")).toEqual({ stdout: "", stderr: "" });
  expect(await machine.fs.readFile("/from-python", { encoding: "utf8" })).toBe("Grüße\n");
  expect((await client(["cat", "/from-python"])).stdout).toBe("Grüße\n");
  expect((await client(["ls", "/"])).stdout.split("\n")).toEqual(
    expect.arrayContaining([".", "..", "cat", "from-python"]),
  );
});

test("what is longer than one reply or request is taken in pieces", async () => {
  const text = "0123456789abcde\n".repeat(20_000);
  await client(["put", "/long"], text);
  expect(await machine.fs.readFile("/long", { encoding: "utf8" })).toBe(text);
  expect((await client(["cat", "/long"])).stdout).toBe(text);
  const names = Array.from({ length: 4000 }, (_, i) => `a-name-of-some-length-${i}`);
  await machine.fs.writeFiles(names.map((name) => ({ path: `/many/${name}`, data: "" })));
  const listed = (await client(["ls", "/many"])).stdout.trimEnd().split("\n");
  expect(listed.sort()).toEqual([".", "..", ...names].sort());
});

test("processes are read from the machine's records", async () => {
  const child = await machine.spawn("/cat", [], { stdout: "null", stderr: "null" });
  expect((await client(["ps"])).stdout.split("\n")).toContain(`${child.pid} cat`);
  await child.kill();
  await child.exit;
});

test("errors have the names that the reference gives them", async () => {
  expect((await client(["cat", "/no/such"])).stderr).toBe("ReadFile: ENOENT\n");
});

test("a lock of another layout is refused, and the machine's version is named", async () => {
  const other = join(folder, "other.json");
  writeFileSync(other, JSON.stringify({ ...JSON.parse(readFileSync(LOCK, "utf8")), layoutHash: "0123456789abcdef" }));
  expect((await client(["version"], "", other)).stderr).toBe(
    `refused: Version; the machine speaks ABI ${abiText(ABI)}\n`,
  );
  expect((await client(["version"])).stdout).toMatch(
    new RegExp(`^${ABI.abiMajor}\\.${ABI.abiMinor}, arena of \\d+ bytes\\n$`),
  );
});
