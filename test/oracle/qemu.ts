/** qemu-user as the oracle for riscv64 programs, and the host itself for the same programs built natively. */
import { QEMU, type RunOptions, type RunResult, runSandboxed } from "./sandbox.ts";

export type { RunOptions, RunResult } from "./sandbox.ts";

/** Runs a riscv64 program (a host path, or "guest:/path" inside `root`) under qemu-riscv64. */
export async function runQemu(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  // On a loaded machine qemu-user 7.2 was once seen to hang in a guest that stops and continues its
  // children: the oracle, not what is tested, gets a second try.
  const result = await runSandboxed(QEMU, file, args, options).catch((error: unknown) => {
    if (!(error instanceof Error) || !error.message.includes("still running after its time")) throw error;
    return runSandboxed(QEMU, file, args, options);
  });
  // qemu-user reports a fatal guest signal in a line of its own, which no Linux kernel prints.
  const text = result.stderr.toString("latin1").replace(/^qemu: uncaught target signal \d+ \([^)]*\) - .*\n/gm, "");
  return { ...result, stderr: Buffer.from(text, "latin1") };
}

/** Runs a program built for this host on the host's kernel, in the same sandbox. */
export function runNative(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runSandboxed(null, file, args, options);
}
