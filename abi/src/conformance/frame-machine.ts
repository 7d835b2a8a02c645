/** Subjects whose memory the kit does not see: entries travel as frames, and the arena is a copy of the kit's own. */
import { Control, decodeKernelWorkerRequest, Fixed } from "../../ts/index.ts";
import type { FrameTransport } from "../client/frame-transport.ts";
import { Mem } from "../core/mem.ts";
import { type Feature, SubjectError, type SubjectMachine } from "./subject.ts";

const ENTRY = Fixed.RingEntryBytes;

export interface FrameMachineOptions {
  /** Whose sink reaches the machine, and that receives what the machine sends. */
  readonly frames: FrameTransport;
  /** Slot of the kit's client. */
  readonly client: number;
  readonly features: readonly Feature[];
  /**
   * Lets the machine go on, for some milliseconds and at most for so many; awaited between two looks at what has come.
   * @throws what has ended the machine
   */
  turn(mostMs: number): Promise<void>;
  close(): Promise<void>;
}

/** A machine behind frames, as a control channel carries them. */
export function frameMachine(options: FrameMachineOptions): SubjectMachine {
  const { frames, client } = options;
  const { mem, arenaBase, arenaBytes } = frames;
  const scratch = new Mem(new ArrayBuffer(ENTRY));
  let inFlight = 0;
  const unreachable = async (): Promise<never> => {
    throw new SubjectError("the kit does not see this machine's memory");
  };
  return {
    features: new Set(options.features),
    client,
    arenaBytes,
    async submit(_client, entries) {
      // More in flight would end a connection.
      const count = Math.max(0, Math.min(entries.length / ENTRY, Control.Requests - inFlight));
      for (let i = 0; i < count; i++) {
        scratch.u8.set(entries.subarray(i * ENTRY, (i + 1) * ENTRY));
        const entry = decodeKernelWorkerRequest(scratch, 0);
        if (entry === undefined || !frames.submit(entry)) throw new SubjectError(`entry ${i} does not go into a frame`);
      }
      inFlight += count;
      frames.flush();
      return count;
    },
    async completions(_client, most, timeoutMs) {
      const until = performance.now() + timeoutMs;
      do await options.turn(Math.max(0, until - performance.now()));
      while (frames.next() < 0 && performance.now() < until);
      const taken: number[] = [];
      while (taken.length < most * ENTRY) {
        const at = frames.next();
        if (at < 0) break;
        // Events answer nothing: their request id is 0.
        if (mem.u32[(at + 4) >>> 2] !== 0) inFlight--;
        taken.push(...mem.u8.subarray(at, at + ENTRY));
        frames.consume();
      }
      return Uint8Array.from(taken);
    },
    writeArena: async (_client, offset, bytes) => mem.u8.set(bytes, arenaBase + offset),
    readArena: async (_client, offset, length) => mem.u8.slice(arenaBase + offset, arenaBase + offset + length),
    async wake() {
      frames.flush();
      await options.turn(0);
    },
    read: unreachable,
    write: unreachable,
    close: () => options.close(),
  };
}
