/** The root that the page's machine gets when none is named: Debian's busybox. */
import { join } from "node:path";
import type { LayerEntry, LayerSource } from "@foreshore/sdk/layers/entry";
import { Machine } from "@foreshore/sdk/machine";
import { fileLayer } from "@foreshore/sdk/node/host-file";
import { unpacked } from "../../debian/root.ts";

const ETC: Readonly<Record<string, string>> = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
  "etc/group": "root:x:0:\n",
  "etc/hostname": "foreshore\n",
  "etc/profile": "alias ls='ls --color=auto' ll='ls -l'\n",
};

/** Shells by preference. */
const SHELLS: readonly (readonly string[])[] = [
  ["bin/bash", "-l"],
  ["usr/bin/bash", "-l"],
  ["bin/sh", "-l"],
  ["usr/bin/sh", "-l"],
];

/** Debian's busybox-static with a name for each applet, or why it cannot be had. */
export async function busyboxLayer(): Promise<LayerSource | { missing: string }> {
  const found = await unpacked("guests", ["busybox-static"]);
  if ("missing" in found) return found;
  const { folder } = found;
  const file = fileLayer(join(folder, "usr/bin/busybox"), "bin/busybox");
  const applets = await appletNames(folder);
  return {
    name: "Debian's busybox-static",
    async *entries(): AsyncGenerator<LayerEntry> {
      yield* file.entries();
      for (const name of applets)
        if (name !== "busybox") yield { kind: "symlink", path: `bin/${name}`, target: "busybox" };
      for (const [path, data] of Object.entries(ETC)) yield { path, data };
      yield { kind: "directory", path: "tmp", mode: 0o1777 };
      yield { kind: "directory", path: "root", mode: 0o700 };
    },
    read: (blob, position, length) => file.read!(blob, position, length),
    close: () => file.close?.(),
  };
}

/** What busybox itself says that it can do. */
async function appletNames(folder: string): Promise<string[]> {
  await using machine = await Machine.create({
    harts: 1,
    memory: 128,
    layers: [fileLayer(join(folder, "usr/bin/busybox"), "bin/busybox")],
  });
  const { stdout, code } = await machine.run("/bin/busybox", ["--list"]);
  if (code !== 0) throw new Error(`busybox --list ended with ${code}`);
  return new TextDecoder().decode(stdout).trim().split("\n");
}

/** The shell among these entries and its arguments; null when there is none. */
export function shellOf(entries: Iterable<LayerEntry>): string[] | null {
  const names = new Set<string>();
  for (const { path } of entries) names.add(path.replace(/^[./]*\//, ""));
  for (const [shell, ...args] of SHELLS) if (shell !== undefined && names.has(shell)) return [`/${shell}`, ...args];
  return null;
}
