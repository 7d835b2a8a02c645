/** The same programs in Foreshore, through the Runtime API: what the oracle's results are compared with. */
import { readFileSync } from "node:fs";
import { Runtime, type RuntimeOptions } from "@foreshore/runtime";
import { applyLayer, directoryLayer } from "@foreshore/sdk/node";
import { defaultEnv, guestPath, type RunOptions, type RunResult } from "./sandbox.ts";

/** What the machine said of itself beside the program's output. */
export interface ForeshoreResult extends RunResult {
  /** Lines of the kernel and the runtime. */
  log: string[];
  /** System calls that the kernel does not have, by name. */
  unsupported: string[];
}

/** Puts what a run needs into a machine: the root, the program, other files, the working directory. */
export async function prepare(runtime: Runtime, file: string, options: RunOptions = {}): Promise<string> {
  if (options.root) await applyLayer(runtime, directoryLayer(options.root));
  const inside = file.startsWith("guest:");
  const path = inside ? file.slice(6) : guestPath(file);
  const files = { ...options.files, ...(inside ? {} : { [path]: file }) };
  for (const [to, from] of Object.entries(files)) {
    await runtime.fs.mkdir(to.slice(0, to.lastIndexOf("/")) || "/", { recursive: true });
    await runtime.fs.writeFile(to, readFileSync(from), { mode: 0o755 });
  }
  await runtime.fs.mkdir(options.cwd ?? "/tmp", { recursive: true });
  return path;
}

/** Runs a program in a machine that is there: the counterpart of `runQemu` for many commands in one machine. */
export async function runIn(
  runtime: Runtime,
  path: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? 60_000);
  const process = await runtime.spawn(path, args, {
    stdin: options.stdin ?? "",
    env: options.env ?? defaultEnv,
    cwd: options.cwd ?? "/tmp",
    signal: timeout,
  });
  const parts: Uint8Array[] = [];
  const all = Promise.all([
    collect(process.stdout, parts),
    collect(process.stderr, []),
    process.exit.then((status) => ({ code: status.code, signal: status.signal })),
  ]);
  // A process that is killed still lets its output end; a kernel that hangs does not.
  const tooLate = new Promise<never>((_, fail) => {
    timeout.addEventListener("abort", () =>
      fail(new Error(`${path} ${args.join(" ")}: still running after its time; stdout: ${Buffer.concat(parts)}`)),
    );
  });
  tooLate.catch(() => {});
  const [stdout, stderr, status] = await Promise.race([all, tooLate]);
  return { stdout, stderr, ...status };
}

async function collect(stream: ReadableStream<Uint8Array> | null, parts: Uint8Array[]): Promise<Buffer> {
  if (stream) for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** Runs a riscv64 program (a host path, or "guest:/path" inside `root`) in a machine of its own. */
export async function runForeshore(
  machine: RuntimeOptions,
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ForeshoreResult> {
  const log: string[] = [];
  const unsupported: string[] = [];
  const runtime = await Runtime.create({
    log: (level, text) => log.push(`${level}: ${text}`),
    onEvent: (event) => {
      if (event.type === "unsupported-syscall") unsupported.push(event.name);
    },
    ...machine,
  });
  try {
    const path = await prepare(runtime, file, options);
    return { ...(await runIn(runtime, path, args, options)), log, unsupported };
  } catch (error) {
    if (log.length > 0 && error instanceof Error) error.message += `\n${log.join("\n")}`;
    throw error;
  } finally {
    await runtime.stop();
  }
}
