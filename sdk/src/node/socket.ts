/** Node's sockets as what the control channel runs over, and the unix socket that a machine listens on. */
import { existsSync, lstatSync, statSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { ControlError, ControlFaultCode, ControlStatus, type Duplex } from "@foreshore/abi";
import { RemoteMachine, type Runtime } from "@foreshore/runtime";
import { errorCode } from "./host-file.ts";

/** Bytes that are read ahead of the reader of frames. */
const READ_AHEAD = 256 * 1024;
/** How long a socket that was closed may take to get the last bytes out. */
const LAST_MS = 1000;
/** Refusals that are worth a line: somebody has packages of another kind. */
const REFUSED: readonly ControlStatus[] = [ControlStatus.Version, ControlStatus.Protocol];
/** How long a machine may take to say hello. */
const ANSWER_MS = 10_000;

/** A Duplex over a connected socket; the socket is the Duplex's from now on. */
export function socketDuplex(socket: Socket): Duplex {
  const received: Uint8Array[] = [];
  let receivedBytes = 0;
  let ended = false;
  let closed = false;
  let onRead: (() => void) | undefined;
  let onRoom: (() => void) | undefined;
  const wake = (): void => {
    onRead?.();
    onRoom?.();
  };
  socket.on("data", (chunk: Buffer) => {
    received.push(chunk);
    receivedBytes += chunk.length;
    if (receivedBytes > READ_AHEAD) socket.pause();
    onRead?.();
  });
  socket.on("end", () => {
    ended = true;
    wake();
  });
  // An error is followed by "close".
  socket.on("error", () => undefined);
  socket.on("close", () => {
    ended = true;
    closed = true;
    wake();
  });
  socket.on("drain", () => onRoom?.());
  return {
    async read() {
      while (received.length === 0 && !ended) {
        await new Promise<void>((resolve) => {
          onRead = resolve;
        });
        onRead = undefined;
      }
      if (received.length === 0) return undefined;
      const chunk = received.length === 1 ? received[0]! : Buffer.concat(received);
      received.length = 0;
      receivedBytes = 0;
      socket.resume();
      return chunk;
    },
    async write(bytes) {
      if (closed) throw new Error("the socket is closed");
      if (socket.write(bytes)) return;
      while (socket.writableNeedDrain && !closed) {
        await new Promise<void>((resolve) => {
          onRoom = resolve;
        });
        onRoom = undefined;
      }
      if (closed) throw new Error("the socket is closed");
    },
    close() {
      if (ended && closed) return;
      ended = true;
      closed = true;
      socket.end();
      setTimeout(() => socket.destroy(), LAST_MS).unref();
      wake();
    },
  };
}

/** A path of a socket that cannot be listened on or connected to: one sentence. */
export class SocketError extends Error {
  readonly code = "ERR_SOCKET";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SocketError";
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there any more",
  ENOTSOCK: "is not a socket",
  EACCES: "permission denied",
  ENOTDIR: "a part of its path is not a folder",
};

/**
 * Connects to a unix socket.
 * @throws SocketError
 */
export function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error) => {
      const code = errorCode(error) ?? "";
      const isFile = code === "ECONNREFUSED" && statSync(path, { throwIfNoEntry: false })?.isSocket() === false;
      reject(new SocketError(`${path}: ${WHY[isFile ? "ENOTSOCK" : code] ?? error.message}`, { cause: error }));
    });
  });
}

export interface ListeningSocket {
  /** Stops listening and removes the socket's file. */
  close(): void;
}

/**
 * Listens on a unix socket that only this user reaches (mode 0600), from the moment that its file exists. A file that a
 * machine has left behind is replaced when nobody listens on it.
 * @throws SocketError when the path is in use or cannot be
 */
export async function listenSocket(path: string, connected: (socket: Socket) => void): Promise<ListeningSocket> {
  let server: Server;
  try {
    server = await listenPrivately(path, connected);
  } catch (error) {
    if (errorCode(error) !== "EADDRINUSE") throw new SocketError(`${path}: ${why(error, path)}`, { cause: error });
    await removeStale(path);
    try {
      server = await listenPrivately(path, connected);
    } catch (again) {
      throw new SocketError(`${path}: ${why(again, path)}`, { cause: again });
    }
  }
  const made = lstatSync(path, { throwIfNoEntry: false });
  server.unref();
  return {
    close: () => {
      // libuv removes the file as well; somebody else's that stands there now is not ours to remove.
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now !== undefined && (now.ino !== made?.ino || now.dev !== made.dev)) return;
      server.close();
    },
  };
}

function why(error: unknown, path: string): string {
  const code = errorCode(error) ?? "";
  // libuv says EACCES for a folder that is missing, too.
  if (code === "ENOENT" || (code === "EACCES" && !existsSync(dirname(path)))) return "its folder does not exist";
  if (code === "EADDRINUSE") return "is in use";
  if (code === "EINVAL") return "the path is too long for a socket";
  return WHY[code] ?? (error instanceof Error ? error.message : String(error));
}

function listenPrivately(path: string, connected: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(connected);
    server.once("error", reject);
    // The socket is bound within this call: its file has its mode from the beginning.
    const before = process.umask(0o177);
    try {
      server.listen({ path }, () => {
        server.off("error", reject);
        server.on("error", () => undefined);
        resolve(server);
      });
    } finally {
      process.umask(before);
    }
  });
}

/**
 * Lets others use a machine over a unix socket, while it runs.
 * @param note gets a sentence for each connection that is cut off, or speaks another ABI. Who is told by itself why it is not
 *   let in (the machine is busy), or only looked whether somebody listens, is worth none
 * @throws SocketError
 */
export function controlSocket(
  runtime: Pick<Runtime, "serveControl">,
  path: string,
  note: (text: string) => void,
): Promise<ListeningSocket> {
  return listenSocket(path, (socket) => {
    void runtime.serveControl(socketDuplex(socket)).ended.then((why) => {
      if (why instanceof ControlError && (why.fault !== ControlFaultCode.None || REFUSED.includes(why.status)))
        note(`control channel: ${why.message}`);
    });
  });
}

/**
 * Connects to a machine that listens on a unix socket.
 * @throws SocketError when nobody listens or answers there; AbiMismatch and ControlError as `RemoteMachine.connect`
 */
export async function connectMachine(path: string): Promise<RemoteMachine> {
  const socket = await connectSocket(path);
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    return await RemoteMachine.connect(socketDuplex(socket), { signal });
  } catch (error) {
    if (signal.aborted) throw new SocketError(`${path}: who listens there does not answer`, { cause: error });
    throw error;
  }
}

/** Removes the file of a socket that nobody listens on. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new SocketError(`${path}: exists and is not a socket`);
  try {
    const socket = await connectSocket(path);
    socket.destroy();
  } catch (error) {
    if (errorCode((error as Error).cause) !== "ECONNREFUSED")
      throw new SocketError(`${path}: is in use`, { cause: error });
    // The same file as was asked: nobody has replaced it meanwhile.
    const now = lstatSync(path, { throwIfNoEntry: false });
    if (now?.ino === found.ino && now.dev === found.dev) unlinkSync(path);
    return;
  }
  throw new SocketError(`${path}: another machine listens there`);
}
