/** A client of a machine: requests with ids over rings, in shared memory or by messages. */
export { ArenaAllocator } from "./arena.ts";
export * from "./errors.ts";
export { MessageTransport } from "./message-transport.ts";
export type * from "./messages.ts";
export { RingEndpoint } from "./ring-endpoint.ts";
export { type CallOptions, type CallSpec, type KeepAlive, RpcClient } from "./rpc-client.ts";
export type { Session } from "./session.ts";
export { SharedTransport } from "./shared-transport.ts";
export type { Transport } from "./transport.ts";
