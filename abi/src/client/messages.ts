/** Frames as messages: between a thread and the single worker whose memory it cannot see. */

/** A frame of abi/control.fbs: Request to the kernel, Outbound from it. */
export interface RpcFrame {
  readonly type: "rpc";
  readonly frame: Uint8Array<ArrayBuffer>;
}

/** What a blob source delivered, for linear address `address`. */
export interface BlobBytes {
  readonly type: "blob";
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type RpcToKernel = RpcFrame | BlobBytes;
export type RpcFromKernel = RpcFrame;
