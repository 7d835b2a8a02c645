/**
 * Runs one program in a sandbox of Linux namespaces: the oracle that Foreshore is compared with. riscv64 programs run under
 * qemu-user through a binfmt_misc that only this sandbox sees (so that exec works), native ones on the host's own kernel.
 * Nothing outside the sandbox is changed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";

/** How a program is run, the same for every engine. */
export interface RunOptions {
  /** What the program reads on its standard input, which then ends. */
  stdin?: string | Uint8Array;
  /** Its whole environment; nothing is inherited. Default: PATH=/bin, HOME=/tmp. */
  env?: Record<string, string>;
  /** Its working directory (made when it is absent). Default: /tmp, an empty tmpfs. */
  cwd?: string;
  /** A host folder that is the read-only lower layer of the root. */
  root?: string;
  /** Further files: guest path → host path. */
  files?: Record<string, string>;
  /** After so long the program is killed and the run fails. Default: 60 s. */
  timeoutMs?: number;
}

/** What a program left: its output, and either its exit code or the name of the signal that ended it. */
export interface RunResult {
  stdout: Buffer;
  stderr: Buffer;
  code: number | null;
  signal: string | null;
}

export const QEMU = "/usr/bin/qemu-riscv64-static";
const SANDBOX = fileURLToPath(new URL("sandbox.pl", import.meta.url));

/** "SIGSEGV" for 11, "SIGRTMIN+8" for 40, as the Runtime's own names. */
export function signalName(number: number): string {
  const entry = Object.entries(constants.signals).find(([name, n]) => n === number && name !== "SIGPOLL");
  return entry ? entry[0] : `SIGRTMIN+${number - 32}`;
}

export const defaultEnv = { PATH: "/bin", HOME: "/tmp" };

/** The guest path under which a host file is run: /bin/NAME. */
export function guestPath(file: string): string {
  return `/bin/${file.slice(file.lastIndexOf("/") + 1)}`;
}

/** Runs `file`, a host path, or when it starts with "guest:" a path inside `root`. `emulator` null = the host's own CPU. */
export async function runSandboxed(
  emulator: string | null,
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  if (emulator && !existsSync(emulator)) throw new Error(`${emulator} is missing: run "make setup"`);
  const inside = file.startsWith("guest:");
  const path = inside ? file.slice(6) : guestPath(file);
  const env = Object.entries(options.env ?? defaultEnv).map(([k, v]) => `${k}=${v}`);
  const files = Object.entries(options.files ?? {}).map(([k, v]) => `${k}=${resolve(v)}`);
  if (!inside) files.push(`${path}=${resolve(file)}`);
  const state = mkdtempSync(join(tmpdir(), "oracle-"));
  const first = [state, options.root ? resolve(options.root) : "-", emulator ?? "-", options.cwd ?? "/tmp"];
  const script =
    'ulimit -Sn 1024; ulimit -c 0; echo ready >&3; read go <&3; exec unshare --mount --pid --fork --kill-child --ipc --net --uts perl "$@"';
  const child = spawn(
    "unshare",
    ["--user", "sh", "-c", script, "sh", SANDBOX, ...first, String(env.length), ...env, ...files, "--", path, ...args],
    { stdio: ["pipe", "pipe", "pipe", "pipe"] },
  );
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let report = "";
  let timedOut = false;
  child.stdout?.on("data", (b: Buffer) => out.push(b));
  child.stderr?.on("data", (b: Buffer) => err.push(b));
  child.stdin?.on("error", () => {}); // the program may end before it has read everything
  child.stdin?.end(options.stdin ?? "");
  const control = child.stdio[3] as Duplex;
  control.on("error", () => {});
  control.on("data", (b: Buffer) => {
    if (!report && b.toString() === "ready\n") {
      mapUsers(child.pid as number);
      control.write("go\n");
      return;
    }
    report += b.toString();
  });
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 60_000);
  try {
    await new Promise<void>((done, fail) => {
      child.on("error", fail);
      child.on("close", () => done());
    });
  } finally {
    clearTimeout(timer);
    rmSync(state, { recursive: true, force: true });
  }
  const stdout = Buffer.concat(out);
  const stderr = Buffer.concat(err);
  const [, kind, value] = /^(exit|signal|error) (.*)\n$/.exec(report) ?? [];
  if (timedOut) throw new Error(`${path} ${args.join(" ")}: still running after its time; stdout so far: ${stdout}`);
  if (kind === "exit") return { stdout, stderr, code: Number(value), signal: null };
  if (kind === "signal") return { stdout, stderr, code: null, signal: signalName(Number(value)) };
  throw new Error(`the sandbox could not run ${path}: ${value ?? "no report"}; stderr: ${stderr}`);
}

/** Gives the new user namespace 65,536 users when we are root, and only ourselves (as root) otherwise. */
function mapUsers(pid: number): void {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  if (uid === 0) {
    writeFileSync(`/proc/${pid}/uid_map`, "0 0 65536\n");
    writeFileSync(`/proc/${pid}/gid_map`, "0 0 65536\n");
    return;
  }
  writeFileSync(`/proc/${pid}/setgroups`, "deny");
  writeFileSync(`/proc/${pid}/uid_map`, `0 ${uid} 1\n`);
  writeFileSync(`/proc/${pid}/gid_map`, `0 ${gid} 1\n`);
}
