/**
 * A layer that a web server serves: an index of its entries, and the bytes of
 * its files by ranges, when a guest touches them. `node/serve.ts` is such a
 * server for any LayerSource; a static one does as well.
 *
 * The index is JSON, `{ "entries": [...] }`, each as `LayerEntry`; data of a
 * "file" entry is text, and a "lazy" entry's blob is a URL relative to the index.
 */
import { type LayerEntry, LayerError, type LayerSource } from "./entry.ts";

export interface HttpLayerOptions {
  /** Called after each response with the bytes received so far, the index included. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

const KINDS: ReadonlySet<unknown> = new Set([undefined, "file", "lazy", "directory", "symlink", "hardlink", "fifo"]);

/** @param index URL of the index */
export function httpLayer(index: string | URL, options: HttpLayerOptions = {}): LayerSource {
  const base = new URL(index, globalThis.location?.href);
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
    options.progress?.(bytes);
  };
  return {
    name: base.href,
    async *entries() {
      const text = await (await get(base)).text();
      count(text.length);
      yield* checkedEntries(base.href, text);
    },
    async read(blob, position, length) {
      const url = new URL(blob, base);
      if (url.origin !== base.origin) throw new LayerError(`${base.href}: names a file of another server: ${url.href}`);
      const response = await get(url, { range: `bytes=${position}-${position + length - 1}` });
      const got = new Uint8Array(await response.arrayBuffer());
      count(got.length);
      // A server that does not know ranges sends all of it.
      return response.status === 206 ? got : got.subarray(position, position + length);
    },
  };
}

async function get(url: URL, headers: Record<string, string> = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { headers });
  } catch (error) {
    throw new LayerError(`${url.href}: the server does not answer`, { code: "EIO", cause: error });
  }
  if (!response.ok) throw new LayerError(`${url.href}: the server answers ${response.status}`, { code: "EIO" });
  return response;
}

/** The entries' paths and attributes are checked where every layer's are; here only that they are entries. */
function checkedEntries(name: string, text: string): LayerEntry[] {
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw new LayerError(`${name}: its index is no JSON`, { cause: error });
  }
  const entries = (index as { entries?: unknown } | null)?.entries;
  if (!Array.isArray(entries)) throw new LayerError(`${name}: its index has no list of entries`);
  for (const entry of entries as Partial<Record<string, unknown>>[]) {
    const { path, kind, blob, size, target, data } = entry ?? {};
    const fits =
      typeof path === "string" &&
      KINDS.has(kind) &&
      (kind !== "lazy" || (typeof blob === "string" && Number.isSafeInteger(size))) &&
      ((kind !== "symlink" && kind !== "hardlink") || typeof target === "string") &&
      ((kind !== undefined && kind !== "file") || typeof data === "string");
    if (!fits)
      throw new LayerError(`${name}: its index has an entry that is none: ${JSON.stringify(entry)?.slice(0, 80)}`);
  }
  return entries as LayerEntry[];
}
