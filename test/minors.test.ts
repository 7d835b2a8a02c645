/**
 * Packages of several versions on one another's machine: 1.0, a 1.1 with additions, and another 1.1 that was made apart from
 * it. Each is this checkout's schema with another version and a few lines more, generated, with `abi/src` as it is.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

type Index = typeof import("@foreshore/abi");
type Fake = typeof import("@foreshore/abi/testing");
type Sample = typeof import("../abi/src/testing/sample-machine.ts");
type Frames = typeof import("../abi/src/control/frames.ts");
type Shared = typeof import("../abi/src/client/shared-transport.ts");
type Side = Index & Fake & Sample & Frames & Shared & { readonly root: string };

/** A change of one schema file: what is replaced, once, by what. */
type Edit = readonly [file: string, from: string, to: string];

const version = (major: number, minor: number): Edit => [
  "version.fbs",
  "{ Major: ushort = 0; Minor: ushort = 1; }",
  `{ Major: ushort = ${major}; Minor: ushort = ${minor}; }`,
];

/** One of each addition that a minor may bring. */
const additions = (name: string): Edit[] => [
  ["machine.fbs", "Mount = 26,", `Mount = 26, ${name} = 31,`],
  ["files.fbs", "Path = 9,", `Path = 9, ${name} = 99,`],
  [
    "files.fbs",
    'hangups: uint (unit: "count");\n  reserved0: uint (reserved);',
    `hangups: uint (unit: "count");\n  /// Added.\n  ${name.toLowerCase()}: uint (unit: "count");`,
  ],
  ["rpc.fbs", "Truncate = 37,", `Truncate = 37,\n  ${name} = 60,`],
  [
    "rpc.fbs",
    "/// Does nothing: measures the way there and back.",
    `/// Added.\nstruct ${name}Request (union: "KernelWorkerRequest", opcode: "${name}", owner: "client", prompt, errnos: "") {\n  /// Opcode and request id.\n  header: RpcHeader;\n  reserved0: [uint:14] (reserved);\n}\n/// Does nothing: measures the way there and back.`,
  ],
  [
    "tables.fbs",
    "  release: string (required);\n}",
    `  release: string (required);\n  /// Added.\n  ${name.toLowerCase()}: ulong (unit: "count");\n}`,
  ],
];

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** @param lock whose lock holds the change to the rules of a minor */
async function side(edits: readonly Edit[], lock?: Side): Promise<Side> {
  const root = mkdtempSync(join(tmpdir(), "foreshore-minors-"));
  folders.push(root);
  mkdirSync(join(root, "abi"));
  cpSync(join(ROOT, "abi"), join(root, "abi"), {
    recursive: true,
    filter: (path) => !/\/(ts|c|archive|node_modules)$|\.test\.ts$|abi\.lock\.json$/.test(path),
  });
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  for (const [file, from, to] of edits) {
    const path = join(root, "abi", file);
    const text = readFileSync(path, "utf8");
    expect(text.split(from), `${file} has "${from}" once`).toHaveLength(2);
    writeFileSync(path, text.replace(from, to));
  }
  if (lock !== undefined) cpSync(join(lock.root, "abi/abi.lock.json"), join(root, "abi/abi.lock.json"));
  execFileSync(process.execPath, [join(ROOT, "codegen/src/main.ts"), "--root", root], { stdio: "pipe" });
  const load = (path: string): Promise<object> =>
    import(/* @vite-ignore */ pathToFileURL(join(root, "abi/src", path)).href);
  const parts = await Promise.all(
    [
      "index.ts",
      "testing/fake-kernel.ts",
      "testing/sample-machine.ts",
      "control/frames.ts",
      "client/shared-transport.ts",
    ].map(load),
  );
  return Object.assign({ root }, ...parts) as Side;
}

/** A limit for what hangs: the generator runs four times, and Go's compiler once. */
const BUILD_MS = 600_000;

let first: Side;
let later: Side;
let fork: Side;
let unreleased: Side;

beforeAll(async () => {
  unreleased = await side([]);
  first = await side([version(1, 0)]);
  [later, fork] = await Promise.all([
    side([version(1, 1), ...additions("Later")], first),
    side([version(1, 1), ...additions("Fork")], first),
  ]);
}, BUILD_MS);

const pairs = (): [string, Side, Side][] => [
  ["an earlier minor reads a later", first, later],
  ["a later minor reads an earlier", later, first],
];
const foreign = (): [string, Side, Side][] => [
  ["the same minor, made apart", later, fork],
  ["and the other way round", fork, later],
  ["another major", first, unreleased],
  ["before the first release, any other", unreleased, first],
];

/** What all processes of a machine are, read by `reader` from a memory that `writer` has made. */
function processes(reader: Side, writer: Side): object[] {
  const { bytes } = writer.sampleMachine();
  return reader.processTable(reader.attach(bytes.slice().buffer));
}

test("the schema's additions are those of a minor", () => {
  // The generator has taken them against the lock of 1.0, without --accept; else the sides were not there.
  expect(later.ABI).toMatchObject({ abiMajor: 1, abiMinor: 1 });
  expect(later.SlotKind).toMatchObject({ Later: 31 });
  expect(later.layoutText(later.ABI)).not.toBe(fork.layoutText(fork.ABI));
});

describe("memory", () => {
  test("is read across a minor", () => {
    for (const [name, reader, writer] of pairs()) {
      const seen = processes(reader, writer);
      expect(seen, name).toHaveLength(2);
      expect(seen, name).toEqual(processes(writer, writer));
    }
  });

  test("of others is refused, with both versions", () => {
    for (const [name, reader, writer] of foreign()) {
      const said = reader.abiText(writer.ABI);
      expect(() => processes(reader, writer), name).toThrow(
        `these packages speak ABI ${reader.abiText(reader.ABI)}, the machine ${said}: use packages of the same release`,
      );
    }
  });
});

describe("rings", () => {
  test("carry requests and replies across a minor", async () => {
    for (const [name, client, kernel] of pairs()) {
      const fake = new kernel.FakeKernel();
      const rpc = new client.RpcClient(
        new client.SharedTransport(new client.Mem(fake.mem.u8.buffer), fake.slotAddress, { useKick: false }),
        { onEvent: () => undefined, onFailure: () => undefined },
      );
      const asked: object[] = [];
      const server = fake.serve((request) => {
        asked.push(request);
        return { result: 3 };
      });
      await rpc.request.noop();
      const { bytes } = await rpc.request.writeFile({
        path: "/f",
        data: new Uint8Array(3),
        openFlags: client.OpenFlag.O_CREAT,
        mode: 0o644,
      });
      expect(bytes, name).toBe(3);
      expect(asked, name).toMatchObject([
        { opcode: kernel.Opcode.Noop },
        { opcode: kernel.Opcode.WriteFile, openFlags: kernel.OpenFlag.O_CREAT, position: 0 },
      ]);
      server.stop();
      rpc.fail(new client.MachineStopped());
    }
  });
});

describe("the hello of a control channel", () => {
  const heard = (reader: Side, writer: Side): string | undefined =>
    reader.helloMismatch(
      reader.decodeHello(writer.encodeHello({ status: writer.ControlStatus.Ok, arenaBytes: 0 })),
      "peer",
    )?.why;

  test("fits across a minor", () => {
    for (const [name, reader, writer] of pairs()) expect(heard(reader, writer), name).toBeUndefined();
  });

  test("of others is refused, with both versions", () => {
    for (const [name, reader, writer] of foreign()) {
      expect(heard(reader, writer), name).toBe(
        `these packages speak ABI ${reader.abiText(reader.ABI)}, the peer ${reader.abiText(writer.ABI)}: use packages of the same release`,
      );
    }
  });
});

test("tables are read across a minor; what only the later one has is what the schema says of absent fields", () => {
  const state = { abiMajor: 1, abiMinor: 0, layoutHash: 5n, release: "r", tables: [] };
  const more = { ...state, later: 7n };
  const read = (reader: Side, writer: Side, data: object): object =>
    reader.readKernelRuntimeState(
      writer.buildKernelRuntimeState(data as Parameters<Side["buildKernelRuntimeState"]>[0]),
    );
  expect(read(first, later, more)).toMatchObject(state);
  expect(read(first, later, more)).not.toHaveProperty("later");
  expect(read(later, first, state)).toMatchObject({ ...state, later: 0n });
});

/** Theirs, and whether a package of 1.0 understands that; `hash` is 1.0's own. */
const cases = (hash: { layoutHashLo: number; layoutHashHi: number }): [number, number, number, number, boolean][] => [
  [1, 0, hash.layoutHashLo, hash.layoutHashHi, true],
  [1, 0, hash.layoutHashLo ^ 1, hash.layoutHashHi, false],
  [1, 0, hash.layoutHashLo, hash.layoutHashHi ^ 1, false],
  [1, 1, 7, 8, true],
  [1, 65535, 7, 8, true],
  [0, 0, hash.layoutHashLo, hash.layoutHashHi, false],
  [2, 0, hash.layoutHashLo, hash.layoutHashHi, false],
  [2, 1, 7, 8, false],
];

describe("the rule is the same in each language", () => {
  test("TypeScript", () => {
    for (const [abiMajor, abiMinor, layoutHashLo, layoutHashHi, fits] of cases(first.ABI))
      expect(first.abiFits({ abiMajor, abiMinor, layoutHashLo, layoutHashHi })).toBe(fits);
    // Before the first release only the layout counts.
    expect(unreleased.abiFits({ ...unreleased.ABI, abiMinor: 9 })).toBe(true);
    expect(unreleased.abiFits({ ...unreleased.ABI, abiMinor: 9, layoutHashLo: 1 })).toBe(false);
  });

  const words = (): string[] =>
    cases(first.ABI).map(([major, minor, lo, hi]) => [major, minor, lo >>> 0, hi >>> 0].join(", "));
  const wanted = (): string =>
    cases(first.ABI)
      .map(([, , , , fits]) => `${Number(fits)}\n`)
      .join("");

  test("C", () => {
    const calls = words().map((call) => `  printf("%d\\n", fsh_abi_fits(${call}));`);
    const source = join(first.root, "fits.c");
    writeFileSync(source, `#include "foreshore_abi.h"\n#include <stdio.h>\nint main(void) {\n${calls.join("\n")}\n}\n`);
    const program = join(first.root, "fits");
    execFileSync("gcc", ["-std=c11", "-Wall", "-Wextra", "-Werror", `-I${first.root}/abi/c`, "-o", program, source]);
    expect(execFileSync(program, { encoding: "utf8" })).toBe(wanted());
  });

  test(
    "Go",
    () => {
      const module = join(first.root, "kernel-go");
      // What of the package is written by hand, beside what has just been generated.
      const ours = join(ROOT, "kernel-go/abi");
      for (const file of readdirSync(ours)) {
        if (file.endsWith(".go") && !file.endsWith("_test.go") && !existsSync(join(module, "abi", file)))
          cpSync(join(ours, file), join(module, "abi", file));
      }
      const calls = words().map((call) => `\tsay(abi.Fits(${call}))`);
      writeFileSync(join(module, "go.mod"), "module fits\n\ngo 1.24\n");
      writeFileSync(
        join(module, "main.go"),
        `package main\n\nimport "fits/abi"\n\nfunc say(b bool) {\n\tif b {\n\t\tprintln(1)\n\t} else {\n\t\tprintln(0)\n\t}\n}\n\nfunc main() {\n${calls.join("\n")}\n}\n`,
      );
      // println writes to standard error.
      const run = spawnSync("go", ["run", "."], { cwd: module, encoding: "utf8" });
      expect(run.stderr).toBe(wanted());
    },
    BUILD_MS,
  );
});
