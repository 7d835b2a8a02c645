/** The same programs in headless Chromium: a page on a loopback server, driven by Playwright. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright";
import { rolldown } from "rolldown";
import type { PageResult, PageRun } from "./browser-page.ts";
import { defaultEnv, guestPath, type RunOptions, type RunResult } from "./sandbox.ts";

const ROOT = join(import.meta.dirname, "../..");
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const HTML = '<!doctype html><meta charset="utf-8"><title>oracle</title><script type="module" src="/page.js"></script>';

/** Chromium's program: FORESHORE_CHROMIUM, or Debian's; undefined when there is none. */
function executable(): string | undefined {
  const named = process.env["FORESHORE_CHROMIUM"];
  if (named) return named;
  return existsSync("/usr/bin/chromium") ? "/usr/bin/chromium" : undefined;
}

/** Why there is no browser to test in; null when there is one. */
export function missingBrowser(): string | null {
  return executable() ? null : 'Chromium is missing: run "make setup"';
}

export class ChromiumPage {
  readonly #browser: Browser;
  readonly #page: Page;
  readonly #served: Map<string, string>;
  readonly #close: () => void;
  readonly #errors: string[];
  readonly #isolated: boolean;

  private constructor(
    browser: Browser,
    page: Page,
    served: Map<string, string>,
    close: () => void,
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
      input: { page: join(import.meta.dirname, "browser-page.ts") },
      platform: "browser",
      external: /^node:/, // the Runtime's part for Node is a chunk that no browser loads
      logLevel: "silent",
    });
    await bundle.write({ dir: folder, format: "esm", chunkFileNames: "[name]-[hash].js" });
    const served = new Map<string, string>([
      ["/kernel.wasm", join(ROOT, "build/kernel.wasm")],
      ["/worker.js", join(ROOT, "build/worker.js")],
      ...readdirSync(folder).map((name): [string, string] => [`/${name}`, join(folder, name)]),
    ]);
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      const file = served.get(pathname);
      if (pathname !== "/" && !file) {
        response.writeHead(404).end();
        return;
      }
      const type = TYPES[pathname === "/" ? ".html" : extname(pathname)] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type, ...(isolated ? ISOLATION : {}) });
      response.end(file ? readFileSync(file) : HTML);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const close = () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // Chromium has none to offer to root
      const path = executable();
      const browser = await chromium.launch({ headless: true, args, ...(path ? { executablePath: path } : {}) });
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.waitForFunction(() => window.foreshoreRun !== undefined, undefined, { timeout: 30_000 });
      if ((await page.evaluate(() => window.foreshoreIsolated)) !== isolated)
        throw new Error(`the page is ${isolated ? "not " : ""}cross-origin isolated`);
      return new ChromiumPage(browser, page, served, close, errors, isolated);
    } catch (error) {
      close();
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

  /** Runs scripts by a shell, one after the other in one machine. */
  async shell(
    harts: number,
    busybox: string,
    applets: readonly string[],
    scripts: NonNullable<PageRun["scripts"]>,
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
      scripts,
    });
    return results.map(asRun);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#close();
  }

  #serve(file: string): string {
    const url = `/host${file}`;
    this.#served.set(url, file);
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
