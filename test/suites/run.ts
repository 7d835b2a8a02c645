/** Runs cases, a few at a time, and judges them; what does not pass is run once more by itself. */
import { addResult, type Result } from "./results.ts";
import { BuildError, type Case, type Engine, nameOf, type Suite } from "./suite.ts";

export interface RunSettings {
  /** Cases at a time. */
  readonly jobs: number;
  /** For each case, in seconds. */
  readonly limit: (one: Case) => number;
  /** How often a case is run before it counts as not passed. */
  readonly tries: number;
  readonly done: (result: Result, left: number) => void;
}

/** Runs one case once. */
export async function runCase(
  suite: Suite,
  engine: Engine,
  one: Case,
  limit: number,
  fresh = true,
): Promise<Omit<Result, "tries">> {
  const key = await engine.key();
  const test = nameOf(one);
  let started = performance.now();
  const result = (verdict: Result["verdict"], why: string, said: string): Omit<Result, "tries"> => ({
    ...{ test, verdict, why, said: said.slice(-2000), seconds: Math.round(performance.now() - started) / 1000, key },
  });
  try {
    const program = await suite.program(one, engine);
    started = performance.now();
    const run = await engine.run(program, suite.memory, limit * 1000, fresh);
    if (performance.now() - started >= limit * 1000) {
      return result("timeout", `no end within ${limit} s`, `${run.stdout}${run.stderr}`);
    }
    const { verdict, why } = suite.judge(one, run);
    return result(verdict, why, verdict === "pass" ? "" : `${run.stdout}${run.stderr}`);
  } catch (error) {
    const text = (error as Error).message;
    if (error instanceof BuildError) {
      const line = text.split("\n").find((each) => each.includes("error:")) ?? text;
      return result("build", `does not compile: ${line.replace(/^.*error: /, "").trim()}`, text);
    }
    const late = performance.now() - started >= limit * 1000;
    return result("timeout", late ? `no end within ${limit} s` : "the machine failed", text);
  }
}

/** Runs the cases in order and records each result. */
export async function runCases(
  suite: Suite,
  engine: Engine,
  cases: readonly Case[],
  settings: RunSettings,
): Promise<void> {
  const again: Case[] = [];
  let left = cases.length;
  const record = (result: Result): void => {
    addResult(suite, engine, result);
    settings.done(result, left);
  };
  const queue = [...cases];
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const result = await runCase(suite, engine, one, settings.limit(one), false);
      left--;
      // Beside others, or after them in one machine, a case may fail that passes by itself.
      if (settings.tries > 1 && (result.verdict === "fail" || result.verdict === "timeout")) again.push(one);
      record({ ...result, tries: 1 });
    }
  };
  await Promise.all(Array.from({ length: settings.jobs }, worker));
  left = again.length;
  for (const one of again) {
    const result = await runCase(suite, engine, one, settings.limit(one));
    left--;
    record({ ...result, tries: 2 });
  }
  await engine.close?.();
}
