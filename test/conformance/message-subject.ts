/** A machine of a single worker as the kit's subject: entries and arena bytes travel as frames. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FrameTransport, type RpcToKernel } from "@foreshore/abi";
import { frameMachine, ownCodec, type Subject, type SubjectMachine } from "@foreshore/abi/conformance";
import { absoluteMs } from "../../runtime/src/common/clock.ts";
import type { FromWorker } from "../../runtime/src/common/worker-protocol.ts";
import { SingleWorker } from "../../runtime/src/worker/single.ts";

const KERNEL = join(import.meta.dirname, "../../build/kernel.wasm");
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
  return frameMachine({
    frames,
    client: 0,
    features: ["events"],
    async turn() {
      await new Promise((resolve) => setImmediate(resolve));
      if (failure !== undefined) throw failure;
    },
    async close() {
      frames.close();
      worker.message({ type: "stop" });
    },
  });
}
