/**
 * The client slots of control connections. A connection has one from its first request on; one that is idle and holds
 * nothing in the machine gives it up when another needs it, and gets one again with its next request.
 */
import { Errno, type RpcClient, type SlotHandleData, SystemError } from "@foreshore/abi";

export interface SlotUser {
  /** Nothing of it is in flight, and the kernel keeps nothing for it. */
  readonly idle: boolean;
  /** Stops using the slot; called only while it is idle. */
  releaseSlot(): void;
}

/** How long a request may wait for a slot whose users are only busy for a moment. */
const WAIT_MS = 2000;

export class ClientSlots {
  readonly #client: RpcClient;
  /** Who asked last is last. */
  readonly #users = new Map<SlotUser, SlotHandleData>();
  #queue: Promise<unknown> = Promise.resolve();
  #changed: () => void = () => undefined;

  /** @param client client 0 of the machine */
  constructor(client: RpcClient) {
    this.#client = client;
  }

  /**
   * A client slot for a connection that has none.
   * @throws SystemError EAGAIN when all slots stay with users that hold something
   */
  take(user: SlotUser): Promise<SlotHandleData> {
    const until = performance.now() + WAIT_MS;
    return this.#serially(async () => {
      for (;;) {
        try {
          const { client: slot } = await this.#client.request.attachClient();
          this.#users.set(user, slot);
          return slot;
        } catch (error) {
          if (!(error instanceof SystemError && error.errno === Errno.ENOSPC)) throw error;
          if (await this.#freeIdleNow()) continue;
          const left = until - performance.now();
          if (left <= 0) throw new SystemError(Errno.EAGAIN, "attach");
          await this.#waitForChange(left);
        }
      }
    });
  }

  /** The connection makes a request now: it is the last to lose its slot. */
  touch(user: SlotUser): void {
    const slot = this.#users.get(user);
    if (slot === undefined) return;
    this.#users.delete(user);
    this.#users.set(user, slot);
  }

  /** A connection may have become idle. */
  becameIdle(): void {
    this.#changed();
  }

  /** Gives a user's slot back, with all that the kernel keeps for it. */
  async release(user: SlotUser): Promise<void> {
    const slot = this.#users.get(user);
    if (slot === undefined) return;
    this.#users.delete(user);
    await this.#client.request.detachClient({ client: slot });
    this.#changed();
  }

  /** Frees the slot that was idle for longest; false when none is. */
  freeIdleSlot(): Promise<boolean> {
    return this.#serially(() => this.#freeIdleNow());
  }

  async #freeIdleNow(): Promise<boolean> {
    for (const user of this.#users.keys()) {
      if (!user.idle) continue;
      user.releaseSlot();
      await this.release(user);
      return true;
    }
    return false;
  }

  /** Waits until a slot may be free, or a user is idle. */
  #waitForChange(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
