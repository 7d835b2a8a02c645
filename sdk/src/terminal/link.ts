/** A terminal emulator in a page (xterm.js, or what has its interface) joined to a guest's terminal. */
import type { Process } from "@foreshore/runtime";
import { CLIPBOARD_COMMANDS, TITLE_COMMANDS } from "./osc-filter.ts";

interface Disposable {
  dispose(): void;
}

/** The part of xterm.js's Terminal that is used. */
export interface TerminalEmulator {
  readonly cols: number;
  readonly rows: number;
  write(data: Uint8Array, done: () => void): void;
  onData(listener: (text: string) => void): Disposable;
  onBinary(listener: (bytes: string) => void): Disposable;
  onResize(listener: (size: { cols: number; rows: number }) => void): Disposable;
  readonly parser: { registerOscHandler(code: number, handler: (data: string) => boolean): Disposable };
}

export interface LinkOptions {
  /** Programs may set the window's title (OSC 0, 1, 2). Default false. */
  readonly titles?: boolean | undefined;
  /** Programs may read and write the clipboard (OSC 52). Default false: any file that is shown could. */
  readonly clipboard?: boolean | undefined;
}

/** What is typed is handed over in pieces of so many bytes. */
const PIECE = 64 * 1024;

/**
 * Shows what `process` writes to its terminal, sends what is typed, follows the
 * emulator's size. The emulator sets the pace: output that it has not taken
 * holds its writer up, so that a flood costs no memory.
 * @returns settles when the terminal has shown all that it ever will; rejects when the machine fails
 * @throws TypeError for a process without a terminal
 */
export async function linkTerminal(
  emulator: TerminalEmulator,
  process: Process,
  options: LinkOptions = {},
): Promise<void> {
  const { terminal } = process;
  if (terminal === null) throw new TypeError('the process has no terminal: spawn it with stdio: "pty"');
  const writer = terminal.writable.getWriter();
  // Typing to a program that has ended is no error of anybody.
  writer.closed.catch(() => undefined);
  let typed: Promise<void> = Promise.resolve();
  const send = (bytes: Uint8Array): void => {
    typed = typed
      .then(async () => {
        for (let at = 0; at < bytes.length; at += PIECE) await writer.write(bytes.subarray(at, at + PIECE));
      })
      .catch(() => undefined);
  };
  const swallow = [...(options.titles ? [] : TITLE_COMMANDS), ...(options.clipboard ? [] : CLIPBOARD_COMMANDS)];
  const encoder = new TextEncoder();
  const listeners = [
    emulator.onData((text) => send(encoder.encode(text))),
    emulator.onBinary((bytes) => send(Uint8Array.from(bytes, (char) => char.charCodeAt(0)))),
    emulator.onResize(({ cols, rows }) => void process.resize(cols, rows).catch(() => undefined)),
    ...swallow.map((code) => emulator.parser.registerOscHandler(code, () => true)),
  ];
  try {
    await process.resize(emulator.cols, emulator.rows);
    const reader = terminal.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      await new Promise<void>((shown) => emulator.write(value, shown));
    }
  } finally {
    for (const listener of listeners) listener.dispose();
    await writer.close().catch(() => undefined);
  }
}
