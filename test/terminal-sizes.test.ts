/** Terminals of sizes that nobody has: programs start, draw and end in them, and the machine goes on. */
import type { Runtime } from "@foreshore/runtime";
import { Machine } from "@foreshore/sdk";
import { directoryLayer } from "@foreshore/sdk/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allowedSkip } from "./busybox/root.ts";
import { debianEnv, unpacked } from "./debian/root.ts";

const found = await unpacked("guest-root");
if ("missing" in found) console.warn(allowedSkip("debian", found.missing));
const root = "folder" in found ? found.folder : "";

describe.skipIf(root === "")("a terminal of", { timeout: 120_000 }, () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await Machine.create({ harts: 2, memory: 512, layers: [directoryLayer(root)] });
  });
  afterAll(() => machine.stop());

  /** Types each text once the one before has been answered; all that the terminal showed. */
  async function session(
    runtime: Runtime,
    size: { cols: number; rows: number },
    steps: readonly (readonly [wait: string, type: string])[],
  ): Promise<{ shown: string; code: number | null }> {
    const shell = await runtime.spawn("/usr/bin/bash", ["--norc", "--noprofile", "-i"], {
      stdio: "pty",
      ...size,
      env: { ...debianEnv, TERM: "xterm", PS1: "> " },
    });
    const writer = shell.terminal!.writable.getWriter();
    const decoder = new TextDecoder();
    let shown = "";
    let from = 0;
    let step = 0;
    for await (const part of shell.terminal!.readable) {
      shown += decoder.decode(part, { stream: true });
      const next = steps[step];
      const at = next === undefined ? -1 : shown.indexOf(next[0], from);
      if (next === undefined || at < 0) continue;
      from = shown.length;
      step++;
      await writer.write(new TextEncoder().encode(next[1]));
    }
    expect(step, shown).toBe(steps.length);
    return { shown, code: (await shell.exit).code };
  }

  test.for([
    { cols: 0, rows: 0 },
    { cols: 10_000, rows: 24 },
    { cols: 10_000, rows: 10_000 },
  ])("$cols columns and $rows rows", async (size) => {
    const { shown, code } = await session(machine, size, [
      ["> ", "stty size; ls -C /usr; seq 30000 | head -c 100000 | tr '\\n' x | wc -c; echo st''ep 1\r"],
      ["step 1", "vi -c 'call setline(1, \"drawn\")' -c 'wq! /tmp/vi.txt'; cat /tmp/vi.txt; echo st''ep 2\r"],
      ["step 2", "seq 5 | less -FX; top -bn1 | head -n 1 | cut -c 1-3; echo st''ep 3\r"],
      ["step 3", "exit 4\r"],
    ]);
    expect(shown).toContain(`${size.rows} ${size.cols}\r\n`);
    expect(shown).toContain("100000\r\n");
    expect(shown).toContain("drawn");
    expect(code).toBe(4);
  });
});
