/** A machine of a single worker as the kit's subject: entries and arena bytes travel as frames. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Control, decodeKernelWorkerRequest, Fixed, FrameTransport, Mem, type RpcToKernel } from "@foreshore/abi";
import { ownCodec, type Subject, SubjectError, type SubjectMachine } from "@foreshore/abi/conformance";
import { absoluteMs } from "../../runtime/src/common/clock.ts";
import type { FromWorker } from "../../runtime/src/common/worker-protocol.ts";
import { SingleWorker } from "../../runtime/src/worker/single.ts";

const KERNEL = join(import.meta.dirname, "../../build/kernel.wasm");
const ENTRY = Fixed.RingEntryBytes;
/** A frame's bytes begin behind its ControlFrame. */
const FRAME_HEADER = 16;
const MAX_PAGES = 4096;

export async function messageSubject(): Promise<Subject> {
  const module = await WebAssembly.compile(readFileSync(KERNEL));
  return {
    name: "a single worker, by messages",
    codec: ownCodec,
    open: () => open(module),
    close: async () => undefined,
  };
}

async function open(module: WebAssembly.Module): Promise<SubjectMachine> {
  let transport: FrameTransport | undefined;
  let arenaBytes = 0;
  let failure: Error | undefined;
  const port = {
    post(message: FromWorker): void {
      // As posted to another thread: nothing is shared.
      const copy = structuredClone(message);
      if (copy.type === "rpc") transport?.receive(copy.frame.subarray(FRAME_HEADER));
      else if (copy.type === "ready") arenaBytes = copy.single?.arenaBytes ?? 0;
      else if (copy.type === "failed") failure = new Error(copy.message);
    },
    onMessage: () => undefined,
    close: () => undefined,
  };
  const worker = new SingleWorker(port, (error) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  await worker.start({
    type: "single",
    module,
    maxPages: MAX_PAGES,
    minPages: MAX_PAGES,
    harts: 1,
    clients: 1,
    baseMs: absoluteMs(),
    realtimeNs: BigInt(Date.now()) * 1_000_000n,
    budgetInsns: 100_000,
  });
  const post = (message: RpcToKernel): void => worker.message(structuredClone(message));
  const frames = new FrameTransport(arenaBytes, {
    frame: (frame) => post({ type: "rpc", frame }),
    blob: (address, bytes) => post({ type: "blob", address, bytes }),
  });
  transport = frames;
  let inFlight = 0;
  const scratch = new Mem(new ArrayBuffer(ENTRY));
  const turn = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (failure !== undefined) throw failure;
  };
  const unreachable = async (): Promise<never> => {
    throw new SubjectError("this thread does not see the machine's memory");
  };
  return {
    features: new Set(["events"]),
    client: 0,
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
      do await turn();
      while (frames.next() < 0 && performance.now() < until);
      const taken: number[] = [];
      for (let i = 0; i < most; i++) {
        const at = frames.next();
        if (at < 0) break;
        // Events answer nothing: their request id is 0.
        if (frames.mem.u32[(at + 4) >>> 2] !== 0) inFlight--;
        taken.push(...frames.mem.u8.subarray(at, at + ENTRY));
        frames.consume();
      }
      return Uint8Array.from(taken);
    },
    writeArena: async (_client, offset, bytes) => frames.mem.u8.set(bytes, frames.arenaBase + offset),
    readArena: async (_client, offset, length) =>
      frames.mem.u8.slice(frames.arenaBase + offset, frames.arenaBase + offset + length),
    async wake() {
      frames.flush();
      await turn();
    },
    read: unreachable,
    write: unreachable,
    close: async () => {
      frames.close();
      worker.message({ type: "stop" });
    },
  };
}
