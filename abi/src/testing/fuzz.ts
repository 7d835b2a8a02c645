/**
 * A fuzzer for targets in TypeScript: a kept corpus first, then mutants of what gave a new outcome, for a time.
 *
 * Environment: FORESHORE_FUZZ_SECONDS (default 1) per target, FORESHORE_FUZZ_SEED to do it again, FORESHORE_FUZZ_KEEP the name
 * of a file for the inputs that gave outcomes which the corpus has not, FORESHORE_FUZZ_COUNTS that of one to add the count to.
 */

/** What a host may know; nothing in a browser. */
const env: Readonly<Record<string, string | undefined>> =
  (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};

/** How long each target is run, in seconds. */
export const fuzzSeconds = Number(env["FORESHORE_FUZZ_SECONDS"] ?? 1);
/** Time for a test around one target, in ms. */
export const fuzzTestMs = fuzzSeconds * 1000 + 120_000;

/** One execution may take so much of a processor, where the host counts it, else so long: the inputs are small. */
const SLOW_MS = 5000;
/** Mutants that are run at least: a busy machine may need the whole time for the corpus. */
const LEAST_MUTANTS = 100;
/** Inputs to mutate from. */
const POOL = 2048;
/** How much the heap may grow while a target runs. */
const HEAP_BYTES = 512 * 2 ** 20;
const REPORT_MS = 60_000;

/** Numbers at random that can be had again (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 bits. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** From 0 to `end` - 1. */
  below(end: number): number {
    return this.word() % end;
  }

  /** True once in `n`. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A word that is likely to be at somebody's limit. */
  value(): number {
    switch (this.below(4)) {
      case 0:
        return this.pick([0, 1, 2, 7, 8, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff]);
      case 1:
        return (2 ** this.below(32) + this.below(17) - 8) >>> 0;
      case 2:
        return this.below(1024);
      default:
        return this.word();
    }
  }
}

export interface FuzzTarget<I> {
  readonly name: string;
  /** Seeds and what was kept: run first, and mutated from. Inputs are JSON. */
  readonly corpus: readonly I[];
  mutate(random: Random, input: I): I;
  /**
   * Runs one input.
   * @returns what came of it, in few words: an input that gives new ones is mutated further
   * @throws for a finding
   */
  run(input: I): string | Promise<string>;
}

export interface FuzzReport {
  readonly executions: number;
  readonly outcomes: number;
}

interface NodeProcess {
  cpuUsage?(): { user: number; system: number };
  memoryUsage?(): { heapUsed: number };
  getBuiltinModule?(name: "node:fs"): {
    writeFileSync(path: string, text: string): void;
    appendFileSync(path: string, text: string): void;
  };
}

/** 53 bits of a text (FNV-1a, twice): outcomes are kept for an hour, and are many. */
function digest(text: string): number {
  let [low, high] = [0x811c9dc5, 0x9dc5811c];
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ low, 0x01000193) ^ (low >>> 15);
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

/**
 * Runs a target for `fuzzSeconds`, or for longer where it has had too little of them, and prints how many executions there were.
 * @throws Error with the input, as JSON, and the seed, when the target finds something
 */
export async function fuzz<I>(target: FuzzTarget<I>): Promise<FuzzReport> {
  const seed = Number(env["FORESHORE_FUZZ_SEED"] ?? Date.now() >>> 0) >>> 0;
  const random = new Random(seed);
  const { process } = globalThis as { process?: NodeProcess };
  const heapUsed = () => process?.memoryUsage?.().heapUsed ?? 0;
  const heapBefore = heapUsed();
  /** In ms. The machine may have other work, so that time itself says little. */
  const used = (): number => {
    const usage = process?.cpuUsage?.();
    return usage === undefined ? performance.now() : (usage.user + usage.system) / 1000;
  };
  const pool: I[] = [...target.corpus];
  const seen = new Set<number>();
  const keep = env["FORESHORE_FUZZ_KEEP"];
  const news: I[] = [];
  let executions = 0;
  const began = performance.now();
  const end = began + fuzzSeconds * 1000;
  let reported = began;

  const execute = async (input: I): Promise<boolean> => {
    const before = used();
    let outcome: string;
    try {
      const result = target.run(input);
      outcome = typeof result === "string" ? result : await result;
      const took = used() - before;
      if (took > SLOW_MS) throw new Error(`it took ${took} ms`);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`${target.name}, seed ${seed}: input ${JSON.stringify(input)}\n${text}`, { cause: error });
    }
    executions++;
    const outcomes = seen.size;
    seen.add(digest(outcome));
    return seen.size > outcomes;
  };
  const report = (): string => {
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const line = `fuzz ${target.name}: ${executions} executions in ${seconds} s, ${seen.size} outcomes, seed ${seed}`;
    console.log(line);
    return line;
  };

  for (const input of target.corpus) await execute(input);
  const corpusOutcomes = seen.size;
  const least = executions + LEAST_MUTANTS;
  while (executions < least || performance.now() < end) {
    let input = random.pick(pool);
    for (let n = 1 + random.below(4); n > 0; n--) input = target.mutate(random, input);
    if (await execute(input)) {
      if (keep !== undefined && news.length < POOL) news.push(input);
      if (pool.length < POOL) pool.push(input);
      else pool[target.corpus.length + random.below(POOL - target.corpus.length)] = input;
    }
    // Also lets timers and other work of the host run.
    if ((executions & 0x3ff) === 0) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (heapUsed() - heapBefore > HEAP_BYTES) throw new Error(`${target.name}, seed ${seed}: the heap grows`);
      if (performance.now() - reported > REPORT_MS) {
        reported = performance.now();
        report();
      }
    }
  }
  const line = report();
  const counts = env["FORESHORE_FUZZ_COUNTS"];
  if (counts !== undefined) process?.getBuiltinModule?.("node:fs").appendFileSync(counts, `${line}\n`);
  if (keep !== undefined && seen.size > corpusOutcomes) {
    process
      ?.getBuiltinModule?.("node:fs")
      .writeFileSync(
        `${keep}.${target.name}.json`,
        `[\n${news.map((input) => JSON.stringify(input)).join(",\n")}\n]\n`,
      );
  }
  return { executions, outcomes: seen.size };
}

/** An edit of a buffer: a byte or a word of it. */
export type Edit = readonly [at: number, value: number];

/** Changes a list of edits: one more, one less, or one of them otherwise. `places` are offsets that are worth more than others. */
export function mutateEdits(
  random: Random,
  edits: readonly Edit[],
  place: () => number,
  value: () => number,
  most = 24,
): Edit[] {
  const list = [...edits];
  const at = list.length === 0 ? 0 : random.below(list.length);
  if (list.length === 0 || (list.length < most && random.once(2))) list.push([place(), value()]);
  else if (random.once(3)) list.splice(at, 1);
  else list[at] = random.once(2) ? [list[at]![0], value()] : [place(), list[at]![1]];
  return list;
}

/** Where two arrays over whole buffers differ first; -1 nowhere. */
export function differs(a: Uint8Array, b: Uint8Array): number {
  const wide = a.length & ~7;
  const x = new BigUint64Array(a.buffer, 0, wide >>> 3);
  const y = new BigUint64Array(b.buffer, 0, wide >>> 3);
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return i * 8;
  for (let i = wide; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}
