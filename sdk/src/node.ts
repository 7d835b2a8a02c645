/** The SDK in Node: all of `@foreshore/sdk`, and layers of the host's files. */

export * from "./index.ts";
export { type DirectoryLayerOptions, directoryLayer } from "./node/directory.ts";
export { accessFile, fileLayer, tarFile } from "./node/host-file.ts";
export { ISOLATION_HEADERS, type PageServer, type Resource, type ServeOptions, serve } from "./node/serve.ts";
export {
  connectMachine,
  connectSocket,
  controlSocket,
  type ListeningSocket,
  listenSocket,
  SocketError,
  socketDuplex,
} from "./node/socket.ts";
