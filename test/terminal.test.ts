/** Interactive programs in the command line's own terminal, which tmux plays: keys, what is on the screen, sizes. */
import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { allowedSkip, busyboxRoot } from "./busybox/root.ts";
import { debianEnv, unpacked } from "./debian/root.ts";
import { ended, FORESHORE, folder, type Screen, terminal } from "./terminal/screen.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const busybox = await busyboxRoot();
const skipped = "missing" in busybox ? allowedSkip("terminal", busybox.missing) : undefined;
const root = "root" in busybox ? busybox.root : "";

/** A terminal in which `foreshore shell` has said its first prompt. */
async function shell(harts: number, cols = 80, rows = 24): Promise<Screen> {
  const screen = await terminal(cols, rows);
  screen.line(`${FORESHORE} shell --harts ${harts} --root ${root} --env PS1='guest> ' /bin/sh`);
  await screen.shows(/^guest>$/m);
  return screen;
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
    // The machine processes output: a bare newline only moves down.
    screen.line(`clear; ${FORESHORE} run -t --root ${root} sh -c 'stty -onlcr; printf "ab\\ncd\\r\\n"'`);
    await screen.shows(/^ab\n {2}cd$/m);
    await screen.shows(/host\$$/);
    await ended(screen, 0);
  });
});

const debian = await unpacked("guest-root");
const debianSkipped = "missing" in debian ? allowedSkip("debian", debian.missing) : undefined;

/** Debian's bash, interactive, without the start-up files of anybody. */
async function bash(harts: number, cols = 80, rows = 24): Promise<Screen> {
  const screen = await terminal(cols, rows);
  const env = Object.entries({ ...debianEnv, PS1: "guest> " }).map(([name, value]) => `--env '${name}=${value}'`);
  const root = "folder" in debian ? debian.folder : "";
  screen.line(
    `${FORESHORE} shell --harts ${harts} --root ${root} ${env.join(" ")} -- /usr/bin/bash --norc --noprofile`,
  );
  await screen.shows(/^guest>$/m);
  return screen;
}

describe.skipIf(debianSkipped)("Debian's programs in a terminal", () => {
  test.for([1, 4])("bash: history, completion, jobs, lines that go on, sizes; %i harts", async (harts) => {
    const screen = await bash(harts, 90, 28);
    screen.line("echo one two | tr a-z A-Z");
    await screen.shows(/^ONE TWO$/m);
    screen.press("Up");
    await screen.shows(/^ONE TWO\nguest> echo one two \| tr a-z A-Z$/m);
    screen.press("C-a", "M-f", "M-f", "C-k");
    screen.line(" back");
    await screen.shows(/^one back$/m);
    screen.press("C-r");
    screen.type("tr a");
    await screen.shows(/\(reverse-i-search\)`tr a': echo one two/);
    screen.press("Enter");
    await screen.shows(/^ONE TWO[\s\S]*^ONE TWO$/m);
    screen.line("clear; mkdir -p /tmp/d; cd /tmp/d; touch quite-long-name");
    screen.type("ls -d qu");
    screen.press("Tab");
    await screen.shows(/guest> ls -d quite-long-name$/m);
    screen.press("Enter");
    await screen.shows(/^quite-long-name$/m);
    screen.line("clear; for i in 1 2; do");
    await screen.shows(/^>$/m);
    screen.line('echo "n $i"; done');
    await screen.shows(/^n 1\nn 2$/m);
    // A key that comes before the job is in front would reach the shell.
    screen.line(`clear; sh -c 'echo st""arted; exec sleep 1000'`);
    await screen.shows(/^started$/m);
    screen.press("C-z");
    await screen.shows(/^\[1\]\+ {2}Stopped +sh -c/m);
    screen.line("bg; jobs");
    await screen.shows(/^\[1\]\+ {2}Running +sh -c .* &$/m);
    screen.line("fg");
    await screen.shows(/^guest> fg\nsh -c/m);
    screen.press("C-c");
    await screen.shows(/\^C\n+guest>$/);
    screen.line("echo code $?");
    await screen.shows(/^code 130$/m);
    screen.resize(70, 20);
    // bash follows the size when a command has ended.
    screen.line("clear; stty size; echo $COLUMNS");
    await screen.shows(/^20 70\n70$/m);
    screen.line("exit 6");
    await screen.shows(/host\$$/);
    await ended(screen, 6);
  });

  test("python's REPL: blocks, history, Ctrl-C, Ctrl-Z, the end", async () => {
    const screen = await bash(2);
    screen.line("python3 -q");
    await screen.shows(/^>>>$/m);
    screen.line("print(6 * 7, 'grüße')");
    await screen.shows(/^42 grüße$/m);
    screen.line("def double(x):");
    await screen.shows(/^\.\.\.$/m);
    // The prompt indents by itself.
    screen.line("return x * 2");
    screen.press("Enter");
    await screen.shows(/return x \* 2\n\.\.\.\s*\n>>>$/);
    screen.line("double(21) + 1");
    await screen.shows(/^43$/m);
    screen.press("Up");
    await screen.shows(/^43\n>>> double\(21\) \+ 1$/m);
    screen.press("BSpace", "2", "Enter");
    await screen.shows(/^44$/m);
    screen.line("import time; time.sleep(1000)");
    await screen.shows(/sleep\(1000\)$/m);
    screen.press("C-c");
    await screen.shows(/^KeyboardInterrupt\n>>>$/m);
    screen.press("C-z");
    await screen.shows(/Stopped +python3 -q\n+guest>$/);
    screen.line("clear; fg");
    screen.line("1 / 0");
    await screen.shows(/^ZeroDivisionError: division by zero\n>>>$/m);
    screen.press("C-d");
    await screen.shows(/guest>$/);
    screen.line("echo code $?");
    await screen.shows(/^code 0$/m);
  });

  test("less, vi and top as Debian has them", async () => {
    const screen = await bash(2, 80, 20);
    screen.line("seq 1000 1500 > /tmp/numbers; less /tmp/numbers");
    await screen.shows(/^1000\n[\s\S]*^1018\n/m);
    screen.line("/1234");
    await screen.shows(/^1234\n/m);
    screen.press("G");
    await screen.shows(/^1500\n\(END\)/m);
    screen.press("q");
    await screen.shows(/guest>$/);
    screen.line("clear; printf 'first\\nsecond\\n' > /tmp/file; vi /tmp/file");
    await screen.shows(/^first\nsecond\n~/m);
    screen.press("G", "o");
    screen.type("neue Zeile é");
    screen.press("Escape");
    screen.line(":wq");
    await screen.shows(/guest>$/);
    screen.line("clear; cat /tmp/file");
    await screen.shows(/^first\nsecond\nneue Zeile é\nguest>$/m);
    screen.line("clear; sleep 777 & top -d 1");
    const text = await screen.shows(/^ +\d+ root .* sleep/m);
    expect(text).toMatch(/^top - .*load average/m);
    expect(text).toMatch(/^MiB Mem/m);
    screen.press("q");
    await screen.shows(/guest>$/);
  });

  test.for(["SIGTERM", "SIGHUP"] as const)("%s ends the command, and the terminal is as it was", async (signal) => {
    const screen = await terminal();
    const root = "folder" in debian ? debian.folder : "";
    screen.line(
      `sh -c 'echo $$ > ${folder}/pid; exec ${FORESHORE} run -t --root ${root} /usr/bin/bash -c "stty raw -echo; echo in it; sleep 1000"'`,
    );
    await screen.shows(/^in it/m);
    process.kill(Number(readFileSync(`${folder}/pid`, "utf8")), signal);
    await screen.shows(/host\$$/);
    await ended(screen, signal === "SIGTERM" ? 143 : 129);
  });
});
