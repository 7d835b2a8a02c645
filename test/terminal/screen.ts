/** A terminal that tmux plays, with a shell of the host in it: keys go in, and what the screen shows comes out. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
export const FORESHORE = join(ROOT, "bin/foreshore");
/** How long what was typed may take to show, on a machine that is busy otherwise. */
const DEADLINE_MS = 45_000;
const LOOK_MS = 40;

/** A terminal with a shell of the host in it. */
export class Screen {
  readonly #socket: string;

  constructor(folder: string, cols = 80, rows = 24) {
    this.#socket = join(folder, `tmux-${process.pid}-${performance.now()}`);
    const env = { PATH: process.env["PATH"] ?? "", HOME: folder, LANG: "C.UTF-8", PS1: "host$ ", TERM: "xterm" };
    execFileSync("tmux", [
      ...["-S", this.#socket, "-f", "/dev/null", "new-session", "-d", "-x", String(cols), "-y", String(rows)],
      ...["env", "-i", ...Object.entries(env).map(([name, value]) => `${name}=${value}`), "TERM=screen", "/bin/sh"],
    ]);
  }

  #tmux(...args: string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, ...args], { encoding: "utf8" });
  }

  /** Types text as it is. */
  type(text: string): void {
    this.#tmux("send-keys", "-l", text);
  }

  /** Presses keys by tmux's names: Enter, C-c, Left… */
  press(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  line(text: string): void {
    this.type(text);
    this.press("Enter");
  }

  resize(cols: number, rows: number): void {
    this.#tmux("resize-window", "-x", String(cols), "-y", String(rows));
  }

  get text(): string {
    return this.#tmux("capture-pane", "-p").trimEnd();
  }

  /** Waits until the screen shows something. */
  async shows(what: RegExp | string): Promise<string> {
    const late = performance.now() + DEADLINE_MS;
    for (;;) {
      const text = this.text;
      if (typeof what === "string" ? text.includes(what) : what.test(text)) return text;
      if (performance.now() > late) throw new Error(`the terminal does not show ${what}:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  close(): void {
    this.#tmux("kill-server");
  }
}

export let folder = "";
const open: Screen[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "foreshore-terminal-"));
});
afterEach(() => {
  for (const screen of open.splice(0)) screen.close();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A terminal of the given size that is closed when the test ends; its settings before anything ran are in the file "before". */
export async function terminal(cols = 80, rows = 24): Promise<Screen> {
  const screen = new Screen(folder, cols, rows);
  open.push(screen);
  await screen.shows("host$");
  screen.line(`stty -a > ${folder}/before; clear; echo he""re`);
  // What is typed before the prompt is there would be shown before it.
  await screen.shows(/^here\nhost\$$/);
  return screen;
}

/** The shell has ended: its code, and the terminal is as it was. */
export async function ended(screen: Screen, code: number): Promise<void> {
  screen.line(`echo "code $?"; stty -a > ${folder}/after; echo "sa""ved"`);
  const text = await screen.shows("saved");
  expect(text).toContain(`code ${code}`);
  const settings = (name: string): string =>
    readFileSync(join(folder, name), "utf8").replace(/rows.*?; columns.*?;/, "");
  expect(settings("after")).toBe(settings("before"));
}
