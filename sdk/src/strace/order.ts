/** Puts numbered messages of several workers into their order. */

/** How many messages are kept for one that is missing. */
const WINDOW = 1024;

/**
 * Messages are numbered from 1 by who makes them, but overtake one another on their way. One whose
 * number has passed already is not kept: late is better than never.
 */
export class Order<T> {
  readonly #waiting = new Map<number, T>();
  #next = 1;

  /** @returns what can go on, in order */
  push(number: number, message: T): T[] {
    if (number < this.#next || this.#waiting.has(number)) return [message];
    this.#waiting.set(number, message);
    const ready = this.#take();
    if (this.#waiting.size <= WINDOW) return ready;
    this.#skip();
    return [...ready, ...this.#take()];
  }

  /** Whether something waits for a message that is missing. */
  get waits(): boolean {
    return this.#waiting.size > 0;
  }

  /** @returns all that waits: what is missing does not come any more */
  flush(): T[] {
    const ready: T[] = [];
    while (this.waits) {
      this.#skip();
      ready.push(...this.#take());
    }
    return ready;
  }

  #skip(): void {
    this.#next = this.#waiting.keys().reduce((least, number) => Math.min(least, number), Number.POSITIVE_INFINITY);
  }

  #take(): T[] {
    const ready: T[] = [];
    for (let message = this.#waiting.get(this.#next); message !== undefined; message = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      ready.push(message);
    }
    return ready;
  }
}
