/** A running machine from another command on a terminal: a shell in it, and its processes. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { allowedSkip, busyboxRoot } from "./busybox/root.ts";
import { ended, FORESHORE, folder, type Screen, terminal } from "./terminal/screen.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const busybox = await busyboxRoot();
const skipped = "missing" in busybox ? allowedSkip("terminal", busybox.missing) : undefined;
const root = "root" in busybox ? busybox.root : "";

/** A terminal in which a machine runs in the background. */
async function beside(name: string): Promise<{ screen: Screen; socket: string }> {
  const socket = join(folder, name);
  const screen = await terminal();
  screen.line(`${FORESHORE} run --harts 2 --control ${socket} --root ${root} sleep 1000 < /dev/null & clear`);
  await expect.poll(() => existsSync(socket), { timeout: 45_000 }).toBe(true);
  return { screen, socket };
}

describe.skipIf(skipped)("a machine with --control, from a terminal", () => {
  test("exec --tty gives a shell with keys, size and job control, and leaves the terminal as it was", async () => {
    const { screen, socket } = await beside("shell");
    screen.line(`${FORESHORE} exec --control ${socket} --env PS1='guest> ' -t sh`);
    await screen.shows(/^guest>$/m);
    screen.line("tty; stty size; ps -o args | grep 'sleep 1[0]'");
    await screen.shows(/^\/dev\/pts\/0\n24 80\nsleep 1000$/m);
    screen.resize(100, 30);
    screen.line("clear; stty size");
    await screen.shows(/^30 100$/m);
    screen.line("sleep 2000");
    screen.press("C-c");
    screen.line("echo $?");
    await screen.shows(/^130$/m);
    screen.line("exit 5");
    await screen.shows(/host\$$/);
    await ended(screen, 5);
    screen.line("kill %1; wait; clear");
    await expect.poll(() => existsSync(socket), { timeout: 45_000 }).toBe(false);
  });

  test("top refreshes in place, follows the terminal's size, and ends with q", async () => {
    const { screen, socket } = await beside("top");
    screen.line(`${FORESHORE} top --control ${socket}`);
    await screen.shows(
      /^2 processes, 0 runnable[\s\S]*^ *PID +PPID STAT THR +%CPU +RSS +TIME COMMAND\n.*S.*-.*sleep$/m,
    );
    // From the second look on there is a share of the processor.
    await screen.shows(/^ *\d+ +1 +S +1 +0\.0 +\d+ 00:00:0\d sleep$/m);
    screen.resize(40, 10);
    await screen.shows(/^2 processes, 0 runnable, 0 zombies; 0 of$/m);
    screen.resize(80, 24);
    screen.type("q");
    await screen.shows(/host\$$/);
    await ended(screen, 0);
    screen.line("kill %1; wait; clear");
    await expect.poll(() => existsSync(socket), { timeout: 45_000 }).toBe(false);
  });
});
