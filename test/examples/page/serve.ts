/** `node test/examples/page/serve.ts`: a page with a machine, and examples/top in a frame of it, on a loopback port. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Resource, serve } from "@foreshore/sdk/node";
import { rolldown } from "rolldown";

const ROOT = join(import.meta.dirname, "../../..");

/** Bundles and serves the page; isolated, so that its machine shares memory with the frame. */
export async function serveTop(folder = join(ROOT, "build/top-page")): ReturnType<typeof serve> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const bundle = await rolldown({
    input: { host: join(import.meta.dirname, "host.ts"), page: join(ROOT, "examples/top/browser/page.ts") },
    platform: "browser",
    external: /^node:/, // the Runtime's part for Node is a chunk that no browser loads
    logLevel: "silent",
  });
  const { output } = await bundle.write({ dir: folder, format: "esm", chunkFileNames: "[name]-[hash].js" });
  const files = output.map(({ fileName }) => fileName);
  const resources = new Map<string, Resource>([
    ["/", { file: join(import.meta.dirname, "index.html") }],
    ["/top/index.html", { file: join(ROOT, "examples/top/browser/index.html") }],
    ["/kernel.wasm", { file: join(ROOT, "build/kernel.wasm") }],
    ["/worker.js", { file: join(ROOT, "build/worker.js") }],
    ...files.flatMap((name): [string, Resource][] => [
      [`/${name}`, { file: join(folder, name) }],
      [`/top/${name}`, { file: join(folder, name) }],
    ]),
  ]);
  return await serve(resources, { isolated: true });
}

if (process.argv[1] === import.meta.filename) console.log((await serveTop()).url);
