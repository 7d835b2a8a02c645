/** The demo in headless Chromium, with its screenshot. */

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Resource, serve } from "@foreshore/sdk/node/serve";
import { chromium } from "playwright";
import { rolldown } from "rolldown";
import type { PageOutcome } from "./browser/page.ts";
import type { DemoResult, Plan } from "./perform.ts";

const ROOT = join(import.meta.dirname, "../..");
const TIMEOUT_MS = 180_000;

/** Chromium's program: FORESHORE_CHROMIUM, or Debian's; undefined when there is none. */
export function chromiumPath(): string | undefined {
  const named = process.env["FORESHORE_CHROMIUM"];
  if (named !== undefined && named !== "") return named;
  return existsSync("/usr/bin/chromium") ? "/usr/bin/chromium" : undefined;
}

/** Bundles the page into build/demo; returns its files by name. */
async function bundlePage(): Promise<string[]> {
  const dir = join(ROOT, "build/demo");
  rmSync(dir, { recursive: true, force: true });
  const bundle = await rolldown({
    input: { page: join(import.meta.dirname, "browser/page.ts") },
    platform: "browser",
    // The part of the Runtime for Node is a chunk of its own, which no browser loads.
    external: /^node:/,
    logLevel: "silent",
  });
  const { output } = await bundle.write({ dir, format: "esm", chunkFileNames: "[name]-[hash].js" });
  return output.map((chunk) => chunk.fileName);
}

/**
 * @param files host files by the names that the plan uses
 * @param screenshot where the picture of the page goes
 */
export async function performInChromium(
  executable: string,
  plan: Plan,
  files: ReadonlyMap<string, string>,
  screenshot: string,
): Promise<DemoResult> {
  const resources = new Map<string, Resource>([
    ["/", { file: join(import.meta.dirname, "browser/index.html") }],
    ["/plan.json", { text: JSON.stringify(plan) }],
    ["/kernel.wasm", { file: join(ROOT, "build/kernel.wasm") }],
    ["/worker.js", { file: join(ROOT, "build/worker.js") }],
    ["/favicon.ico", { text: "" }],
  ]);
  for (const name of await bundlePage()) resources.set(`/${name}`, { file: join(ROOT, "build/demo", name) });
  for (const [name, file] of files) resources.set(`/files/${name}`, { file });
  const server = await serve(resources);
  // Chromium has no sandbox to offer to root.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: executable, headless: true, args });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await page.goto(server.url);
    let outcome: PageOutcome;
    try {
      await page.waitForFunction(() => window.demoOutcome !== undefined, undefined, { timeout: TIMEOUT_MS });
      outcome = (await page.evaluate(() => window.demoOutcome)) as PageOutcome;
    } catch (error) {
      outcome = { error: errors.length > 0 ? errors.join("\n") : String(error) };
    }
    mkdirSync(dirname(screenshot), { recursive: true });
    await page.screenshot({ path: screenshot, fullPage: true });
    if ("error" in outcome) throw new Error([outcome.error, ...errors].join("\n"));
    return outcome.result;
  } finally {
    await browser.close();
    await server.close();
  }
}
