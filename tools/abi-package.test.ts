/** What the package of the ABI carries beside its code, so that others can generate their own. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { hello } from "../runtime/src/testing/guests.ts";

const ROOT = join(import.meta.dirname, "..");
const ABI = join(ROOT, "abi");
const folder = mkdtempSync(join(tmpdir(), "foreshore-abi-package-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const npm = (cwd: string, ...args: string[]): string => execFileSync("npm", args, { cwd, encoding: "utf8" });
const node = (cwd: string, ...args: string[]): string =>
  execFileSync(process.execPath, args, { cwd, encoding: "utf8" });

/** The archive that npm makes of a package's folder. */
function packed(from: string): string {
  const [{ filename }] = JSON.parse(npm(from, "pack", "--json", "--offline", "--pack-destination", folder)) as [
    { filename: string },
  ];
  return join(folder, filename);
}

test("npm packs the schemas, the lock, the vectors and the C header", () => {
  const out = execFileSync("npm", ["pack", "--dry-run", "--json", "--offline"], { cwd: ABI, encoding: "utf8" });
  const [packed] = JSON.parse(out) as [{ files: { path: string }[] }];
  const paths = new Set(packed.files.map((file) => file.path));
  const schemas = readdirSync(ABI).filter((file) => file.endsWith(".fbs"));
  expect(schemas.length).toBeGreaterThan(10);
  const wanted = [
    ...schemas,
    "foreshore.bfbs",
    "abi.lock.json",
    "vectors.json",
    "c/foreshore_abi.h",
    "README.md",
    "src/conformance/index.ts",
  ];
  expect(wanted.filter((path) => !paths.has(path))).toEqual([]);
  expect([...paths].filter((path) => path.startsWith("archive/") || path.endsWith(".test.ts"))).toEqual([]);
});

/** A program of a stranger's: the vectors against this package's own codec, from what npm has installed. */
const STRANGER = `
  import { listCases, ownCodec, runKit } from "@foreshore/abi/conformance";
  import { Opcode } from "@foreshore/abi";
  import vectors from "@foreshore/abi/vectors.json" with { type: "json" };
  const subject = { name: "own", codec: ownCodec, open: () => { throw new Error("no machine"); }, close: async () => {} };
  const results = await runKit(subject, { vectors, only: (family) => family === "vectors" });
  console.log(JSON.stringify({
    failed: results.filter(({ outcome }) => outcome !== "passed"),
    count: results.length,
    cases: listCases(vectors).length,
    noop: Opcode.Noop,
  }));
`;

/** Relative links of a package's documents that lead nowhere in it. */
function deadLinks(root: string): string[] {
  return globSync("**/*.md", { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !existsSync(join(root, dirname(file), link)))
      .map((link) => `${file}: ${link}`),
  );
}

test("the packed package works in an empty folder: module, vectors, conformance kit and its command", () => {
  node(ROOT, "tools/build.ts", "packages", "--out", join(folder, "dist"));
  const built = ["abi", "runtime", "sdk"].map((name) => join(folder, "dist", name));
  expect(built.filter((root) => !existsSync(join(root, "README.md")))).toEqual([]);
  expect(built.flatMap(deadLinks)).toEqual([]);
  // What --help sends a reader to.
  expect(existsSync(join(folder, "dist/abi/docs/abi/conformance.md"))).toBe(true);
  expect(readFileSync(join(folder, "dist/abi/examples/mini-host/machine.ts"), "utf8")).toContain("@foreshore/abi");
  const archives = [join(folder, "dist/abi"), join(ROOT, "node_modules/flatbuffers")].map(packed);
  const home = mkdtempSync(join(folder, "stranger-"));
  writeFileSync(join(home, "package.json"), '{ "private": true, "type": "module" }');
  npm(home, "install", "--offline", "--no-audit", "--no-fund", ...archives);
  writeFileSync(join(home, "stranger.mjs"), STRANGER);
  const said = JSON.parse(node(home, "stranger.mjs")) as {
    failed: unknown[];
    count: number;
    cases: number;
    noop: number;
  };
  expect(said.failed).toEqual([]);
  expect(said.count).toBeGreaterThan(100);
  expect(said.noop).toBe(1);

  const command = join(home, "node_modules/.bin/foreshore-conformance");
  expect(execFileSync(command, ["--help"], { encoding: "utf8" })).toContain("usage: foreshore-conformance");
  expect(execFileSync(command, ["--list"], { encoding: "utf8" }).trim().split("\n")).toHaveLength(said.cases);
  // A subject of the checkout, driven by the installed kit.
  const subject = join(ROOT, "test/conformance/subject-main.ts");
  const only = ["--only", "version: ", "--", process.execPath, subject];
  expect(execFileSync(command, only, { encoding: "utf8" })).toContain("12 passed, 0 failed, 0 skipped");

  // The examples, as their READMEs say: copied out of the package, for node strips no types below node_modules.
  const installed = join(home, "node_modules/@foreshore/abi");
  cpSync(join(installed, "examples"), home, { recursive: true });
  const program = join(home, "hello");
  writeFileSync(program, hello("from the package\n", 42), { mode: 0o755 });
  const host = spawnSync(process.execPath, ["mini-host/main.ts", join(ROOT, "build/kernel.wasm"), program], {
    cwd: home,
    encoding: "utf8",
  });
  expect(host).toMatchObject({ status: 42, stdout: "from the package\n", stderr: "" });
  const compile = [
    "-std=c11",
    "-Wall",
    "-Werror",
    "-I",
    join(installed, "c"),
    "-o",
    join(home, "top"),
    join(home, "c-top/top.c"),
  ];
  execFileSync("gcc", compile);
  const client = spawnSync("python3", ["python/foreshore.py"], { cwd: home, encoding: "utf8" });
  expect(client.stderr).toContain("foreshore.py LOCK SOCKET version");
});
