/** The demonstration page in headless Chromium, loaded as by somebody who has never been there. */
import { type Browser, chromium } from "playwright";
import { chromiumPath } from "../../../test/demo/chromium.ts";
import { serveWeb } from "../../../test/web/node/main.ts";
import { busyboxLayer } from "../../../test/web/node/root.ts";
import { type Benchmark, type Opened, Unavailable } from "../benchmark.ts";

const KIB = 1024;
const PROMPT_TIMEOUT_MS = 60_000;

/** Sees the page with caches that are empty; the server and the browser are there already. */
async function open(figure: (promptMs: number, sentBytes: number) => number): Promise<Opened> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Unavailable('Chromium is missing: run "make setup"');
  const root = await busyboxLayer();
  if ("missing" in root) throw new Unavailable(root.missing);
  await root.close?.();
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // Chromium has none to offer to root
  const browser: Browser = await chromium.launch({ executablePath, headless: true, args });
  const sample = async (): Promise<number> => {
    const server = await serveWeb({ isolated: true });
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(server.url);
      const handle = await page.waitForFunction(() => window.foreshore?.promptMs, undefined, {
        timeout: PROMPT_TIMEOUT_MS,
      });
      return figure((await handle.jsonValue())!, server.sentBytes());
    } finally {
      await context.close();
      await server.close();
    }
  };
  return { sides: [{ name: "foreshore", sample }], close: () => browser.close() };
}

export const page: readonly Benchmark[] = [
  {
    name: "page/prompt",
    description:
      "From the navigation's start to the shell's first output, on loopback, caches empty, a browser that runs already.",
    unit: "ms",
    better: "less",
    warmup: 1,
    open: () => open((promptMs) => promptMs),
  },
  {
    name: "page/bytes",
    description:
      "Bytes that the server sent before the prompt: page, runtime, kernel, the root's index and what was touched of it.",
    unit: "KiB",
    better: "less",
    rounds: { full: 3, quick: 1 },
    warmup: 0,
    open: () => open((_promptMs, sentBytes) => sentBytes / KIB),
  },
];
