/** Versions: what these packages speak, and what they say of a side that they do not understand. */
import { AbiVersion, abiFits, LayoutHashHi, LayoutHashLo, type SideVersion } from "../ts/index.ts";

/** What these packages speak. */
export const ABI: SideVersion = {
  abiMajor: AbiVersion.Major,
  abiMinor: AbiVersion.Minor,
  layoutHashLo: LayoutHashLo,
  layoutHashHi: LayoutHashHi,
};

/** Of something that has more fields, those of its version. */
export function versionOf({ abiMajor, abiMinor, layoutHashLo, layoutHashHi }: SideVersion): SideVersion {
  return { abiMajor, abiMinor, layoutHashLo, layoutHashHi };
}

/** A layout hash as 16 hexadecimal digits. */
export function layoutText({ layoutHashHi, layoutHashLo }: SideVersion): string {
  return [layoutHashHi, layoutHashLo].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** "0.1 (layout 0123456789abcdef)". */
export function abiText(version: SideVersion): string {
  return `${version.abiMajor}.${version.abiMinor} (layout ${layoutText(version)})`;
}

/** Why these packages do not understand another side, with both versions, and what to do; undefined when they do. */
export function versionMismatch(theirs: SideVersion, who: string): string | undefined {
  if (abiFits(theirs)) return undefined;
  return `these packages speak ABI ${abiText(ABI)}, the ${who} ${abiText(theirs)}: use packages of the same release`;
}
