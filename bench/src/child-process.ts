/** Node in a process of its own, for what must start from nothing. */
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../..");
/** The compile cache that bin/foreshore uses too: part of a warm disk. */
const CACHE = join(ROOT, "build/node-cache");

/** Runs a script of child/ and returns the number that it prints. */
export async function childFigure(script: string, ...args: string[]): Promise<number> {
  mkdirSync(CACHE, { recursive: true });
  const file = join(import.meta.dirname, "child", script);
  const env = { ...process.env, NODE_COMPILE_CACHE: CACHE };
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], { env });
  const value = Number(stdout);
  if (stdout.trim() === "" || !Number.isFinite(value)) throw new Error(`${script} printed ${JSON.stringify(stdout)}`);
  return value;
}
