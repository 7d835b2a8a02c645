/**
 * The machine's clock: one base that all threads of this process agree on.
 *
 * In Node that is the system's monotonic clock, read as it is: performance.timeOrigin is taken anew, and from the wall clock, in each
 * worker, and an offset that a worker takes between two readings is wrong by as long as the worker was off its processor between
 * them. Browsers derive timeOrigin from one clock (HTML, "time origin") and add some jitter of their own. What remains between
 * two threads no guest sees: the kernel returns no time that is earlier than one that it has returned (`NowNs` in kernel-go/sched).
 */

type Hrtime = () => [seconds: number, nanoseconds: number];

const MS_PER_S = 1e3;
const NS_PER_S = 1e9;
const NS_PER_MS = 1e6;

function hrtime(): Hrtime | undefined {
  return (globalThis as { process?: { hrtime?: Hrtime } }).process?.hrtime;
}

/** Milliseconds of a monotonic clock that is the same in all workers of this process: what a machine's base is given in. */
export function absoluteMs(): number {
  const read = hrtime();
  if (read === undefined) return performance.timeOrigin + performance.now();
  const [seconds, nanoseconds] = read();
  return seconds * MS_PER_S + nanoseconds / NS_PER_MS;
}

/** That clock in ns since `baseMs` (of `absoluteMs`). */
export function openClock(baseMs: number): () => number {
  const read = hrtime();
  if (read === undefined) {
    const offsetMs = performance.timeOrigin - baseMs;
    return () => (performance.now() + offsetMs) * NS_PER_MS;
  }
  const baseS = Math.floor(baseMs / MS_PER_S);
  const baseNs = (baseMs - baseS * MS_PER_S) * NS_PER_MS;
  return () => {
    const [seconds, nanoseconds] = read();
    return (seconds - baseS) * NS_PER_S + (nanoseconds - baseNs);
  };
}
