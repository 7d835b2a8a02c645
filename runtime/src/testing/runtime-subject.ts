/** A machine of the Runtime with its workers as the kit's subject; the kit is a client beside the Runtime's own. */
import { ClientSlot, clientAddress, Fixed, MachineHeader, Mem } from "@foreshore/abi";
import { ownCodec, type Subject, sharedMachine } from "@foreshore/abi/conformance";
import { openTurns } from "../common/cooperative.ts";
import { Runtime } from "../index.ts";

/** How long one look at a ring waits for its tail to move, in milliseconds. */
const LOOK_MS = 5;

/** One turn of this thread's event loop. */
const eventTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const turns = openTurns(() => {
      turns.close();
      resolve();
    });
    turns.next();
  });

export function runtimeSubject(harts: number): Subject {
  return {
    name: `a Runtime with ${harts} harts`,
    codec: ownCodec,
    async open(options) {
      const runtime = await Runtime.create({ harts });
      const { memory } = runtime;
      if (memory === undefined) throw new Error("the machine has no shared memory");
      const mem = new Mem(memory);
      const header = new MachineHeader(mem, Fixed.HeaderAddress);
      const { client: handle } = await runtime.rpc.request.attachClient();
      const slot = new ClientSlot(mem, clientAddress(header, handle.index));
      return sharedMachine({
        mem,
        header,
        client: handle.index,
        open: options,
        wake: () => void Atomics.notify(mem.i32, header.kernelDoorbellIndex()),
        turn: async () => {
          const tail = slot.completionTail;
          const wait = Atomics.waitAsync(mem.i32, slot.completionTailIndex(), tail | 0, LOOK_MS);
          // The machine may still run on this thread: its loop gets a turn of the event loop.
          await eventTurn();
          if (!wait.async || slot.completionTail !== slot.completionHead) return;
          // Waiting for a word keeps no event loop alive.
          const timer = setTimeout(() => undefined, LOOK_MS);
          await wait.value;
          clearTimeout(timer);
        },
        close: async () => {
          await runtime.rpc.request.detachClient({ client: handle });
          await runtime.stop();
        },
      });
    },
    close: async () => undefined,
  };
}
