/** A client of a machine: requests with ids over rings, in shared memory or by messages. */
export { ArenaAllocator } from "./arena.ts";
export {
  type Attachment,
  type AttachmentWords,
  attachmentWords,
  type Connection,
  type ConnectOptions,
  connect,
} from "./attachment.ts";
export * from "./calls.ts";
export { changes } from "./changes.ts";
export { DEFAULT_ENV, TERMINAL_ENV } from "./environment.ts";
export * from "./errors.ts";
export { type EndpointEvents, FrameEndpoint, refusalFrame } from "./frame-endpoint.ts";
export { type FrameSink, FrameTransport } from "./frame-transport.ts";
export type * from "./messages.ts";
export { type CallOptions, type CallSpec, type KeepAlive, RpcClient } from "./rpc-client.ts";
export type { Session } from "./session.ts";
export { SharedTransport, type SharedTransportOptions } from "./shared-transport.ts";
export type { Transport } from "./transport.ts";
export { type ExitStatus, exitStatus, type SignalName, signalNumber } from "./wait-status.ts";
