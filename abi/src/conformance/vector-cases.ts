/** The vectors of abi/vectors.json, and damaged tables, put to a subject's own encoders, decoders and verifiers. */

import { buildKernelRuntimeState, buildLayerManifest } from "../../ts/index.ts";
import { MANIFEST, STATE } from "../table-samples.ts";
import type { Vector, Vectors } from "../vectors.ts";
import { type Fields, flat, ownCodec, plain } from "./codec.ts";
import { CaseFailure } from "./peer.ts";
import type { CodecValue, SubjectCodec } from "./subject.ts";

export interface VectorCase {
  readonly family: "vectors";
  readonly name: string;
  run(codec: SubjectCodec): Promise<void>;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

function compare(path: string, got: CodecValue | undefined, want: CodecValue): void {
  if (got === undefined) throw new CaseFailure(`${path} is not there`);
  if (typeof want !== "object") {
    if (typeof got === "object" || String(got) !== String(want))
      throw new CaseFailure(`${path} is ${JSON.stringify(got)}, not ${want}`);
    return;
  }
  if (typeof got !== "object" || Array.isArray(got) !== Array.isArray(want))
    throw new CaseFailure(`${path} is ${JSON.stringify(got)}, not ${JSON.stringify(want)}`);
  if (Array.isArray(want)) {
    const list = got as CodecValue[];
    if (list.length !== want.length) throw new CaseFailure(`${path} has ${list.length} elements, not ${want.length}`);
    for (const [i, item] of want.entries()) compare(`${path}[${i}]`, list[i], item);
    return;
  }
  const fields = new Map(Object.entries(flat(got as Fields)).map(([name, value]) => [plain(name), value]));
  const wanted = flat(want);
  for (const [name, value] of Object.entries(wanted)) compare(`${path}.${name}`, fields.get(plain(name)), value);
  const names = new Set(Object.keys(wanted).map(plain));
  for (const name of fields.keys())
    if (!names.has(name) && !/^(reserved|pad|spare)\d*$/.test(name))
      throw new CaseFailure(`${path}.${name} is no field`);
}

function structCase(vector: Vector): VectorCase {
  return {
    family: "vectors",
    name: `${vector.struct}: decoded and encoded`,
    run: async (codec) => {
      compare(vector.struct, await codec.decode(vector.struct, unhex(vector.bytes)), vector.values as CodecValue);
      const written = hex(await codec.encode(vector.struct, vector.values as Fields));
      if (written !== vector.bytes)
        throw new CaseFailure(`${vector.struct} is encoded as ${written}, not ${vector.bytes}`);
    },
  };
}

/** One of every so many bytes is damaged. */
const STRIDE = 3;

function tableCases(table: string, sound: Uint8Array): VectorCase[] {
  const agree = async (codec: SubjectCodec, bytes: Uint8Array, what: string): Promise<void> => {
    const [theirs, ours] = [await codec.verify(table, bytes), await ownCodec.verify(table, bytes)];
    if (theirs !== ours) throw new CaseFailure(`${what} is ${theirs ? "accepted" : "refused"}`);
  };
  return [
    {
      family: "vectors",
      name: `${table}: a sound table is accepted`,
      run: (codec) => agree(codec, sound, "a sound table"),
    },
    {
      family: "vectors",
      name: `${table}: cut tables are refused`,
      run: async (codec) => {
        for (let length = 0; length < sound.length; length += STRIDE)
          await agree(codec, sound.slice(0, length), `a table cut to ${length} bytes`);
      },
    },
    {
      family: "vectors",
      name: `${table}: damaged tables are refused, or sound all the same`,
      run: async (codec) => {
        for (let at = 0; at < sound.length; at += STRIDE) {
          for (const bits of [0xff, 0x01, 0x80]) {
            const bytes = sound.slice();
            bytes[at] = (bytes[at] ?? 0) ^ bits;
            await agree(codec, bytes, `a table whose byte ${at} is changed by ${bits}`);
          }
        }
      },
    },
  ];
}

export function vectorCases(vectors: Vectors): VectorCase[] {
  return [
    ...vectors.structs.map(structCase),
    ...tableCases("KernelRuntimeState", buildKernelRuntimeState(STATE)),
    ...tableCases("LayerManifest", buildLayerManifest(MANIFEST)),
  ];
}
