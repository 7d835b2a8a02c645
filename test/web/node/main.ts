/**
 * `node test/web/node/main.ts`, or `make demo-web`: serves the demonstration page on loopback until it is interrupted.
 */
import { stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { LayerEntry, LayerSource } from "@foreshore/sdk/layers/entry";
import { directoryLayer } from "@foreshore/sdk/node/directory";
import { tarFile } from "@foreshore/sdk/node/host-file";
import { type PageServer, serve } from "@foreshore/sdk/node/serve";
import { pageResources } from "./build.ts";
import { busyboxLayer, shellOf } from "./root.ts";

const HELP = `usage: make demo-web, or: node test/web/node/main.ts [OPTION…]

Serves a page with a riscv64 machine and a shell in it, on 127.0.0.1.

  --root DIR|TAR   the machine's root (default: Debian's busybox)
  --port N         default: one that is free
  --no-isolation   without the COOP and COEP headers: the page runs in single-worker mode
  --help

Examples:
  node test/web/node/main.ts --port 8080
  node test/web/node/main.ts --root ./rootfs.tar
`;

export interface WebOptions {
  readonly root?: string | undefined;
  readonly port?: number | undefined;
  readonly isolated?: boolean | undefined;
}

/** Bundles the page and serves it. */
export async function serveWeb(options: WebOptions = {}): Promise<PageServer> {
  const resources = await pageResources();
  const { layer, shell, why } = await rootLayer(options.root);
  resources.set("/root.json", { layer });
  resources.set("/config.json", { text: JSON.stringify({ shell, why }) });
  return await serve(resources, { port: options.port, isolated: options.isolated });
}

async function rootLayer(
  root: string | undefined,
): Promise<{ layer: LayerSource; shell: string[] | null; why: string }> {
  const found =
    root === undefined ? await busyboxLayer() : (await stat(root)).isDirectory() ? directoryLayer(root) : tarFile(root);
  if ("missing" in found)
    return { layer: { name: "an empty root", entries: () => [] }, shell: null, why: found.missing };
  const entries: LayerEntry[] = [];
  for await (const entry of found.entries()) entries.push(entry);
  const layer: LayerSource = {
    name: found.name,
    entries: () => entries,
    read: (blob, position, length) => found.read!(blob, position, length),
    close: () => found.close?.(),
  };
  const shell = shellOf(entries);
  return { layer, shell, why: shell === null ? `${found.name} has no bash and no sh` : "" };
}

async function main(): Promise<void> {
  let values: { root?: string; port?: string; "no-isolation"?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      options: {
        root: { type: "string" },
        port: { type: "string" },
        "no-isolation": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }));
    if (values.port !== undefined && !(/^\d{1,5}$/.test(values.port) && Number(values.port) < 65536)) {
      throw new Error(`--port ${values.port}: a number from 0 to 65535 is the form`);
    }
  } catch (error) {
    process.stderr.write(`demo-web: ${(error as Error).message}; see --help\n`);
    process.exitCode = 125;
    return;
  }
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  try {
    const { root, port } = values;
    const server = await serveWeb({
      root,
      port: port === undefined ? undefined : Number(port),
      isolated: !values["no-isolation"],
    });
    process.stdout.write(`The page stands at ${server.url} (Ctrl-C ends the server).\n`);
    const stop = (): void => void server.close();
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
  } catch (error) {
    process.stderr.write(`demo-web: ${(error as Error).message}\n`);
    process.exitCode = 125;
  }
}

if (import.meta.main) await main();
