import { expect, test } from "vitest";
import { importCircles } from "./import-circles.ts";
import { checkImports } from "./imports.ts";

const declared = (workspace: string) =>
  new Set(
    { sdk: ["@foreshore/sdk", "@foreshore/abi", "@foreshore/runtime"] }[workspace] ?? [
      "@foreshore/runtime",
      "@foreshore/abi",
    ],
  );
const check = (path: string, text: string) => checkImports(path, text, declared);

test("the allowed directions pass", () => {
  expect(check("sdk/src/a.ts", 'import { Runtime } from "@foreshore/runtime";\nimport { b } from "./b.ts";\n')).toEqual(
    [],
  );
  expect(check("runtime/src/node/a.ts", 'import { readFileSync } from "node:fs";\n')).toEqual([]);
  expect(check("runtime/src/index.ts", 'const host = await import("./node/host.ts");\n')).toEqual([]);
  expect(
    check("runtime/src/common/a.test.ts", 'import { readFileSync } from "node:fs";\nimport { test } from "vitest";\n'),
  ).toEqual([]);
});

test("abi's parts import in one direction", () => {
  expect(check("abi/src/core/a.ts", 'import { Mem } from "./mem.ts";\n')).toEqual([]);
  expect(check("abi/ts/a.ts", 'import { Mem } from "../src/core/mem.ts";\nimport { B } from "./b.ts";\n')).toEqual([]);
  expect(check("abi/src/a.ts", 'import { Mem } from "./core/mem.ts";\nimport { B } from "../ts/b.ts";\n')).toEqual([]);
});

test.each([
  ["runtime/src/a.ts", 'import { Machine } from "@foreshore/sdk";', "sdk → runtime → abi"],
  ["abi/src/a.ts", 'import type { Runtime } from "@foreshore/runtime";', "sdk → runtime → abi"],
  ["abi/src/a.ts", 'export * from "@foreshore/runtime";', "sdk → runtime → abi"],
  ["examples/top/a.ts", 'import { Runtime } from "@foreshore/runtime";', "sdk → runtime → abi"],
  ["examples/top/a.ts", 'import { clock } from "../../runtime/src/common/clock.ts";', "must not leave examples/"],
  ["runtime/src/a.ts", 'import {\n  one,\n  two,\n} from "../../abi/ts/index.ts";', "must not leave runtime/"],
  ["runtime/src/common/a.ts", 'import { readFileSync } from "node:fs";', "Node's modules"],
  ["runtime/src/common/a.ts", 'import { host } from "../node/host.ts";', "must not import a node file"],
  ["runtime/src/browser/a.ts", 'import { host } from "../node/host.ts";', "must not import a node file"],
  [
    "runtime/src/common/a.ts",
    'const w = new URL("../browser/worker.ts", import.meta.url);',
    "must not import a browser file",
  ],
  ["runtime/src/index.ts", 'import { host } from "./node/host.ts";', "only by a dynamic import"],
  ["runtime/src/node/a.ts", 'import { readFileSync } from "fs";', "node: prefix"],
  ["runtime/src/a.ts", 'import tar from "tar";', "not among the dependencies"],
  ["abi/src/core/a.ts", 'import type { Errno } from "../../ts/errno.ts";', "imports nothing outside itself"],
  ["abi/src/core/a.ts", 'import { attach } from "../attach.ts";', "imports nothing outside itself"],
  ["abi/ts/a.ts", 'import type { Rows } from "../src/rows.ts";', "stands on abi/src/core/ alone"],
])("%s with %s is refused", (path, text, why) => {
  const problems = check(path, `// first line\n${text}\n`);
  expect(problems.length).toBeGreaterThan(0);
  expect(problems.join("\n")).toContain(why);
  expect(problems[0]).toMatch(/^[\w/.]+:2: imports "/);
});

test("kernel code imports what needs no heap; native files and tests are free", () => {
  const fmt = 'package kmem\n\nimport (\n\t"fmt"\n\t"sync/atomic"\n\n\t"foreshore.dev/kernel/abi"\n)\n';
  expect(check("kernel-go/kmem/a.go", fmt)).toHaveLength(1);
  expect(check("kernel-go/kmem/a.go", 'package kmem\n\nimport "os"\n')).toHaveLength(1);
  expect(check("kernel-go/kmem/a_test.go", fmt)).toEqual([]);
  expect(check("kernel-go/kmem/a.go", `//go:build !tinygo\n\n${fmt}`)).toEqual([]);
  expect(check("kernel-go/riscv/internal/randseq/elf.go", fmt)).toEqual([]);
  expect(check("kernel-go/riscv/internal/gen/main.go", 'package main\n\nimport "os"\n')).toEqual([]);
  expect(check("kernel-go/main/main.go", 'package main\n\nimport "os"\n')).toHaveLength(1);
});

const entry = (workspace: string, subpath: string) => (subpath === "." ? `${workspace}/src/index.ts` : undefined);
const circles = (files: Record<string, string>) => importCircles(new Map(Object.entries(files)), entry);

test("a circle of files is found, with its lines, whatever kind of import closes it", () => {
  const a = { "abi/src/a.ts": '// first\nimport { b } from "./deep/b.ts";\n' };
  const c = { "abi/src/c.ts": 'export * from "./a.ts";\n' };
  for (const closing of [
    'import type { C } from "../c.ts"',
    'import { type C } from "../c.ts"',
    'await import("../c.ts")',
  ])
    expect(circles({ ...a, ...c, "abi/src/deep/b.ts": `${closing};\n` })).toEqual([
      "abi/src/a.ts:2 → abi/src/deep/b.ts:1 → abi/src/c.ts:1 → abi/src/a.ts: a circle of files",
    ]);
  const own = {
    "abi/src/index.ts": 'export * from "./a.ts";\n',
    "abi/src/a.ts": 'import { Mem } from "@foreshore/abi";\n',
  };
  expect(circles(own)).toEqual(["abi/src/index.ts:1 → abi/src/a.ts:1 → abi/src/index.ts: a circle of files"]);
  expect(circles({ "abi/src/a.ts": 'import { a } from "./a.ts";\n' })).toHaveLength(1);
});

test("files that share others are no circle; each circle is told once", () => {
  expect(
    circles({
      "abi/src/a.ts": 'import { b } from "./b.ts";\nimport { c } from "./c.ts";\n',
      "abi/src/b.ts": 'import { c } from "./c.ts";\n',
      "abi/src/c.ts": 'import { absent } from "./absent.ts";\n',
    }),
  ).toEqual([]);
  expect(
    circles({
      "test/a.ts": 'import "./b.ts";\n',
      "test/b.ts": 'import "./c.ts";\n',
      "test/c.ts": 'import "./b.ts";\nimport "./a.ts";\n',
      "test/x.ts": 'import "./y.ts";\n',
      "test/y.ts": 'import "./x.ts";\n',
    }),
  ).toEqual([
    "test/a.ts:1 → test/b.ts:1 → test/c.ts:2 → test/a.ts: a circle of files",
    "test/x.ts:1 → test/y.ts:1 → test/x.ts: a circle of files",
  ]);
});
