/** The words of slots that lie under the slot's sequence, for the build of the kernel that checks it. */
import { MARKER, type OutputFile } from "../emitter.ts";
import type { Model } from "../model.ts";
import { slotRules } from "../sequence.ts";

type Word = ReturnType<typeof slotRules>[number]["under"][number];

const literal = ({ name, offset, bytes }: Word): string => `{"${name}", ${offset}, ${bytes}}`;

/** Nothing where no slot has such words. */
export function goSeqlock(model: Model): OutputFile[] {
  const rows = slotRules(model).flatMap(({ kind, counts, under }) => [
    `\tSlotKind${kind}: {`,
    ...(counts === undefined ? [] : [`\t\tCounts: SeqlockWord${literal(counts)},`]),
    "\t\tWords: []SeqlockWord{",
    ...under.map((word) => `\t\t\t${literal(word)},`),
    "\t\t},",
    "\t},",
  ]);
  if (rows.length === 0) return [];
  const text = [
    `// ${MARKER}`,
    "",
    "//go:build paranoid && !tinygo",
    "",
    "package abi",
    "",
    "// SeqlockWord is a run of bytes of a slot.",
    "type SeqlockWord struct {",
    "\tName          string",
    "\tOffset, Bytes uint32",
    "}",
    "",
    "// SeqlockRule says what readers of a table may rely on.",
    "type SeqlockRule struct {",
    "\t// Counts is 0 while a slot is being made; without bytes where that is not told.",
    "\tCounts SeqlockWord",
    "\t// Words change only while the slot's sequence is odd.",
    "\tWords []SeqlockWord",
    "}",
    "",
    "// SeqlockRules are those of each table.",
    "var SeqlockRules = [SlotKinds]SeqlockRule{",
    ...rows,
    "}",
    "",
  ].join("\n");
  return [{ path: "kernel-go/abi/seqlock_paranoid.go", text }];
}
