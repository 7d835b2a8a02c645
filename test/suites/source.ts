/** Source packages of Debian, which tools/debian-source fetches. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** The folder of an unpacked source package, or why it cannot be had. */
export async function debianSource(name: string): Promise<{ folder: string } | { missing: string }> {
  try {
    const { stdout } = await promisify(execFile)(join(import.meta.dirname, "../../tools/debian-source"), [name]);
    return { folder: stdout.trim() };
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string };
    if (code === 3) return { missing: (stderr ?? "").trim() };
    throw error;
  }
}
