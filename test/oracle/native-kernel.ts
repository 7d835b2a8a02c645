/**
 * The same programs on the kernel's packages built as a native Go program: a second machine around the same kernel, without
 * WebAssembly and without JavaScript. What differs between the two is a mistake of the compiler, of the interpreter's build or of the host.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { defaultEnv, guestPath, type RunOptions, type RunResult, signalName } from "./sandbox.ts";

const ROOT = join(import.meta.dirname, "../..");
const PROGRAM = join(ROOT, "build/foreshore-native");

export interface NativeMachine {
  harts?: number;
  /** MiB */
  memory?: number;
}

/** What the machine said of itself beside the program's output. */
export interface NativeResult extends RunResult {
  log: string[];
}

let built: Promise<string> | undefined;

/** Builds the program (quick when nothing has changed) and returns its path. */
export function nativeKernel(): Promise<string> {
  built ??= (async () => {
    mkdirSync(join(ROOT, "build"), { recursive: true });
    // Built beside and renamed: several test processes may do so at once.
    const fresh = `${PROGRAM}.${process.pid}`;
    await promisify(execFile)("go", ["build", "-tags", "paranoid", "-o", fresh, "./cmd/foreshore-native"], {
      cwd: join(ROOT, "kernel-go"),
    });
    renameSync(fresh, PROGRAM);
    return PROGRAM;
  })();
  return built;
}

/** Runs a riscv64 program (a host path, or "guest:/path" inside `root`) in a native machine of its own. */
export async function runNativeKernel(
  machine: NativeMachine,
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<NativeResult> {
  const program = await nativeKernel();
  const inside = file.startsWith("guest:");
  const path = inside ? file.slice(6) : guestPath(file);
  const folder = mkdtempSync(join(tmpdir(), "native-kernel-"));
  const logFile = join(folder, "log");
  const timeoutMs = options.timeoutMs ?? 60_000;
  const files = Object.entries({ ...options.files, ...(inside ? {} : { [path]: file }) });
  const command = [
    ...["-log", logFile, "-cwd", options.cwd ?? "/tmp", "-timeout", String(timeoutMs / 1000)],
    ...["-harts", String(machine.harts ?? 1), "-memory", String(machine.memory ?? 1024)],
    ...(options.root ? ["-root", options.root] : []),
    ...files.flatMap(([to, from]) => ["-file", `${to}=${from}`]),
    ...Object.entries(options.env ?? defaultEnv).flatMap(([name, value]) => ["-env", `${name}=${value}`]),
    ...["--", path, ...args],
  ];
  try {
    const child = spawn(program, command, { stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => out.push(part));
    child.stderr.on("data", (part: Buffer) => err.push(part));
    child.stdin.on("error", () => {}); // the program may end before it has read everything
    child.stdin.end(options.stdin ?? "");
    await new Promise<void>((done, fail) => {
      child.on("error", fail);
      child.on("close", () => done());
    });
    const stdout = Buffer.concat(out);
    const stderr = Buffer.concat(err);
    const log = existsSync(logFile) ? readFileSync(logFile, "utf8").trimEnd().split("\n") : [];
    const [, how, number] = /the program (exited with|was ended by signal) (\d+)$/.exec(log.pop() ?? "") ?? [];
    if (how === undefined) {
      throw new Error(
        `${path} ${args.join(" ")}: the native machine ended with ${child.exitCode ?? child.signalCode}\n${log.join("\n")}\n${stderr}\nstdout: ${stdout}`,
      );
    }
    const signal = how.endsWith("signal") ? signalName(Number(number)) : null;
    return { stdout, stderr, log, code: signal === null ? Number(number) : null, signal };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
