/** Buffers that were damaged: a seed of a list, cut, with bytes and words set. */
import { type Edit, mutateEdits, type Random } from "./fuzz.ts";

export interface Damaged {
  /** Which seed. */
  readonly seed: number;
  /** Bytes that are left of it; all when absent. */
  readonly length?: number;
  /** Bytes that are set: [offset, value]. */
  readonly edits: readonly Edit[];
  /** Words of 4 bytes that are set: [index, value]. */
  readonly words?: readonly Edit[];
}

export function damaged(seeds: readonly Uint8Array[], { seed, length, edits, words = [] }: Damaged): Uint8Array {
  const bytes = seeds[seed % seeds.length]!.slice(0, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const [word, value] of words) if (word * 4 + 4 <= bytes.length) view.setUint32(word * 4, value, true);
  for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
  return bytes;
}

export function mutateDamaged(random: Random, seeds: readonly Uint8Array[], input: Damaged): Damaged {
  if (random.once(30)) return { ...input, seed: random.below(seeds.length) };
  const { length: all } = seeds[input.seed % seeds.length]!;
  if (random.once(12)) return { ...input, length: random.below(all + 1) };
  const bytes = input.length ?? all;
  if (bytes === 0 || random.once(24)) return { seed: input.seed, edits: input.edits, words: input.words ?? [] };
  if (random.once(2)) {
    const place = () => random.below(Math.max(1, bytes >>> 2));
    return { ...input, words: mutateEdits(random, input.words ?? [], place, () => random.value(), 8) };
  }
  const place = () => random.below(bytes);
  return { ...input, edits: mutateEdits(random, input.edits, place, () => random.below(256), 8) };
}
