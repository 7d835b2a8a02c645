/** One instance of kernel.wasm: its imports, and its exports with types. */
import type { KernelExports, KernelHostImports } from "@foreshore/abi";
import { openClock } from "./clock.ts";

/** Where the kernel's imports deliver what they are called with. */
export interface KernelSink {
  log(level: number, text: string): void;
  /** A TraceRecord with its pieces: the caller's own copy. */
  trace(record: Uint8Array<ArrayBuffer>): void;
  /** The client has completions and cannot sleep on shared memory. */
  kick(client: number): void;
}

/** getRandomValues gives at most this many bytes at once (Web Cryptography, 10.1.1). */
const ENTROPY_BYTES = 65536;
/** Longest text of one log call; a longer one is cut. */
const TEXT_BYTES = 65536;

/** Text at a linear address; copied first, since TextDecoder takes no shared memory. */
function textAt(memory: WebAssembly.Memory, addr: number, length: number): string {
  const bytes = new Uint8Array(memory.buffer, addr >>> 0, Math.min(length >>> 0, TEXT_BYTES)).slice();
  return new TextDecoder().decode(bytes);
}

/** @param baseMs the machine's base: see clock.ts */
export async function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  baseMs: number,
  sink: KernelSink,
): Promise<KernelExports> {
  const host: KernelHostImports = {
    now: openClock(baseMs),
    entropy(addr, length) {
      const end = (addr >>> 0) + (length >>> 0);
      for (let at = addr >>> 0; at < end; at += ENTROPY_BYTES) {
        const bytes = crypto.getRandomValues(new Uint8Array(Math.min(ENTROPY_BYTES, end - at)));
        new Uint8Array(memory.buffer).set(bytes, at);
      }
    },
    log(level, addr, length) {
      sink.log(level, textAt(memory, addr, length));
    },
    trace(addr, length) {
      sink.trace(new Uint8Array(memory.buffer, addr >>> 0, length >>> 0).slice());
    },
    kick(client) {
      sink.kick(client);
    },
  };
  const instance = await WebAssembly.instantiate(module, { env: { memory }, host: { ...host } });
  // V8 tells threads that a shared memory has grown when they have registered for it, but a memory that grows while it is being
  // received keeps the size that it was sent with, and memory.fill of a frame behind that traps. Growing by nothing makes every
  // thread, this one too, look again.
  memory.grow(0);
  return instance.exports as unknown as KernelExports;
}
