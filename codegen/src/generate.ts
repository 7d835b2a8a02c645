/** The whole pipeline, from the schema's folder to the bytes of every output file; writes nothing. */
import { join } from "node:path";
import { readBfbs } from "./bfbs.ts";
import { buildModel } from "./build.ts";
import { goEmitter } from "./emit/go.ts";
import { tsEmitter } from "./emit/ts.ts";
import type { Emitter } from "./emitter.ts";
import { compileSchema } from "./flatc.ts";

export interface Generated {
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  /** Folders in which a marked file that is not in `files` is stale. */
  readonly folders: readonly string[];
  /** What a reader of the run should know. */
  readonly notes: readonly string[];
}

export const EMITTERS: readonly Emitter[] = [goEmitter, tsEmitter];

export function generate(root: string, _options: { readonly accept: boolean }): Generated {
  const { bfbs, sources } = compileSchema(join(root, "abi/foreshore.fbs"));
  const model = buildModel(readBfbs(bfbs), sources);
  const text = EMITTERS.flatMap((emitter) => emitter.emit(model));
  const encoder = new TextEncoder();
  return {
    files: [
      { path: "abi/foreshore.bfbs", bytes: bfbs },
      ...text.map((file) => ({ path: file.path, bytes: encoder.encode(file.text) })),
    ],
    folders: EMITTERS.map((emitter) => emitter.folder),
    notes: [],
  };
}
