/** The same programs in headless Chromium: a page on a loopback server, driven by Playwright. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directoryLayer, type Resource, serve } from "@foreshore/sdk/node";
import { type Browser, chromium, type Page } from "playwright";
import { rolldown } from "rolldown";
import { chromiumPath } from "../demo/chromium.ts";
import type { ViewReport } from "../views/readers.ts";
import type { PageResult, PageRun } from "./browser-page.ts";
import { defaultEnv, guestPath, type RunOptions, type RunResult } from "./sandbox.ts";

const ROOT = join(import.meta.dirname, "../..");
const HTML = '<!doctype html><meta charset="utf-8"><title>oracle</title><script type="module" src="/page.js"></script>';

/** Why there is no browser to test in; null when there is one. */
export function missingBrowser(): string | null {
  return chromiumPath() ? null : 'Chromium is missing: run "make setup"';
}

export class ChromiumPage {
  readonly #browser: Browser;
  readonly #page: Page;
  readonly #served: Map<string, Resource>;
  readonly #close: () => Promise<void>;
  readonly #errors: string[];
  readonly #isolated: boolean;

  private constructor(
    browser: Browser,
    page: Page,
    served: Map<string, Resource>,
    close: () => Promise<void>,
    errors: string[],
    isolated: boolean,
  ) {
    this.#browser = browser;
    this.#page = page;
    this.#served = served;
    this.#close = close;
    this.#errors = errors;
    this.#isolated = isolated;
  }

  /** Opens a page. `isolated`: with COOP and COEP, so that memory can be shared between workers. */
  static async open(isolated: boolean): Promise<ChromiumPage> {
    const folder = mkdtempSync(join(tmpdir(), "oracle-page-"));
    const bundle = await rolldown({
      input: {
        page: join(import.meta.dirname, "browser-page.ts"),
        "views-worker": join(import.meta.dirname, "../views/web-worker.ts"),
      },
      platform: "browser",
      external: /^node:/, // the Runtime's part for Node is a chunk that no browser loads
      logLevel: "silent",
    });
    await bundle.write({ dir: folder, format: "esm", chunkFileNames: "[name]-[hash].js" });
    const served = new Map<string, Resource>([
      ["/", { text: HTML }],
      ["/kernel.wasm", { file: join(ROOT, "build/kernel.wasm") }],
      ["/worker.js", { file: join(ROOT, "build/worker.js") }],
      ...readdirSync(folder).map((name): [string, Resource] => [`/${name}`, { file: join(folder, name) }]),
    ]);
    const server = await serve(served, { isolated });
    const close = async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // Chromium has none to offer to root
      const path = chromiumPath();
      const browser = await chromium.launch({ headless: true, args, ...(path ? { executablePath: path } : {}) });
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      await page.goto(server.url);
      await page.waitForFunction(() => window.foreshoreRun !== undefined, undefined, { timeout: 30_000 });
      if ((await page.evaluate(() => window.foreshoreIsolated)) !== isolated)
        throw new Error(`the page is ${isolated ? "not " : ""}cross-origin isolated`);
      return new ChromiumPage(browser, page, served, close, errors, isolated);
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Runs a riscv64 program, a host path, in a machine of its own in the page. */
  async run(harts: number, file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const path = guestPath(file);
    const files = Object.fromEntries(
      Object.entries({ ...options.files, [path]: file }).map(([to, from]) => [to, this.#serve(from)]),
    );
    const [result] = await this.#evaluate(options.timeoutMs, {
      ...this.#defaults(harts, options),
      program: path,
      args: [...args],
      files,
      symlinks: {},
    });
    return asRun(result);
  }

  /** Runs a program, and reads the machine's views meanwhile, from two threads: what they saw. */
  async views(harts: number, file: string, args: readonly string[], ms: number): Promise<ViewReport[]> {
    const path = guestPath(file);
    const [result] = await this.#evaluate(undefined, {
      ...this.#defaults(harts, {}),
      program: path,
      args: [...args],
      files: { [path]: this.#serve(file) },
      symlinks: {},
      readViewsMs: ms,
    });
    return result?.views ?? [];
  }

  /** Runs scripts by a shell, one after the other in one machine. */
  async shell(
    harts: number,
    busybox: string,
    applets: readonly string[],
    scripts: readonly { script: string; stdin: string; cwd: string }[],
    options: RunOptions & { etc: Record<string, string> },
  ): Promise<RunResult[]> {
    const files: Record<string, string> = { "/bin/busybox": this.#serve(busybox) };
    for (const [to, from] of Object.entries(options.etc)) files[to] = this.#serve(from);
    const results = await this.#evaluate(options.timeoutMs, {
      ...this.#defaults(harts, options),
      program: "/bin/busybox",
      args: [],
      files,
      symlinks: Object.fromEntries(applets.map((name) => [`/bin/${name}`, "busybox"])),
      runs: scripts.map(({ script, ...rest }) => ({ ...rest, args: ["sh", "-c", script] })),
    });
    return results.map(asRun);
  }

  /** Runs a program of a root, a host folder whose files come in when they are touched, several times in one machine. */
  async runInRoot(
    harts: number,
    root: string,
    program: string,
    runs: NonNullable<PageRun["runs"]>,
    options: RunOptions = {},
  ): Promise<RunResult[]> {
    const layer = `/layer${root}.json`;
    if (!this.#served.has(layer)) this.#served.set(layer, { layer: directoryLayer(root) });
    const results = await this.#evaluate(options.timeoutMs, {
      ...this.#defaults(harts, options),
      program,
      args: [],
      files: {},
      symlinks: {},
      layer,
      runs,
    });
    return results.map(asRun);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#close();
  }

  #serve(file: string): string {
    const url = `/host${file}`;
    this.#served.set(url, { file });
    return url;
  }

  #defaults(harts: number, options: RunOptions): Pick<PageRun, "harts" | "transport" | "stdin" | "env" | "cwd"> {
    return {
      harts,
      transport: this.#isolated ? "shared" : "message",
      stdin: typeof options.stdin === "string" ? options.stdin : "",
      env: options.env ?? defaultEnv,
      cwd: options.cwd ?? "/tmp",
    };
  }

  async #evaluate(timeoutMs = 120_000, run: PageRun): Promise<PageResult[]> {
    const timer = new Promise<never>((_, fail) =>
      setTimeout(
        () => fail(new Error(`${run.program}: no end in the page; its errors: ${this.#errors}`)),
        timeoutMs,
      ).unref(),
    );
    return await Promise.race([this.#page.evaluate((one) => window.foreshoreRun?.(one) ?? [], run), timer]);
  }
}

function asRun(result: PageResult | undefined): RunResult {
  if (!result) throw new Error("the page gave no result");
  return {
    ...result,
    stdout: Buffer.from(result.stdout, "latin1"),
    stderr: Buffer.from(result.stderr, "latin1"),
  };
}
