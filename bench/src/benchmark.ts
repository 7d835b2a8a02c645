/** What a benchmark is. */
import type { Subject } from "./subjects/subject.ts";

export type Unit = "%" | "ns" | "µs" | "ms" | "MiB" | "KiB" | "MiB/s";

/** One of the things that are compared: takes one sample, in the benchmark's unit. */
export interface Side {
  readonly name: string;
  sample(): Promise<number>;
}

export interface Opened {
  /** The first is ours, the second the peer where there is one. */
  readonly sides: readonly Side[];
  /** What else is worth recording once all samples are there: numbers, or a word of caution. */
  facts?(): Readonly<Record<string, number | string>>;
  close?(): Promise<void>;
}

export interface Rounds {
  readonly full: number;
  readonly quick: number;
}

export interface Benchmark {
  /** "group/name". */
  readonly name: string;
  /** What is timed and what is not, in a sentence. */
  readonly description: string;
  readonly unit: Unit;
  readonly better: "less" | "more";
  /** Rounds: in each, every side takes one sample. Default: 9, quick 3. */
  readonly rounds?: Rounds;
  /** Most warm-up rounds, of which none counts. Default 6; 0 for what has nothing to warm up. */
  readonly warmup?: number;
  open(): Promise<Opened>;
}

/** A benchmark cannot be run on this machine, which is no failure of what it measures: the reason, in a sentence. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** Closes subjects that were opened, the later ones first. */
export async function closeAll(subjects: readonly Subject[]): Promise<void> {
  for (const subject of subjects.toReversed()) await subject.close();
}
