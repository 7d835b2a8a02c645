/** abi/testdata: the samples as TypeScript and Go build them. FORESHORE_UPDATE=1 writes TypeScript's anew. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compileSchema, flatc } from "../../codegen/src/flatc.ts";
import { buildKernelRuntimeState, buildLayerManifest, readKernelRuntimeState, readLayerManifest } from "./index.ts";
import { MANIFEST, STATE } from "./table-samples.ts";

const ABI = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ABI, "testdata");
const TABLES = [
  { name: "LayerManifest", build: () => buildLayerManifest(MANIFEST), read: readLayerManifest, values: MANIFEST },
  {
    name: "KernelRuntimeState",
    build: () => buildKernelRuntimeState(STATE),
    read: readKernelRuntimeState,
    values: STATE,
  },
] as const;

describe.each(TABLES)("$name", ({ name, build, read, values }) => {
  test("TypeScript builds the bytes that are kept", () => {
    const path = join(FOLDER, `${name}.ts.bin`);
    if (process.env["FORESHORE_UPDATE"] === "1") {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(path, build());
    }
    expect(Buffer.compare(readFileSync(path), build())).toBe(0);
  });

  test.each(["ts", "go"])("TypeScript reads what %s built", (language) => {
    expect(read(readFileSync(join(FOLDER, `${name}.${language}.bin`)))).toEqual(values);
  });

  test.each(["ts", "go"])("flatc reads what %s built, and TypeScript reads what flatc builds", (language) => {
    const out = mkdtempSync(join(tmpdir(), "foreshore-flatc-"));
    try {
      const root = ["--root-type", `foreshore.abi.${name}`, "-o", out];
      const buffer = join(FOLDER, `${name}.${language}.bin`);
      const schema = join(ABI, "foreshore.fbs");
      execFileSync(flatc(), [
        "--json",
        "--strict-json",
        "--raw-binary",
        "--defaults-json",
        ...root,
        schema,
        "--",
        buffer,
      ]);
      const json = join(out, `${name}.${language}.json`);
      execFileSync(flatc(), ["--binary", ...root, schema, json]);
      const bytes = readFileSync(join(out, `${name}.${language}.bin`));
      // flatc writes the identifier of the schema's root_type only, and ours has none.
      const identified = Buffer.concat([bytes.subarray(0, 4), Buffer.from("????"), bytes.subarray(4)]);
      identified.writeUInt32LE(bytes.readUInt32LE(0) + 4, 0);
      const identifier = readFileSync(buffer).subarray(4, 8);
      identified.set(identifier, 4);
      // Four more bytes in front take eight-byte values off their alignment; only then are eight wanted.
      const shifted = Buffer.concat([identified.subarray(0, 8), Buffer.alloc(4), identified.subarray(8)]);
      shifted.writeUInt32LE(bytes.readUInt32LE(0) + 8, 0);
      expect(read(shifted)).toEqual(values);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });
});

test("the schema compiles as it is", () => {
  expect(compileSchema(join(ABI, "foreshore.fbs")).bfbs.length).toBeGreaterThan(1000);
});
