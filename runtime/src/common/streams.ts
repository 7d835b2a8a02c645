/** A process's standard streams as web streams; back-pressure reaches the guest's pipe. */
import { Errno, type RpcClient, type SlotHandleData, SystemError, streamRead, streamWrite } from "@foreshore/abi";

/** Ends of streams whose reader was forgotten without reading to the end: they go back to the kernel. */
const forgotten = new FinalizationRegistry<() => void>((giveBack) => giveBack());

/** What the guest writes. Nothing is read before somebody reads the stream. */
export function readableStream(client: RpcClient, ofd: SlotHandleData): ReadableStream<Uint8Array<ArrayBuffer>> {
  const cancelled = new AbortController();
  const token = {};
  const close = (): Promise<void> => {
    forgotten.unregister(token);
    return client.request.streamClose({ ofd });
  };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const bytes = await streamRead(client, ofd, undefined, { signal: cancelled.signal });
        if (bytes.length > 0) {
          controller.enqueue(bytes);
          return;
        }
        controller.close();
        await close();
      },
      async cancel(reason) {
        cancelled.abort(reason);
        await close();
      },
    },
    { highWaterMark: 0 },
  );
  forgotten.register(stream, () => void client.request.streamClose({ ofd }).catch(() => undefined), token);
  return stream;
}

export interface StdinPipe {
  readonly stream: WritableStream<Uint8Array>;
  /** The reader is gone: gives the end back; later writes fail with EPIPE. */
  end(): void;
}

/** What the guest reads. A guest that has closed its end makes writes fail with EPIPE. */
export function writableStream(client: RpcClient, ofd: SlotHandleData): StdinPipe {
  let closed: Promise<void> | undefined;
  const ended = new AbortController();
  const close = (): Promise<void> => {
    closed ??= client.request.streamClose({ ofd });
    return closed;
  };
  const stream = new WritableStream<Uint8Array>({
    async write(chunk, controller) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError("stdin takes Uint8Array chunks");
      if (closed !== undefined) throw new SystemError(Errno.EPIPE, "write");
      await streamWrite(client, ofd, chunk, { signal: AbortSignal.any([controller.signal, ended.signal]) });
    },
    close,
    abort: close,
  });
  return {
    stream,
    end: () => {
      ended.abort(new SystemError(Errno.EPIPE, "write"));
      close().catch(() => undefined);
    },
  };
}

/** All bytes of a stream. */
export async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    total += next.value.length;
  }
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
