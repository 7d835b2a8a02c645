/** The kit's own table is whole: no opcode, and no errno that one declares, is without a case or a reason. */
import { describe, expect, test } from "vitest";
import { KernelWorkerRequestRules } from "../../ts/index.ts";
import { Opcode } from "../index.ts";
import { listCases, runKit, tapLine, tapLines } from "./kit.ts";
import { OPCODES } from "./opcode-cases.ts";
import { echoes, exits } from "./programs.ts";
import { VECTORS } from "./vectors-file.ts";

const OUTBOUND = 64;
const requests = Object.entries(Opcode).filter(([, number]) => number !== Opcode.None && number < OUTBOUND);

describe("the table of opcodes", () => {
  test.each(requests)("%s has a good, a bad and a cancelled call", (name, number) => {
    const names = listCases().map((item) => item.name);
    for (const kind of ["good", "bad", "cancelled"]) expect(names).toContain(`${name}: ${kind}`);
    const { bad, errnos } = OPCODES[number as keyof typeof OPCODES];
    expect(typeof (typeof bad === "string" ? errnos[bad] : bad)).toBe("function");
  });

  test.each(requests)("%s: every errno that it declares is provoked, or it is said why not", (_, number) => {
    const { errnos } = OPCODES[number as keyof typeof OPCODES];
    const declared = KernelWorkerRequestRules[number as keyof typeof OPCODES].errnos;
    // EINVAL is any request's: what does not declare it may be tried for it all the same.
    expect(
      Object.keys(errnos)
        .filter((name) => name !== "EINVAL")
        .sort(),
    ).toEqual(declared.filter((name) => name !== "EINVAL").sort());
    if (declared.includes("EINVAL")) expect(errnos["EINVAL"]).toBeDefined();
    for (const way of Object.values(errnos)) if (typeof way === "string") expect(way).not.toBe("");
  });
});

test("no two cases have one name", () => {
  const names = listCases(VECTORS).map(({ family, name }) => `${family}: ${name}`);
  expect(names.length).toBeGreaterThan(300);
  expect(new Set(names).size).toBe(names.length);
});

test("the guest programs are what an assembler makes of them", () => {
  const words = (elf: Uint8Array): string[] => {
    const view = new DataView(elf.buffer, 120);
    return Array.from({ length: (elf.length - 120) / 4 }, (_, i) => view.getUint32(i * 4, true).toString(16));
  };
  // li a0, 3; li a7, 94; ecall
  expect(words(exits(3))).toEqual(["300513", "5e00893", "73"]);
  // bge zero, a0, +24 and beq zero, zero, -40
  expect(words(echoes())[6]).toBe("a05c63");
  expect(words(echoes())[11]).toBe("fc000ce3");
});

test("results as TAP", async () => {
  const subject = {
    name: "one that cannot be opened",
    open: async () => {
      throw new Error("no # memory");
    },
    close: async () => undefined,
  };
  const results = await runKit(subject, {
    vectors: VECTORS,
    only: (_, name) => /^(Noop: good|SlotHandle: .*)$/.test(name),
  });
  expect(tapLines(results)).toEqual([
    "TAP version 14",
    "1..2",
    "ok 1 - vectors: SlotHandle: decoded and encoded # SKIP the subject has no codec",
    "not ok 2 - opcodes: Noop: good\n# Error: no # memory",
  ]);
  expect(tapLine({ family: "rings", name: "a # b", outcome: "passed", detail: "" }, 0)).toBe("ok 1 - rings: a \\# b");
});
