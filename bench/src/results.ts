/** What a run of the bench leaves: results.schema.json describes it, and every run is checked against that. */
import { readFileSync } from "node:fs";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { Unit } from "./benchmark.ts";
import type { Summary } from "./stats.ts";

export interface SideResult extends Summary {
  readonly name: string;
  readonly samples: readonly number[];
}

/** Ours against the peer, of the pairs of samples that were taken side by side. */
export interface Comparison {
  readonly ratio: Summary;
  readonly difference: Summary;
}

export interface BenchmarkResult {
  readonly name: string;
  readonly description: string;
  readonly unit: Unit;
  readonly better: "less" | "more";
  /** Empty when the benchmark was skipped or failed. */
  readonly sides: readonly SideResult[];
  readonly comparison?: Comparison;
  readonly facts?: Readonly<Record<string, number | string>>;
  readonly skipped?: string;
  readonly error?: string;
}

/** How fast the machine is at things that are not ours: figures of different runs are compared with it in mind. */
export interface Calibration {
  readonly memcpyGbPerS: number;
  /** A round trip between two workers that sleep and wake each other. */
  readonly pingPongUs: number;
  readonly integerMopsPerS: number;
  /** Geometric mean of the three over those of the reference (calibration.ts); more is faster. */
  readonly score: number;
}

export interface BarVerdict {
  readonly name: string;
  readonly text: string;
  readonly statistic: string;
  readonly sense: "at most" | "at least";
  readonly limit: number;
  readonly unit: string;
  /** Absent when it could not be measured. */
  readonly value?: number;
  /** value / limit. */
  readonly ratio?: number;
  readonly verdict: "pass" | "FAIL" | "not measured";
  readonly reason?: string;
}

export interface Report {
  readonly schema: "foreshore-bench/1";
  readonly date: string;
  /** Commit of the checkout; "+" when files differ from it. */
  readonly commit: string;
  readonly quick: boolean;
  readonly host: {
    readonly cpu: string;
    readonly cores: number;
    readonly system: string;
    readonly node: string;
    readonly v8: string;
    /** One-minute load average before and after. */
    readonly load: readonly [number, number];
  };
  readonly calibration: Calibration;
  readonly benchmarks: readonly BenchmarkResult[];
  readonly bars?: readonly BarVerdict[];
}

const schema = JSON.parse(readFileSync(new URL("../results.schema.json", import.meta.url), "utf8")) as object;

let validate: ValidateFunction | undefined;

/** @throws Error that lists what is wrong with the report */
export function checkReport(report: unknown): asserts report is Report {
  validate ??= new Ajv2020({ allErrors: true }).compile(schema);
  if (validate(report)) return;
  const faults = (validate.errors ?? []).map((fault: ErrorObject) => `${fault.instancePath || "/"} ${fault.message}`);
  throw new Error(`the report is not as results.schema.json says: ${faults.join("; ")}`);
}
