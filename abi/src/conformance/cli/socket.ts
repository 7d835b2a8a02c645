/** A unix socket as what a control channel runs over. */
import { connect } from "node:net";
import { Readable, Writable } from "node:stream";
import { type Duplex, streamDuplex } from "../../control/duplex.ts";

/** @throws Error when nobody listens at `path` */
export async function connectSocket(path: string): Promise<Duplex> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(new Error(`${path}: ${error.message}`, { cause: error })));
  });
  // What ends it reaches the reader; without a listener it would end the process.
  socket.on("error", () => undefined);
  return streamDuplex(Readable.toWeb(socket) as ReadableStream<Uint8Array>, Writable.toWeb(socket));
}
