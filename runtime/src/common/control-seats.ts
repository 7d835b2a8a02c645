/**
 * The client slots of control connections. A connection has one from its first request on; one that is idle and holds
 * nothing in the machine gives it up when another needs it, and gets one again with its next request.
 */
import { Errno, type RpcClient, type SlotHandleData, SystemError } from "@foreshore/abi";

export interface SeatHolder {
  /** Nothing of it is in flight, and the kernel keeps nothing for it. */
  readonly idle: boolean;
  /** Stops using the slot; called only while it is idle. */
  standUp(): void;
}

/** How long a request may wait for a slot whose users are only busy for a moment. */
const PATIENCE_MS = 2000;

export class Seats {
  readonly #client: RpcClient;
  /** Who asked last is last. */
  readonly #holders = new Map<SeatHolder, SlotHandleData>();
  #turn: Promise<unknown> = Promise.resolve();
  #changed: () => void = () => undefined;

  /** @param client client 0 of the machine */
  constructor(client: RpcClient) {
    this.#client = client;
  }

  /**
   * A client slot for a holder that has none.
   * @throws SystemError EAGAIN when all slots stay with users that hold something
   */
  take(holder: SeatHolder): Promise<SlotHandleData> {
    const until = performance.now() + PATIENCE_MS;
    return this.#inTurn(async () => {
      for (;;) {
        try {
          const { client: slot } = await this.#client.request.attachClient();
          this.#holders.set(holder, slot);
          return slot;
        } catch (error) {
          if (!(error instanceof SystemError && error.errno === Errno.ENOSPC)) throw error;
          if (await this.#vacate()) continue;
          const left = until - performance.now();
          if (left <= 0) throw new SystemError(Errno.EAGAIN, "attach");
          await this.#change(left);
        }
      }
    });
  }

  /** The holder has asked for something just now. */
  used(holder: SeatHolder): void {
    const slot = this.#holders.get(holder);
    if (slot === undefined) return;
    this.#holders.delete(holder);
    this.#holders.set(holder, slot);
  }

  /** The holder may be idle now. */
  rested(): void {
    this.#changed();
  }

  /** Gives a holder's slot back, with all that the kernel keeps for it. */
  async leave(holder: SeatHolder): Promise<void> {
    const slot = this.#holders.get(holder);
    if (slot === undefined) return;
    this.#holders.delete(holder);
    await this.#client.request.detachClient({ client: slot });
    this.#changed();
  }

  /** Frees the slot that was idle for longest; false when none is. */
  vacate(): Promise<boolean> {
    return this.#inTurn(() => this.#vacate());
  }

  async #vacate(): Promise<boolean> {
    for (const holder of this.#holders.keys()) {
      if (!holder.idle) continue;
      holder.standUp();
      await this.leave(holder);
      return true;
    }
    return false;
  }

  /** Waits until a slot may be free, or a holder idle. */
  #change(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
