/** How ring entries get to the kernel worker and back; the client above knows only this. */
import type { KernelWorkerRequest } from "../../ts/index.ts";
import type { Mem } from "../core/mem.ts";

/**
 * One client's way to its kernel. Entries and arena bytes are at addresses of
 * `mem`: the machine's memory itself, or this side's copy of the client's part
 * of it. All methods are for one thread.
 */
export interface Transport {
  readonly kind: "shared" | "message";
  readonly mem: Mem;
  /** Address of the arena's first byte in `mem`. */
  readonly arenaBase: number;
  readonly arenaBytes: number;

  /** Writes and publishes an entry. False when the submission ring is full: nothing was written, and `wait` settles when there is room. */
  submit(entry: KernelWorkerRequest): boolean;
  /** Wakes the kernel worker; once for a batch of `submit`. */
  flush(): void;
  /**
   * Address of the next completion, -1 when there is none.
   * @throws RpcProtocolError when the ring's indices cannot be true; MachineFailed, MachineStopped or SessionClosed when
   *   nothing comes any more
   */
  next(): number;
  /** The entry at `next()` has been read. */
  consume(): void;
  /** Calls `ready` once when `next()` may have something new; it may call too often, never too rarely. */
  wait(ready: () => void): void;

  /**
   * Where the bytes of a BlobRequest go.
   * @throws RangeError when the kernel named memory that does not exist
   */
  blobTarget(address: number, length: number): Uint8Array;
  /** The first `length` bytes of that target are filled; called before BlobFilled is submitted. */
  blobCommit(address: number, target: Uint8Array, length: number): void;

  /** Nothing is sent or awaited any more. */
  close(): void;
}
