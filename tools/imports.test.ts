import { expect, test } from "vitest";
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
