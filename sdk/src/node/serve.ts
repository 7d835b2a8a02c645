/**
 * A loopback server for pages with machines in them: what stands in a table, layers included, by ranges and compressed, with
 * the headers that let a page share memory between its workers.
 */
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { extname } from "node:path";
import { gzipSync } from "node:zlib";
import { type LayerEntry, LayerError, type LayerSource } from "../layers/entry.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** With these a page is cross-origin isolated: its workers may share memory. */
export const ISOLATION_HEADERS: Readonly<Record<string, string>> = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

/** Compressing what is smaller costs more than it saves. */
const COMPRESS_FROM = 1024;
/** The most that one request for a blob gets. */
const MAX_RANGE = 16 << 20;

/** What stands at a path: a file of the host, text, or a layer (its index at the path, its files below it). */
export type Resource = { readonly file: string } | { readonly text: string } | { readonly layer: LayerSource };

export interface ServeOptions {
  /** Default: one that the system chooses. */
  readonly port?: number | undefined;
  /** Send ISOLATION_HEADERS. Default true. */
  readonly isolated?: boolean | undefined;
}

export interface PageServer {
  readonly url: string;
  /** Bytes that have gone out so far, as they went: headers too, bodies compressed. */
  sentBytes(): number;
  close(): Promise<void>;
}

/**
 * Serves exactly these paths on 127.0.0.1.
 * @throws what listen(2) does: EADDRINUSE, EACCES…
 */
export async function serve(resources: ReadonlyMap<string, Resource>, options: ServeOptions = {}): Promise<PageServer> {
  const headers = { "cache-control": "no-store", ...(options.isolated === false ? {} : ISOLATION_HEADERS) };
  const layers = new Map<LayerSource, ServedLayer>();
  const sockets = new Set<Socket>();
  let closedBytes = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (request.method !== "GET") return void response.writeHead(405, { ...headers, allow: "GET" }).end();
    const resource = resources.get(pathname);
    if (resource === undefined) return await below(pathname, request, response);
    if ("layer" in resource) {
      const served = layers.get(resource.layer) ?? (await ServedLayer.open(resource.layer, pathname));
      layers.set(resource.layer, served);
      text(request, response, ".json", served.index);
      return;
    }
    const type = extname(pathname.endsWith("/") ? "index.html" : pathname);
    if ("text" in resource) text(request, response, type, resource.text);
    else
      sendFile(
        request,
        response,
        { ...headers, "content-type": TYPES[type] ?? "application/octet-stream" },
        resource.file,
      );
  };
  const text = (request: IncomingMessage, response: ServerResponse, type: string, body: string): void =>
    sendBytes(request, response, { ...headers, "content-type": TYPES[type] ?? "text/plain" }, Buffer.from(body));
  /** A file of a layer: its index stands at a path above. */
  const below = async (pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const served of layers.values()) {
      const range = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(request.headers.range ?? "");
      const blob = served.blobAt(pathname);
      if (blob === undefined) continue;
      const from = Number(range?.[1] ?? 0);
      const to = Math.min(Number(range?.[2] ?? blob.size - 1), blob.size - 1, from + MAX_RANGE - 1);
      if (from > to) return void response.writeHead(416, { ...headers, "content-range": `bytes */${blob.size}` }).end();
      const bytes = await served.read(blob, from, to - from + 1);
      response.writeHead(range === null && bytes.length === blob.size ? 200 : 206, {
        ...headers,
        "content-type": "application/octet-stream",
        "content-range": `bytes ${from}-${from + bytes.length - 1}/${blob.size}`,
        "content-length": String(bytes.length),
      });
      return void response.end(bytes);
    }
    response.writeHead(404, headers).end();
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, headers);
      response.end(error instanceof Error ? error.message : String(error));
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      closedBytes += socket.bytesWritten;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sentBytes: () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, closedBytes),
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await Promise.all([...layers.keys()].map((layer) => layer.close?.()));
    },
  };
}

interface ServedBlob {
  readonly blob: string;
  readonly position: number;
  readonly size: number;
}

/** A layer under URLs of its own: `PATH.d/N` for its N-th lazy file. */
class ServedLayer {
  readonly #source: LayerSource;
  readonly #folder: string;
  readonly #blobs: ServedBlob[] = [];
  readonly index: string;

  private constructor(source: LayerSource, folder: string, entries: readonly LayerEntry[]) {
    this.#source = source;
    this.#folder = folder;
    const listed = entries.map((entry) => {
      if (entry.kind === "lazy") {
        const { blob, position = 0, ...rest } = entry;
        this.#blobs.push({ blob, position, size: entry.size });
        return { ...rest, blob: `${folder.slice(folder.lastIndexOf("/") + 1)}/${this.#blobs.length - 1}` };
      }
      if (!("data" in entry) || typeof entry.data === "string") return entry;
      throw new LayerError(`${source.name}: ${entry.path}: only text can stand in an index`);
    });
    this.index = JSON.stringify({ entries: listed });
  }

  static async open(source: LayerSource, path: string): Promise<ServedLayer> {
    const entries: LayerEntry[] = [];
    for await (const entry of source.entries()) entries.push(entry);
    return new ServedLayer(source, `${path}.d`, entries);
  }

  blobAt(pathname: string): ServedBlob | undefined {
    const slash = pathname.lastIndexOf("/");
    if (pathname.slice(0, slash) !== this.#folder) return undefined;
    return this.#blobs[Number(pathname.slice(slash + 1))];
  }

  async read(blob: ServedBlob, position: number, length: number): Promise<Uint8Array> {
    if (this.#source.read === undefined) throw new LayerError(`${this.#source.name}: has no files to read`);
    return await this.#source.read(blob.blob, blob.position + position, length);
  }
}

function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string>,
  bytes: Uint8Array,
): void {
  const gzip = bytes.length >= COMPRESS_FROM && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = gzip ? gzipSync(bytes) : bytes;
  response.writeHead(200, {
    ...headers,
    "content-length": String(body.length),
    ...(gzip ? { "content-encoding": "gzip" } : {}),
  });
  response.end(body);
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string>,
  file: string,
): void {
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(request.headers.range ?? "");
  if (match === null) {
    sendBytes(request, response, headers, readFileSync(file));
    return;
  }
  const { size } = statSync(file);
  const start = Number(match[1]);
  const end = Math.min(Number(match[2]), size - 1);
  if (start > end) return void response.writeHead(416, { ...headers, "content-range": `bytes */${size}` }).end();
  response.writeHead(206, {
    ...headers,
    "content-length": String(end - start + 1),
    "content-range": `bytes ${start}-${end}/${size}`,
  });
  createReadStream(file, { start, end }).pipe(response);
}
