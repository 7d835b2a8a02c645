/**
 * A representative set in Chromium: guests of each family and some of busybox on two harts, against qemu; and one program
 * on a page without COOP and COEP, where one worker with a memory of its own is kernel worker and hart at once.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { applets, shell } from "./busybox/commands.ts";
import { allowedSkip, busyboxRoot } from "./busybox/root.ts";
import { cases } from "./debian/cases.ts";
import { debianEnv, unpacked } from "./debian/root.ts";
import { guest, missingTool } from "./guests/build.ts";
import { ChromiumPage, missingBrowser } from "./oracle/chromium.ts";
import { compared, qemuArguments } from "./oracle/compare.ts";
import { runQemu } from "./oracle/qemu.ts";
import type { RunResult } from "./oracle/sandbox.ts";
import { judge } from "./views/readers.ts";

const missing = missingBrowser() ?? missingTool();
const GUESTS = [
  ...["files_io", "dirs", "pipes", "epoll", "mmap", "mmap_file", "fork_wait", "exec", "signals", "signals_wait"],
  ...["threads", "futex", "time", "cpu", "procfs", "stress_memory"],
  ...[
    "schedule",
    "held",
    "pidfd",
    "forged",
    "epoll_exact",
    "seals",
    "leases",
    "core",
    "clone_range",
    "mmap_places",
    "procfs_memory",
    "futex_pi",
  ],
  ...["socket_unix", "socket_rights", "socket_cycles", "socket_tcp", "socket_udp", "socket_transfer"],
];
const SCRIPTS = new Set([
  "pipelines",
  "here-documents",
  "background",
  "trap",
  "tar-gz",
  "awk-program",
  "sort-large",
  "find",
]);
const GO = ["go-goroutines", "go-timers"];

const pages = new Map<boolean, Promise<ChromiumPage>>();
function page(isolated: boolean): Promise<ChromiumPage> {
  let open = pages.get(isolated);
  if (!open) {
    open = ChromiumPage.open(isolated);
    pages.set(isolated, open);
  }
  return open;
}
afterAll(async () => {
  for (const open of pages.values()) await (await open).close();
});

describe.skipIf(missing)("Chromium", () => {
  for (const name of GUESTS) {
    test(name, { timeout: 150_000 }, async () => {
      const file = await guest(name);
      const run = await (await page(true)).run(2, file, []);
      const { got, want } = compared(name, await runQemu(file, qemuArguments(name)), run);
      expect(got).toEqual(want);
    });
  }

  for (const name of GO) {
    test(name, { timeout: 150_000 }, async () => {
      const file = await guest(name);
      const want = await runQemu(file, []);
      const run = await (await page(true)).run(2, file, []);
      expect({ ...run, stdout: run.stdout.toString() }).toEqual({ ...want, stdout: want.stdout.toString() });
    });
  }

  test("views of a machine under stress, from the page and from a worker", { timeout: 150_000 }, async () => {
    const reports = await (await page(true)).views(4, await guest("stress_views"), ["100000"], 3000);
    expect(reports.map(judge)).toEqual([[], []]);
  });

  test("busybox", { timeout: 150_000 }, async (context) => {
    const found = await busyboxRoot();
    if ("missing" in found) return context.skip(allowedSkip("busybox", found.missing));
    const { root } = found;
    const chosen = [...applets, ...shell].filter((command) => SCRIPTS.has(command.name));
    expect(chosen).toHaveLength(SCRIPTS.size);
    const env = { PATH: "/bin", HOME: "/tmp", TZ: "UTC", LC_ALL: "C" };
    const names = readdirSync(join(root, "bin")).filter((name) => name !== "busybox");
    const etc = { "/etc/passwd": join(root, "etc/passwd"), "/etc/group": join(root, "etc/group") };
    const scripts = chosen.map((c) => ({ script: c.script, stdin: c.stdin ?? "", cwd: `/tmp/${c.name}` }));
    const runs = await (await page(true)).shell(2, join(root, "bin/busybox"), names, scripts, { env, etc });
    for (const [i, command] of chosen.entries()) {
      const options = { root, env, cwd: `/tmp/${command.name}`, stdin: command.stdin ?? "" };
      const want = await runQemu("guest:/bin/busybox", ["sh", "-c", command.script], options);
      expect({ name: command.name, out: runs[i]?.stdout.toString(), code: runs[i]?.code }).toEqual({
        name: command.name,
        out: want.stdout.toString(),
        code: want.code,
      });
    }
  });

  test("Debian's bash, lua, sqlite3 and python3", { timeout: 400_000 }, async (context) => {
    const found = await unpacked("guest-root");
    if ("missing" in found) return context.skip(allowedSkip("debian", found.missing));
    const chosen = cases.filter((one) => one.chromium);
    const runs = chosen.map((one) => ({ args: ["-c", one.script], stdin: one.stdin ?? "", cwd: `/tmp/${one.name}` }));
    const options = { env: debianEnv, timeoutMs: 300_000 };
    const got = await (await page(true)).runInRoot(2, found.folder, "/usr/bin/bash", runs, options);
    for (const [i, one] of chosen.entries()) {
      const want = await runQemu("guest:/usr/bin/bash", ["-c", one.script], {
        ...options,
        root: found.folder,
        cwd: `/tmp/${one.name}`,
        stdin: one.stdin ?? "",
      });
      const text = (run: RunResult | undefined) => ({
        name: one.name,
        out: run?.stdout.toString(),
        err: run?.stderr.toString(),
        code: run?.code,
      });
      expect(text(got[i])).toEqual(text(want));
    }
  });

  test.for(["hello", "fork_wait", "threads"])(
    "%s without COOP and COEP, in a single worker",
    { timeout: 150_000 },
    async (name) => {
      const file = await guest(name);
      const want = await runQemu(file, qemuArguments(name));
      const run = await (await page(false)).run(1, file, []);
      if (name === "hello") expect(run.stdout.toString()).toBe(want.stdout.toString());
      expect(run.stdout.toString()).not.toContain("FAIL");
      expect({ code: run.code, signal: run.signal }).toEqual({ code: 0, signal: null });
    },
  );
});
