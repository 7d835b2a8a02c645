import { expect, test } from "vitest";
import { runsOf } from "./test-one.ts";

const FILES: Readonly<Record<string, string>> = {
  "test/guests/pipes.c": "",
  "test/chromium.test.ts": 'const GUESTS = ["pipes"];',
  "test/guests.test.ts": "",
  "abi/src/pipes.test.ts": "",
  "abi/src/pipes.ts": "",
  "kernel-go/file/pipe_test.go": "func TestPipesOrder(t *testing.T) {\n}\nfunc TestOther(t *testing.T) {\n}\n",
  "kernel-go/sched/a_test.go": "func TestA(t *testing.T) {\n}\n",
};

const commands = (name: string): string[] =>
  runsOf(name, Object.keys(FILES), (file) => FILES[file] ?? "").map(({ argv }) => argv.join(" "));

test("a guest with all that has its name", () => {
  expect(commands("pipes")).toEqual([
    "npx vitest run --project=node test/guests.test.ts -t ^C guests.* pipes,",
    "npx vitest run --project=node test/chromium.test.ts -t \\bpipes\\b",
    "npx vitest run abi/src/pipes.test.ts",
    "go test -run ^TestPipesOrder$ ./file",
  ]);
});

test("a package of the kernel, and nothing", () => {
  expect(commands("sched")).toEqual(["go test -run . ./sched"]);
  expect(commands("nobody")).toEqual([]);
});
