/** Ring entries and arena bytes as messages: for a client whose thread cannot see the machine's memory. */

/** Bytes of the client's arena. */
export interface SpanBytes {
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Arena bytes that go back with the reply to request `id`: `result` of them when counted, else all. */
export interface ReplySpan {
  readonly id: number;
  readonly offset: number;
  readonly length: number;
  readonly counted: boolean;
}

export interface RpcEntries {
  readonly type: "rpc";
  readonly entries: Uint8Array<ArrayBuffer>;
  readonly spans: readonly SpanBytes[];
  readonly replies: readonly ReplySpan[];
}

/** What a blob source delivered, for linear address `address`. */
export interface BlobBytes {
  readonly type: "blob";
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type RpcToKernel = RpcEntries | BlobBytes;

/** Completions, and the arena bytes that the kernel wrote for them. */
export interface RpcFromKernel {
  readonly type: "rpc";
  readonly entries: Uint8Array<ArrayBuffer>;
  readonly spans: readonly SpanBytes[];
}
