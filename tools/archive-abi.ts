/**
 * `node tools/archive-abi.ts`: puts what a release's ABI is into abi/archive/MAJOR.MINOR, where it
 * stays and is read for ever: the lock, every structure's bytes, buffers of every table with
 * what is in them. Part of a release; it refuses to change what is there, except before 1.0.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AbiVersion } from "@foreshore/abi";
import { MANIFEST, STATE } from "../abi/src/table-samples.ts";

const ABI = join(import.meta.dirname, "../abi");
const name = `${AbiVersion.Major}.${AbiVersion.Minor}`;
const folder = join(ABI, "archive", name);

/** JSON that keeps 64-bit numbers and bytes. */
const keep = (_: string, value: unknown): unknown =>
  typeof value === "bigint"
    ? { u64: String(value) }
    : value instanceof Uint8Array
      ? { bytes: Buffer.from(value).toString("hex") }
      : value;

const files: [string, Buffer][] = [
  ["abi.lock.json", readFileSync(join(ABI, "abi.lock.json"))],
  ["vectors.json", readFileSync(join(ABI, "vectors.json"))],
  ["tables.json", Buffer.from(`${JSON.stringify({ LayerManifest: MANIFEST, KernelRuntimeState: STATE }, keep, 1)}\n`)],
  ...readdirSync(join(ABI, "testdata"))
    .filter((file) => file.endsWith(".bin"))
    .sort()
    .map((file): [string, Buffer] => [file, readFileSync(join(ABI, "testdata", file))]),
];
const changed = files.filter(
  ([file, bytes]) => existsSync(join(folder, file)) && Buffer.compare(readFileSync(join(folder, file)), bytes) !== 0,
);
if (changed.length > 0 && Number(AbiVersion.Major) > 0) {
  console.error(`abi/archive/${name}: ${changed.map(([file]) => file).join(", ")} would change; raise the version`);
  process.exitCode = 1;
} else {
  mkdirSync(folder, { recursive: true });
  for (const [file, bytes] of files) writeFileSync(join(folder, file), bytes);
  copyFileSync(join(ABI, "foreshore.bfbs"), join(folder, "foreshore.bfbs"));
  console.log(`abi/archive/${name}: ${files.length + 1} files`);
}
