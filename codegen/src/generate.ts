/** The whole pipeline, from the schema's folder to the bytes of every output file; writes nothing. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readBfbs } from "./bfbs.ts";
import { buildModel, SchemaError } from "./build.ts";
import { checkDocumentation } from "./checks.ts";
import { cEmitter } from "./emit/c.ts";
import { docsEmitter } from "./emit/docs.ts";
import { goEmitter } from "./emit/go.ts";
import { syscallsEmitter } from "./emit/syscalls.ts";
import { tsEmitter } from "./emit/ts.ts";
import { vectorsEmitter } from "./emit/vectors.ts";
import type { Emitter } from "./emitter.ts";
import { compileSchema } from "./flatc.ts";
import { checkFrozen, frozenProblems } from "./frozen.ts";
import { checkVersion, compareLocks, makeLock, parseLock, renderLock } from "./lock.ts";

const LOCK = "abi/abi.lock.json";

export interface Generated {
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  /** Folders in which a marked file that is not in `files` is stale. */
  readonly folders: readonly string[];
  /** What changed against the lock, one sentence each. */
  readonly notes: readonly string[];
}

export const EMITTERS: readonly Emitter[] = [
  goEmitter,
  tsEmitter,
  cEmitter,
  docsEmitter,
  vectorsEmitter,
  syscallsEmitter,
];

export interface GenerateOptions {
  /** Take over what breaks the lock. */
  readonly accept: boolean;
  /** Declarations without documentation, unit and owner pass: for the small schemas of tests. */
  readonly drafts?: boolean;
}

/**
 * @param root the folder that has `abi/foreshore.fbs`
 * @throws SchemaError with every broken rule
 */
export function generate(root: string, options: GenerateOptions): Generated {
  const { bfbs, sources } = compileSchema(join(root, "abi/foreshore.fbs"));
  const model = buildModel(readBfbs(bfbs), sources);
  const broken = [...(options.drafts === true ? [] : checkDocumentation(model)), ...checkFrozen(model)];
  if (broken.length > 0) throw new SchemaError(broken);
  const old = readLock(join(root, LOCK));
  const lock = makeLock(model, old);
  const changes = old === undefined ? [] : compareLocks(old, lock);
  const problems =
    old === undefined
      ? []
      : [...frozenProblems(old.frozen ?? {}, lock.frozen ?? {}), ...checkVersion(old, lock, changes, options.accept)];
  if (problems.length > 0) throw new SchemaError(problems);
  const texts = [...EMITTERS.flatMap((emitter) => emitter.emit(model)), { path: LOCK, text: renderLock(lock) }];
  const encoder = new TextEncoder();
  return {
    files: [
      { path: "abi/foreshore.bfbs", bytes: bfbs },
      ...texts.map((file) => ({ path: file.path, bytes: encoder.encode(file.text) })),
    ],
    folders: EMITTERS.flatMap((emitter) => emitter.folders),
    notes: changes.map((change) => `${change.sentence}.`),
  };
}

function readLock(path: string): ReturnType<typeof parseLock> | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  return parseLock(text);
}
