/** Log lines that guests can cause, at a bounded rate, as the kernel's own: a few in each interval, then how many more. */
import type { LogLevel } from "./platform.ts";

type Log = (level: LogLevel, text: string) => void;

const INTERVAL_MS = 5000;
const BURST = 10;

interface Kind {
  written: number;
  dropped: number;
}

export class LogLimit {
  readonly #log: Log;
  readonly #kinds = new Map<string, Kind>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param kind what of a flood of lines is the same in each */
  say(kind: string, level: LogLevel, text: string): void {
    let found = this.#kinds.get(kind);
    if (found === undefined) {
      found = { written: 0, dropped: 0 };
      this.#kinds.set(kind, found);
      this.#endLater(kind, level);
    }
    if (found.written === BURST) {
      found.dropped++;
      return;
    }
    found.written++;
    this.#log(level, text);
  }

  #endLater(kind: string, level: LogLevel): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#end(kind, level);
    }, INTERVAL_MS);
    // A host's process is not dropped alive for it.
    (timer as { unref?: () => void }).unref?.();
    this.#timers.add(timer);
  }

  #end(kind: string, level: LogLevel): void {
    const dropped = this.#kinds.get(kind)?.dropped ?? 0;
    this.#kinds.delete(kind);
    if (dropped > 0) this.#log(level, `${kind} (and ${dropped} more)`);
  }

  /** Nothing is logged any more. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
