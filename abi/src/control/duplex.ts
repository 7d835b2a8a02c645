/** What a control channel runs over: bytes both ways, in order, with back-pressure. */
import { Control } from "../../ts/index.ts";

export interface Duplex {
  /** What has come, never empty; undefined when the other side has ended or is gone. One read at a time. */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Sends bytes; resolves when there is room for more. The bytes must not change afterwards. One write at a time.
   * @throws an Error when the other side is gone
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends both directions, what was written before may still go out. A read that waits gets undefined, a write rejects. Calling it again is harmless. */
  close(): void;
}

/** A Duplex over a pair of web streams. */
export function streamDuplex(readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>): Duplex {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  let closed = false;
  return {
    async read() {
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done || closed) return undefined;
          if (value.length > 0) return value;
        }
      } catch {
        return undefined;
      }
    },
    async write(bytes) {
      if (closed) throw new Error("the stream was closed");
      const written = writer.write(bytes);
      written.catch(() => undefined);
      // An unsettled write is no reason to wait while the stream has room for more.
      await Promise.race([written, writer.ready]);
    },
    close() {
      if (closed) return;
      closed = true;
      reader.cancel().catch(() => undefined);
      // What was written is given a chance, a peer that does not read is not waited for.
      writer.close().catch(() => undefined);
    },
  };
}

/** A message: bytes, how many bytes of ours the other side has read, or null at the end. */
type PortMessage = Uint8Array<ArrayBuffer> | number | null;

/** The part of a MessagePort that is needed: browsers' and Node's have it. */
export interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: "message" | "messageerror" | "close", listener: (event: { data?: unknown }) => void): void;
  start(): void;
  close(): void;
}

/**
 * A Duplex over a MessagePort, whose other end is one, too. Ports have no back-pressure, so each side says what it has
 * read; a side that sends more than it may is cut off.
 */
export function portDuplex(port: PortLike): Duplex {
  const received: Uint8Array[] = [];
  let receivedBytes = 0;
  let unread = 0;
  let closed = false;
  let onRead: (() => void) | undefined;
  let onRoom: (() => void) | undefined;
  const wake = (): void => {
    onRead?.();
    onRoom?.();
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    try {
      port.postMessage(null, []);
    } catch {
      // The other side is gone already.
    }
    port.close();
    wake();
  };
  port.addEventListener("message", ({ data }) => {
    if (closed) return;
    if (data instanceof Uint8Array && data.length > 0 && receivedBytes + data.length <= 2 * Control.PortBytes) {
      received.push(data);
      receivedBytes += data.length;
      onRead?.();
    } else if (typeof data === "number" && data >= 0 && data <= unread) {
      unread -= data;
      onRoom?.();
    } else close();
  });
  port.addEventListener("messageerror", close);
  port.addEventListener("close", close);
  port.start();
  return {
    async read() {
      while (received.length === 0 && !closed) {
        await new Promise<void>((resolve) => {
          onRead = resolve;
        });
        onRead = undefined;
      }
      const bytes = received.shift();
      if (bytes === undefined) return undefined;
      receivedBytes -= bytes.length;
      if (!closed) port.postMessage(bytes.length, []);
      return bytes;
    },
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += Control.PortBytes) {
        while (unread >= Control.PortBytes && !closed) {
          await new Promise<void>((resolve) => {
            onRoom = resolve;
          });
          onRoom = undefined;
        }
        if (closed) throw new Error("the port was closed");
        const part = new Uint8Array(bytes.subarray(at, at + Control.PortBytes));
        unread += part.length;
        const message: PortMessage = part;
        port.postMessage(message, [part.buffer]);
      }
    },
    close,
  };
}
