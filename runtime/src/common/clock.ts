/** The machine's clock: one base that all threads of this process agree on. */

interface ProcessLike {
  readonly hrtime?: { bigint(): bigint };
}

/**
 * Milliseconds of a monotonic clock that is the same in all workers of this
 * process. Node's performance.timeOrigin is taken anew, and from the wall
 * clock, in each worker; CLOCK_MONOTONIC is not. Browsers derive timeOrigin
 * from one clock (HTML, "time origin").
 */
export function absoluteMs(): number {
  const hrtime = (globalThis as { process?: ProcessLike }).process?.hrtime;
  if (hrtime !== undefined) return Number(hrtime.bigint()) / 1e6;
  return performance.timeOrigin + performance.now();
}

/** A clock in ns since `baseMs` (of `absoluteMs`) that costs no more than performance.now(). */
export function openClock(baseMs: number): () => number {
  const offsetMs = absoluteMs() - performance.now() - baseMs;
  return () => (performance.now() + offsetMs) * 1e6;
}
