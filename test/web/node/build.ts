/** The page's files: bundled once, served from memory and disk. */
import { mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Resource } from "@foreshore/sdk/node/serve";
import { rolldown } from "rolldown";

const ROOT = join(import.meta.dirname, "../../..");

/**
 * Bundles the page into `folder`.
 * @returns what stands at which path; without the root and its configuration
 */
export async function pageResources(folder = join(ROOT, "build/web")): Promise<Map<string, Resource>> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const bundle = await rolldown({
    input: { page: join(import.meta.dirname, "../page.ts") },
    platform: "browser",
    // The part of the Runtime for Node is a chunk of its own, which no browser loads.
    external: /^node:/,
    logLevel: "silent",
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    minify: true,
    chunkFileNames: "[name]-[hash].js",
  });
  const require = createRequire(import.meta.url);
  return new Map<string, Resource>([
    ["/", { file: join(import.meta.dirname, "../index.html") }],
    ["/page.css", { file: join(import.meta.dirname, "../page.css") }],
    ["/xterm.css", { file: require.resolve("@xterm/xterm/css/xterm.css") }],
    ["/kernel.wasm", { file: join(ROOT, "build/kernel.wasm") }],
    ["/worker.js", { file: join(ROOT, "build/worker.js") }],
    ...output.map(({ fileName }): [string, Resource] => [`/${fileName}`, { file: join(folder, fileName) }]),
  ]);
}
