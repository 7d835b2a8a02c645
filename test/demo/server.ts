/** A loopback server for the demo's page: cross-origin isolated, so that memory can be shared. */

import { createReadStream, statSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** What stands at a path: a file of the host, or text. */
export type Resource = { file: string } | { text: string };

export interface DemoServer {
  url: string;
  close(): Promise<void>;
}

/** Serves exactly these paths on a port of the system's choice. */
export async function serve(resources: ReadonlyMap<string, Resource>): Promise<DemoServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const resource = resources.get(path);
    if (resource === undefined) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(path === "/" ? "index.html" : path)] ?? "application/octet-stream";
    const headers = { ...ISOLATION, "content-type": type };
    if ("text" in resource) response.writeHead(200, headers).end(resource.text);
    else sendFile(response, resource.file, headers, request.headers.range);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function sendFile(response: ServerResponse, file: string, headers: Record<string, string>, range?: string): void {
  const { size } = statSync(file);
  const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? "");
  const start = match === null ? 0 : Number(match[1]);
  const end = match === null ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start > end) {
    response.writeHead(416, { ...headers, "content-range": `bytes */${size}` }).end();
    return;
  }
  response.writeHead(match === null ? 200 : 206, {
    ...headers,
    "content-length": String(end - start + 1),
    ...(match === null ? {} : { "content-range": `bytes ${start}-${end}/${size}` }),
  });
  createReadStream(file, { start, end }).pipe(response);
}
