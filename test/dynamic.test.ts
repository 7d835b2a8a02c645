/** test/guests/dynamic against glibc and musl: what a loader and a C library do at run time, as under qemu. */
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { allowedSkip } from "./busybox/root.ts";
import { BUILT, buildDynamic, LIBCS } from "./debian/dynamic.ts";
import { debianEnv, unpacked } from "./debian/root.ts";
import { runForeshore } from "./oracle/foreshore.ts";
import { runQemu } from "./oracle/qemu.ts";
import type { RunOptions } from "./oracle/sandbox.ts";

vi.setConfig({ testTimeout: 240_000 });

const found = await unpacked("guest-root");
if ("missing" in found) console.warn(allowedSkip("debian", found.missing));
const root = "folder" in found ? found.folder : "";

const FOLDER = "/tmp/dynamic";
/** The program whole, preloaded, and without its library. */
const SCRIPT = [
  `${FOLDER}/main a; echo "code $?"`,
  `LD_PRELOAD=${FOLDER}/libpreload.so ${FOLDER}/main a b | sed -n 1,2p`,
  `mkdir alone; cp ${FOLDER}/main alone; alone/main; echo "code $?"`,
  `LD_LIBRARY_PATH=${FOLDER} alone/main | sed -n 1,2p`,
].join("\n");

describe.skipIf(root === "")("dynamically linked", () => {
  for (const libc of LIBCS) {
    test.for([1, 4])(`${libc}: thread-local storage, dlopen, preloading, locales, fork; %i harts`, async (harts) => {
      const folder = await buildDynamic(libc, root);
      const options: RunOptions = {
        env: debianEnv,
        root,
        files: Object.fromEntries(BUILT.map((name) => [`${FOLDER}/${name}`, join(folder, name)])),
        timeoutMs: 120_000,
      };
      const shell = ["guest:/usr/bin/bash", ["-c", SCRIPT], options] as const;
      const want = await runQemu(...shell);
      expect(want.stdout.toString()).toContain("main: returns");
      const run = await runForeshore({ harts }, ...shell);
      expect(run.stdout.toString()).toBe(want.stdout.toString());
      expect(run.stderr.toString()).toBe(want.stderr.toString());
      expect(run.code).toBe(want.code);
      expect(run.unsupported).toEqual([]);

      // qemu-user looks for the loader itself and ends with 255; this is what Linux makes of it.
      const without = await runForeshore({ harts }, shell[0], ["-c", `${FOLDER}/no-loader; echo "code $?"`], options);
      expect(without.stdout.toString()).toBe("code 127\n");
      expect(without.stderr.toString()).toContain(`${FOLDER}/no-loader: cannot execute: required file not found`);
    });
  }
});
