/** A process's standard streams as web streams; back-pressure reaches the guest's pipe. */
import { Errno, Opcode, type RpcClient, RpcProtocolError, type SlotHandleData, SystemError } from "@foreshore/abi";

/** Bytes asked for at once: what a pipe holds (Limit.PipeBytes). */
const READ_BYTES = 64 * 1024;
const WRITE_BYTES = 64 * 1024;

/** Gives the stream's end back: the guest sees end of file, or EPIPE. */
export function closeStream(client: RpcClient, ofd: SlotHandleData): Promise<void> {
  return client.call({
    syscall: "close",
    bytes: 0,
    encode: () => ({ opcode: Opcode.StreamClose, flags: 0, requestId: 0, ofd }),
    decode: () => undefined,
  });
}

/** Ends of streams whose reader was forgotten without reading to the end: they go back to the kernel. */
const forgotten = new FinalizationRegistry<() => void>((giveBack) => giveBack());

/** What the guest writes. Nothing is read before somebody reads the stream. */
export function readableStream(client: RpcClient, ofd: SlotHandleData): ReadableStream<Uint8Array<ArrayBuffer>> {
  const cancelled = new AbortController();
  const token = {};
  const close = (): Promise<void> => {
    forgotten.unregister(token);
    return closeStream(client, ofd);
  };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const bytes = await client.call(
          {
            syscall: "read",
            bytes: READ_BYTES,
            encode: (at) => ({
              opcode: Opcode.StreamRead,
              flags: 0,
              requestId: 0,
              ofd,
              reply: { offset: at, length: READ_BYTES },
            }),
            decode: (result, _reply, at) => {
              if (result > READ_BYTES)
                throw new RpcProtocolError(`read answers ${result} bytes in a span of ${READ_BYTES}`);
              return new Uint8Array(client.bytes(at, result));
            },
          },
          { signal: cancelled.signal },
        );
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
  forgotten.register(stream, () => void closeStream(client, ofd).catch(() => undefined), token);
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
    closed ??= closeStream(client, ofd);
    return closed;
  };
  const write = (part: Uint8Array, signal: AbortSignal): Promise<void> =>
    client.call(
      {
        syscall: "write",
        bytes: part.length,
        encode: (at) => {
          client.bytes(at, part.length).set(part);
          return { opcode: Opcode.StreamWrite, flags: 0, requestId: 0, ofd, data: { offset: at, length: part.length } };
        },
        decode: () => undefined,
      },
      { signal },
    );
  const stream = new WritableStream<Uint8Array>({
    async write(chunk, controller) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError("stdin takes Uint8Array chunks");
      if (closed !== undefined) throw new SystemError(Errno.EPIPE, "write");
      for (let at = 0; at < chunk.length; at += WRITE_BYTES) {
        await write(chunk.subarray(at, at + WRITE_BYTES), AbortSignal.any([controller.signal, ended.signal]));
      }
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
