/** How the examples in a terminal come to a machine: by its control socket, or as a worker thread that was given an attachment. */
import { once } from "node:events";
import { createConnection } from "node:net";
import { Duplex } from "node:stream";
import { workerData } from "node:worker_threads";
import { type Attachment, ControlClient, connect, type Session, streamDuplex } from "@foreshore/abi";

/**
 * @param socket path of a control socket (`foreshore run --control SOCKET`)
 * @throws Error ENOENT, ECONNREFUSED…; AbiMismatch; ControlError
 */
export async function socketSession(socket: string): Promise<Session> {
  const connection = createConnection(socket);
  await once(connection, "connect");
  const { readable, writable } = Duplex.toWeb(connection);
  // Node types its web streams apart from the DOM's, which they are.
  const incoming = readable as unknown as ReadableStream<Uint8Array>;
  return await ControlClient.open(streamDuplex(incoming, writable));
}

/** The session of a worker that was started with `workerData: { attachment }`; undefined in any other thread. */
export async function attachedSession(): Promise<Session | undefined> {
  const data: unknown = workerData;
  if (typeof data !== "object" || data === null || !("attachment" in data)) return undefined;
  return await connect(data.attachment as Attachment);
}
