/**
 * Takes control strings that reach out of the terminal from a program's output: window titles (OSC 0, 1, 2) and the
 * clipboard (OSC 52; xterm's control sequences). Any file that is shown could hold them.
 */

/** Operating system commands that are kept from the terminal unless they are allowed. */
export const TITLE_COMMANDS: readonly number[] = [0, 1, 2];
export const CLIPBOARD_COMMANDS: readonly number[] = [52];

const BEL = 0x07;
const CAN = 0x18;
const SUB = 0x1a;
const ESC = 0x1b;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const BRACKET = 0x5d;
const ZERO = 0x30;
const NINE = 0x39;
/** U+009D, the eight-bit form of ESC ], as UTF-8: some terminals take it. */
const C1_LEAD = 0xc2;
const C1_OSC = 0x9d;
const C1_ST = 0x9c;
/** No command has a longer number: more digits are some other text. */
const MAX_DIGITS = 5;

type State = "text" | "escape" | "lead" | "number" | "swallow" | "swallow-escape" | "swallow-lead";

/** One output's filter; sequences may be cut anywhere between two pushes. */
export class OscFilter {
  readonly #blocked: ReadonlySet<number>;
  #state: State = "text";
  /** What may turn out to begin a blocked string: shown later, or never. */
  #held: number[] = [];
  #number = 0;
  #digits = 0;

  constructor(blocked: Iterable<number> = [...TITLE_COMMANDS, ...CLIPBOARD_COMMANDS]) {
    this.#blocked = new Set(blocked);
  }

  /** The part of `bytes`, and of what was held back before, that may be shown. */
  push(bytes: Uint8Array): Uint8Array {
    // Most output has none of it: handed on as it is.
    if (this.#state === "text" && bytes.indexOf(ESC) < 0 && bytes.indexOf(C1_LEAD) < 0) return bytes;
    // What was held may come, too: in the middle of a swallowed string an ESC, which is not kept.
    const out = new Uint8Array(bytes.length + this.#held.length + 1);
    let length = 0;
    const show = (byte: number): void => {
      out[length++] = byte;
    };
    for (const byte of bytes) this.#byte(byte, show);
    return out.subarray(0, length);
  }

  /** What is still held when the output has ended: the beginning of a sequence that never came. */
  end(): Uint8Array {
    const rest = Uint8Array.from(this.#held);
    this.#held = [];
    this.#state = "text";
    return rest;
  }

  #byte(byte: number, show: (byte: number) => void): void {
    switch (this.#state) {
      case "text":
        this.#text(byte, show);
        return;
      case "escape":
      case "lead":
        if (byte === (this.#state === "escape" ? BRACKET : C1_OSC)) {
          this.#held.push(byte);
          this.#state = "number";
          this.#number = 0;
          this.#digits = 0;
        } else this.#release(byte, show);
        return;
      case "number":
        if (byte >= ZERO && byte <= NINE && this.#digits < MAX_DIGITS) {
          this.#held.push(byte);
          this.#number = this.#number * 10 + byte - ZERO;
          this.#digits++;
        } else if (this.#digits > 0 && this.#blocked.has(this.#number) && (byte === SEMICOLON || isEnd(byte))) {
          this.#held = [];
          this.#state = "swallow";
          this.#swallow(byte);
        } else this.#release(byte, show);
        return;
      case "swallow":
        this.#swallow(byte);
        return;
      case "swallow-escape":
        // ESC \ ends the string; ESC and anything else ends it as well, and begins a sequence of its own.
        if (byte === BACKSLASH) this.#state = "text";
        else {
          this.#held = [ESC];
          this.#state = "escape";
          this.#byte(byte, show);
        }
        return;
      case "swallow-lead":
        this.#state = byte === C1_ST ? "text" : "swallow";
        if (this.#state === "swallow") this.#swallow(byte);
        return;
    }
  }

  #text(byte: number, show: (byte: number) => void): void {
    if (byte !== ESC && byte !== C1_LEAD) {
      show(byte);
      return;
    }
    this.#held.push(byte);
    this.#state = byte === ESC ? "escape" : "lead";
  }

  /** It is no blocked string after all. */
  #release(byte: number, show: (byte: number) => void): void {
    for (const held of this.#held) show(held);
    this.#held = [];
    this.#state = "text";
    this.#text(byte, show);
  }

  #swallow(byte: number): void {
    if (byte === ESC) this.#state = "swallow-escape";
    else if (byte === C1_LEAD) this.#state = "swallow-lead";
    else if (byte === BEL || byte === CAN || byte === SUB) this.#state = "text";
  }
}

function isEnd(byte: number): boolean {
  return byte === BEL || byte === ESC || byte === CAN || byte === SUB || byte === C1_LEAD;
}

/** As a stage of a stream. */
export function oscFilterStream(filter: OscFilter): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform: (chunk, controller) => {
      const shown = filter.push(chunk);
      if (shown.length > 0) controller.enqueue(shown);
    },
    flush: (controller) => {
      const rest = filter.end();
      if (rest.length > 0) controller.enqueue(rest);
    },
  });
}
