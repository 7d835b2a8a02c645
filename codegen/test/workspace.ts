/** Throw-away checkouts for the generator's tests. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Generated } from "../src/generate.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SAMPLE = fileURLToPath(new URL("sample", import.meta.url));

/** A folder with an `abi/` of the real attributes and the given schema; removed after the test. */
export function workspace(schema: string | "sample"): string {
  const root = mkdtempSync(join(tmpdir(), "foreshore-codegen-test-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "abi"));
  cpSync(join(ROOT, "abi/attributes.fbs"), join(root, "abi/attributes.fbs"));
  if (schema === "sample") cpSync(SAMPLE, join(root, "abi"), { recursive: true });
  else setSchema(root, schema);
  return root;
}

/** Writes the entry file, with the head that every schema has. */
export function setSchema(root: string, declarations: string, version: readonly [number, number] = [0, 1]): void {
  const head = `include "attributes.fbs"; namespace foreshore.abi;\n/// Version.\ntable AbiVersion (constants) { Major: ushort = ${version[0]}; Minor: ushort = ${version[1]}; }`;
  writeFileSync(join(root, "abi/foreshore.fbs"), `${head}\n${declarations}\n`);
}

export function write(root: string, generated: Generated): void {
  for (const file of generated.files) {
    mkdirSync(dirname(join(root, file.path)), { recursive: true });
    writeFileSync(join(root, file.path), file.bytes);
  }
}

/** Copies a path of the real checkout into the workspace. */
export function copyFromRoot(root: string, path: string): void {
  cpSync(join(ROOT, path), join(root, path), { recursive: true });
}
