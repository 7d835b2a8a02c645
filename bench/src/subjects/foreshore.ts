/** Foreshore: one machine, in which programs run one after the other. */
import { readFile } from "node:fs/promises";
import { Runtime, type RuntimeOptions } from "@foreshore/runtime";
import { guestPath, type Subject, type SubjectRun } from "./subject.ts";

export class Foreshore implements Subject {
  readonly name = "foreshore";
  readonly runtime: Runtime;
  /** Of what was or is being put into the machine: programs that start at once may want the same file. */
  readonly #installed = new Map<string, Promise<void>>();

  private constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  static async open(options: RuntimeOptions = {}): Promise<Foreshore> {
    return new Foreshore(await Runtime.create(options));
  }

  async install(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, file] of Object.entries(files)) {
      let installed = this.#installed.get(path);
      if (installed === undefined) {
        installed = this.#put(path, file);
        this.#installed.set(path, installed);
      }
      await installed;
    }
  }

  async #put(path: string, file: string): Promise<void> {
    await this.runtime.fs.mkdir(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true });
    await this.runtime.fs.writeFile(path, await readFile(file), { mode: 0o755 });
  }

  async run(file: string, args: readonly string[] = []): Promise<SubjectRun> {
    const path = guestPath(file);
    await this.install({ [path]: file });
    await this.runtime.fs.mkdir("/tmp", { recursive: true });
    const before = await this.#retired();
    const from = performance.now();
    const process = await this.runtime.spawn(path, args, { stdin: "null", env: {} });
    const text = process.output();
    await process.exit;
    const wallMs = performance.now() - from;
    const { stdout, stderr, code, signal } = await text;
    if (code !== 0)
      throw new Error(`${path} in Foreshore ended with ${signal ?? code}: ${new TextDecoder().decode(stderr)}`);
    const instructions = (await this.#retired()) - before;
    return { stdout: new TextDecoder().decode(stdout), wallMs, instructions };
  }

  async close(): Promise<void> {
    await this.runtime.stop();
  }

  async #retired(): Promise<number> {
    return (await this.runtime.diagnostics()).counters.instret;
  }
}
