/** The root folder that busybox is run in: the binary of Debian's riscv64 package and a name for each applet. */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { unpacked } from "../debian/root.ts";
import { QEMU } from "../oracle/sandbox.ts";

const ROOT = join(import.meta.dirname, "../..");

/** A host folder that is a root with busybox in it, or why there is none. */
export async function busyboxRoot(): Promise<{ root: string } | { missing: string }> {
  const found = await unpacked("guests", ["busybox-static"]);
  if ("missing" in found) return found;
  const version = found.folder.slice(found.folder.lastIndexOf("/") + 1);
  const root = join(ROOT, "build/guests", version);
  if (existsSync(root)) return { root };
  const fresh = `${root}.${process.pid}`;
  mkdirSync(join(fresh, "bin"), { recursive: true });
  mkdirSync(join(fresh, "etc"));
  const binary = join(found.folder, "usr/bin/busybox");
  copyFileSync(binary, join(fresh, "bin/busybox"));
  const applets = execFileSync(QEMU, [binary, "--list"], { encoding: "utf8" }).trim().split("\n");
  for (const applet of applets) if (applet !== "busybox") symlinkSync("busybox", join(fresh, "bin", applet));
  writeFileSync(
    join(fresh, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/home/guest:/bin/sh\n",
  );
  writeFileSync(join(fresh, "etc/group"), "root:x:0:\nguest:x:1000:\n");
  try {
    renameSync(fresh, root);
  } catch {
    rmSync(fresh, { recursive: true }); // another test process was first
  }
  return { root };
}

/** Checks that a test may be left out for this reason: test/skips.json names every one that is allowed. */
export function allowedSkip(test: string, reason: string): string {
  const allowed = JSON.parse(readFileSync(join(ROOT, "test/skips.json"), "utf8")) as { test: string; reason: string }[];
  const entry = allowed.find((one) => one.test === test && reason.includes(one.reason));
  if (!entry) throw new Error(`${test} would be skipped, and test/skips.json does not allow that reason: ${reason}`);
  return `${test}: skipped: ${reason}`;
}
