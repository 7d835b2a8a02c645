/** Interactive programs in the command line's own terminal, which tmux plays: keys, what is on the screen, sizes. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { allowedSkip, busyboxRoot } from "./busybox/root.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ROOT = join(import.meta.dirname, "..");
const FORESHORE = join(ROOT, "bin/foreshore");
/** How long what was typed may take to show, on a machine that is busy otherwise. */
const DEADLINE_MS = 45_000;
const LOOK_MS = 40;

/** A terminal with a shell of the host in it. */
class Screen {
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

const busybox = await busyboxRoot();
const skipped = "missing" in busybox ? allowedSkip("terminal", busybox.missing) : undefined;
const root = "root" in busybox ? busybox.root : "";

let folder = "";
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

/** A terminal in which `foreshore shell` has said its first prompt; its state before that is in the file "before". */
async function shell(harts: number, cols = 80, rows = 24): Promise<Screen> {
  const screen = new Screen(folder, cols, rows);
  open.push(screen);
  await screen.shows("host$");
  screen.line(`stty -a > ${folder}/before; clear`);
  screen.line(`${FORESHORE} shell --harts ${harts} --root ${root} --env PS1='guest> ' /bin/sh`);
  await screen.shows(/^guest>$/m);
  return screen;
}

/** The shell has ended: its code, and the terminal is as it was. */
async function ended(screen: Screen, code: number): Promise<void> {
  screen.line(`echo "code $?"; stty -a > ${folder}/after; echo "sa""ved"`);
  const text = await screen.shows("saved");
  expect(text).toContain(`code ${code}`);
  const settings = (name: string): string =>
    readFileSync(join(folder, name), "utf8").replace(/rows.*?; columns.*?;/, "");
  expect(settings("after")).toBe(settings("before"));
}

describe.skipIf(skipped)("busybox sh in a terminal", () => {
  test.for([1, 4])("takes keys, edits lines, and leaves the terminal as it was, %i harts", async (harts) => {
    const screen = await shell(harts);
    screen.line("tty; stty size");
    await screen.shows(/^\/dev\/pts\/0\n24 80\n/m);
    screen.type("echo oen two");
    screen.press("Left", "Left", "Left", "Left", "Left", "BSpace");
    screen.type("n");
    screen.press("Left", "BSpace");
    screen.type("ne");
    screen.press("Home", "Delete", "End");
    screen.press("C-u");
    screen.line("echo one two | tr a-z A-Z");
    await screen.shows(/^ONE TWO$/m);
    screen.press("Up");
    await screen.shows(/^ONE TWO\nguest> echo one two \| tr a-z A-Z$/m);
    screen.press("Enter");
    await screen.shows(/^ONE TWO$[\s\S]*^ONE TWO$/m);
    // In a program that leaves editing to the terminal.
    screen.line(`sh -c 'echo re""ady; exec cat'`);
    await screen.shows(/^ready$/m);
    screen.type("abx");
    screen.press("BSpace");
    screen.line("c déf");
    await screen.shows(/^abc déf\nabc déf$/m);
    screen.press("C-d");
    await screen.shows(/guest>$/);
    screen.line("exit 5");
    await screen.shows(/host\$$/);
    await ended(screen, 5);
  });

  test.for([1, 4])("Ctrl-C, Ctrl-Z, fg and bg reach the jobs, %i harts", async (harts) => {
    const screen = await shell(harts);
    const job = `sh -c 'echo st""arted; exec sleep 1000'`;
    screen.line(job);
    await screen.shows(/^started$/m);
    screen.press("C-c");
    await screen.shows(/\^C\n+guest>$/);
    screen.line("echo $?; clear");
    await screen.shows(/^guest>$/);
    screen.line(job);
    await screen.shows(/^started$/m);
    screen.press("C-z");
    await screen.shows(/\^Z\[1\]\+ {2}Stopped/);
    screen.line("ps -o stat,args | grep 'sleep 1[0]'; bg");
    await screen.shows(/^T .*sleep 1000$/m);
    screen.line("jobs");
    await screen.shows(/^\[1\]\+ {2}Running/m);
    screen.line("fg; echo gone");
    await screen.shows(/^guest> fg[\s\S]*^sh -c/m);
    screen.press("C-\\");
    await screen.shows(/^gone$/m);
    // A background reader is stopped, and reads once it is in front.
    screen.line("clear; cat & sleep 0; wait");
    await screen.shows(/Stopped \(tty input\)|^\[1\]\+ {2}Stopped/m);
    screen.line("fg");
    await screen.shows(/^guest> fg\ncat$/m);
    screen.line("for cat");
    await screen.shows(/^for cat\nfor cat$/m);
    screen.press("C-d");
    await screen.shows(/guest>$/);
    screen.press("C-d");
    await screen.shows(/host\$$/);
    await ended(screen, 0);
  });

  test("follows the window's size", async () => {
    const screen = await shell(2, 100, 30);
    screen.line("stty size");
    await screen.shows(/^30 100$/m);
    screen.resize(61, 17);
    screen.line("stty size");
    await screen.shows(/^17 61$/m);
    screen.line(`sh -c "trap 'stty size' WINCH; echo re''ady; while :; do read x; done"`);
    await screen.shows("ready");
    screen.resize(132, 43);
    await screen.shows(/^43 132$/m);
  });

  test("vi edits a file", async () => {
    const screen = await shell(2);
    screen.line("printf 'first\\nsecond\\nthird\\n' > /tmp/file; vi /tmp/file");
    await screen.shows(/^first\nsecond\nthird\n~[\s\S]*\/tmp\/file 1\/3/m);
    screen.press("Down", "d", "d", "o");
    screen.type("neue Zeile é");
    screen.press("Escape");
    // Out of insert mode: what follows Escape at once would be a key of its own.
    await screen.shows(/^first\nthird\nneue Zeile é\n~[\s\S]*^- \/tmp\/file/m);
    screen.line(":wq");
    await screen.shows(/guest>$/);
    screen.line("clear; cat /tmp/file");
    await screen.shows(/^first\nthird\nneue Zeile é\nguest>$/m);
  });

  test("less pages, searches and ends", async () => {
    const screen = await shell(2, 80, 20);
    screen.line("seq 1000 1500 > /tmp/numbers; less /tmp/numbers");
    await screen.shows(/^1000\n[\s\S]*^1018\n/m);
    screen.press("Space");
    await screen.shows(/^1019\n[\s\S]*^1037\n/m);
    screen.press("G");
    await screen.shows(/^1500\n[\s\S]*END/m);
    screen.line("?1234");
    await screen.shows(/^1234$/m);
    screen.press("q");
    await screen.shows(/guest>$/);
  });

  test("top shows frame after frame until q", async () => {
    const screen = await shell(2);
    screen.line("top -d 1");
    const first = await screen.shows(/^Mem: [\s\S]*PID +PPID[\s\S]*sh/m);
    expect(first).toMatch(/^CPU:.*\nLoad average:/m);
    screen.press("q");
    await screen.shows(/guest>$/);
    // A later frame: the process was not there in the first.
    screen.line("clear; (sleep 2; exec sleep 777) & top -d 1");
    await screen.shows(/sleep 777/);
    screen.press("q");
    await screen.shows(/guest>$/);
  });

  test("a program that is ended from outside leaves the terminal as it was", async () => {
    const screen = await shell(2);
    screen.press("C-d");
    await screen.shows(/host\$$/);
    screen.line(`clear; ${FORESHORE} run -t --root ${root} --timeout 3 sh -c 'stty raw -echo; echo go; sleep 1000'`);
    await screen.shows(/go/);
    await screen.shows(/host\$$/);
    await ended(screen, 124);
    screen.line(`clear; ${FORESHORE} run -t --root ${root} sh -c 'stty raw -echo; echo go; kill -9 $$'`);
    await screen.shows(/go[\s\S]*host\$$/);
    await ended(screen, 137);
    screen.line(`clear; ${FORESHORE} run -t --root ${root} nothing`);
    await screen.shows(/not found in the machine\n.*host\$$/);
    await ended(screen, 127);
    // Output is the machine's to process: a bare newline only moves down.
    screen.line(`clear; ${FORESHORE} run -t --root ${root} sh -c 'stty -onlcr; printf "ab\\ncd\\r\\n"'`);
    await screen.shows(/^ab\n {2}cd$/m);
    await screen.shows(/host\$$/);
    await ended(screen, 0);
  });
});
