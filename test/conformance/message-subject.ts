/** A machine of a single worker as the kit's subject: entries and arena bytes travel as messages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeKernelWorkerRequest,
  Fixed,
  Mem,
  Opcode,
  type ReplySpan,
  type RpcFromKernel,
  type SpanBytes,
} from "@foreshore/abi";
import { ownCodec, type Subject, type SubjectMachine } from "@foreshore/abi/conformance";
import { absoluteMs } from "../../runtime/src/common/clock.ts";
import type { FromWorker } from "../../runtime/src/common/worker-protocol.ts";
import { SingleWorker } from "../../runtime/src/worker/single.ts";

const KERNEL = join(import.meta.dirname, "../../build/kernel.wasm");
const ENTRY = Fixed.RingEntryBytes;
const MAX_PAGES = 4096;
/** Replies of these carry `result` bytes; those of the others fill their span. */
const COUNTED: readonly number[] = [Opcode.ReadFile, Opcode.Readlink, Opcode.Readdir, Opcode.StreamRead];

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
  const received: Uint8Array[] = [];
  let arena = new Uint8Array(0);
  let inFlight = 0;
  let ready: (arenaBytes: number) => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const started = new Promise<number>((resolve, reject) => {
    ready = resolve;
    failed = reject;
  });
  const take = (message: RpcFromKernel): void => {
    for (const { offset, bytes } of message.spans) arena.set(bytes, offset);
    for (let at = 0; at < message.entries.length; at += ENTRY) received.push(message.entries.slice(at, at + ENTRY));
  };
  const port = {
    post(message: FromWorker): void {
      // As posted to another thread: nothing is shared.
      const copy = structuredClone(message);
      if (copy.type === "rpc") take(copy);
      else if (copy.type === "ready") ready(copy.single?.arenaBytes ?? 0);
      else if (copy.type === "failed") failed(new Error(copy.message));
    },
    onMessage: () => undefined,
    close: () => undefined,
  };
  const worker = new SingleWorker(port, (error) => failed(error instanceof Error ? error : new Error(String(error))));
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
  arena = new Uint8Array(await started);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const unreachable = async (): Promise<never> => {
    throw new Error("this thread does not see the machine's memory");
  };
  return {
    features: new Set(["events"]),
    client: 0,
    arenaBytes: arena.length,
    async submit(_client, bytes) {
      const count = Math.min(bytes.length / ENTRY, Fixed.RingEntries - inFlight);
      if (count <= 0) return 0;
      inFlight += count;
      const entries = bytes.slice(0, count * ENTRY);
      worker.message(structuredClone({ type: "rpc" as const, entries, ...spansOf(entries, arena) }));
      return count;
    },
    async completions(_client, most, timeoutMs) {
      const until = performance.now() + timeoutMs;
      do await turn();
      while (received.length === 0 && performance.now() < until);
      const taken = received.splice(0, most);
      const bytes = new Uint8Array(taken.length * ENTRY);
      for (const [i, entry] of taken.entries()) bytes.set(entry, i * ENTRY);
      // Events answer nothing: their request id is 0.
      inFlight -= taken.filter((entry) => entry.subarray(4, 8).some((byte) => byte !== 0)).length;
      return bytes;
    },
    writeArena: async (_client, offset, bytes) => arena.set(bytes, offset),
    readArena: async (_client, offset, length) => arena.slice(offset, offset + length),
    async wake() {
      worker.message({
        type: "rpc",
        entries: new Uint8Array(0),
        spans: [],
        replies: [],
      });
      await turn();
    },
    read: unreachable,
    write: unreachable,
    close: async () => worker.message({ type: "stop" }),
  };
}

/** What goes with entries, and what is to come back with their replies. */
function spansOf(entries: Uint8Array, arena: Uint8Array): { spans: SpanBytes[]; replies: ReplySpan[] } {
  const spans: SpanBytes[] = [];
  const replies: ReplySpan[] = [];
  const mem = new Mem(new ArrayBuffer(entries.length));
  mem.u8.set(entries);
  for (let at = 0; at < entries.length; at += ENTRY) {
    const entry = decodeKernelWorkerRequest(mem, at);
    for (const [name, value] of Object.entries(entry ?? {})) {
      if (typeof value !== "object" || !("offset" in value) || value.length === 0) continue;
      const { offset, length } = value;
      if (offset + length > arena.length) continue;
      if (name !== "reply") spans.push({ offset, bytes: arena.slice(offset, offset + length) });
      else if (entry !== undefined)
        replies.push({ id: entry.requestId, offset, length, counted: COUNTED.includes(entry.opcode) });
    }
  }
  return { spans, replies };
}
