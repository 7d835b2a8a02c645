/** The root of Debian packages that tools/guest-root makes. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** What a tool that unpacks packages of the riscv64 archive prints, or why they cannot be had. */
export async function unpacked(
  tool: "guests" | "guest-root",
  packages: readonly string[] = [],
): Promise<{ folder: string } | { missing: string }> {
  try {
    const { stdout } = await promisify(execFile)(join(import.meta.dirname, "../../tools", tool), [...packages]);
    return { folder: stdout.trim() };
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string };
    if (code === 3) return { missing: (stderr ?? "").trim() };
    throw error;
  }
}

/** The environment of every case. */
export const debianEnv = { PATH: "/usr/bin:/usr/sbin", HOME: "/root", TZ: "UTC", LC_ALL: "C.UTF-8" };
