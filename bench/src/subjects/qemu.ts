/**
 * qemu-user. Programs that need nothing but themselves run directly; once files were installed they run in the tests'
 * sandbox, where exec of a riscv64 program works (only the guest's own clock means anything then).
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { runQemu } from "../../../test/oracle/qemu.ts";
import { QEMU } from "../../../test/oracle/sandbox.ts";
import { Unavailable } from "../benchmark.ts";
import { guestPath, type Subject, type SubjectRun } from "./subject.ts";

export class Qemu implements Subject {
  readonly name = "qemu";
  #files: Record<string, string> | undefined;

  static open(): Qemu {
    if (!existsSync(QEMU)) throw new Unavailable(`${QEMU} is missing: run "make setup"`);
    return new Qemu();
  }

  async install(files: Readonly<Record<string, string>>): Promise<void> {
    this.#files = { ...this.#files, ...files };
  }

  async run(file: string, args: readonly string[] = []): Promise<SubjectRun> {
    const from = performance.now();
    const { code, stdout, stderr } =
      this.#files === undefined ? await direct(file, args) : await this.#inside(file, args);
    const wallMs = performance.now() - from;
    if (code !== 0) throw new Error(`${guestPath(file)} under qemu ended with ${code}: ${stderr}`);
    return { stdout, wallMs };
  }

  async close(): Promise<void> {}

  async #inside(file: string, args: readonly string[]): Promise<Ended> {
    const run = await runQemu(file, args, { env: {}, files: this.#files ?? {} });
    return { code: run.code ?? run.signal, stdout: run.stdout.toString(), stderr: run.stderr.toString() };
  }
}

interface Ended {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function direct(file: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(QEMU, ["-0", guestPath(file), file, ...args], { stdio: ["ignore", "pipe", "pipe"], env: {} });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
    child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code: code ?? signal, stdout, stderr }));
  });
}
