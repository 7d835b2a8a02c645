/** The host's standard streams joined to the guest's, with back-pressure both ways. */

import type { Readable, Writable } from "node:stream";

/** A stream of the host failed in another way than by its reader going away. */
export class StdioError extends Error {
  constructor(stream: string, cause: unknown) {
    super(`${stream}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "StdioError";
  }
}

/** Writes one chunk; resolves when the host has taken it, with the error if it has not. */
function write(to: Writable, chunk: Uint8Array): Promise<Error | undefined> {
  return new Promise((resolve) => {
    to.write(chunk, (error) => resolve(error ?? undefined));
  });
}

/**
 * Copies all bytes of `from` to `to`, which stays open. When nobody reads `to`
 * any more (EPIPE), `from` is cancelled, so that the guest gets what it gets on Linux: SIGPIPE or EPIPE.
 * @param name of the stream, for errors
 * @throws StdioError for other failures of `to`, after `from` was cancelled
 */
export async function pumpOut(from: ReadableStream<Uint8Array>, to: Writable, name: string): Promise<void> {
  // Each failure also comes back through write's callback; unheard it would end the process.
  const ignore = () => {};
  to.on("error", ignore);
  const reader = from.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.length === 0) continue;
      const error = await write(to, value);
      if (error === undefined) continue;
      await reader.cancel(error);
      if (isBrokenPipe(error)) return;
      throw new StdioError(name, error);
    }
  } finally {
    reader.releaseLock();
    // A late error event of the last write still finds a listener.
    setImmediate(() => to.off("error", ignore));
  }
}

function isBrokenPipe(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "EPIPE" || code === "ECONNRESET" || code === "ERR_STREAM_DESTROYED";
}

/**
 * Copies `from` to the guest's standard input and closes that at the end. Ends
 * quietly when the guest closes its side first, or `stop` aborts.
 */
export async function pumpIn(from: Readable, to: WritableStream<Uint8Array>, stop: AbortSignal): Promise<void> {
  const writer = to.getWriter();
  const end = () => from.destroy();
  stop.addEventListener("abort", end);
  // The guest may close its end while nothing is being written to it.
  writer.closed.catch(end);
  try {
    for await (const chunk of from) {
      await writer.ready;
      await writer.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    }
    await writer.close();
  } catch {
    // Whether the guest closed its side or the host's stream failed: the guest sees the end of its input.
    await writer.close().catch(() => {});
  } finally {
    stop.removeEventListener("abort", end);
    from.destroy();
  }
}
