/** Ring entries with the arena bytes that belong to them, as frames of abi/control.fbs. */
import { type ArenaSpanData, type ControlFrameKind, Fixed, type KernelWorkerRequest } from "../../ts/index.ts";
import { align, HEADER, newFrame } from "../control/frames.ts";
import type { Mem } from "../core/mem.ts";

/** Spans of an entry whose bytes go along with it, in the order of its fields. */
export function requestSpans(entry: KernelWorkerRequest): ArenaSpanData[] {
  const spans: ArenaSpanData[] = [];
  for (const [name, value] of Object.entries(entry)) if (name !== "reply" && isSpan(value)) spans.push(value);
  return spans;
}

/** Where the reply to an entry goes; undefined when its reply has no bytes. */
export function replySpan(entry: KernelWorkerRequest): ArenaSpanData | undefined {
  return "reply" in entry ? entry.reply : undefined;
}

function isSpan(value: unknown): value is ArenaSpanData {
  return typeof value === "object" && value !== null && "offset" in value && "length" in value;
}

/** A frame with the entry at `at` of `mem` and, behind it, the bytes at the given places of `mem`. */
export function entryFrame(
  kind: ControlFrameKind,
  mem: Mem,
  at: number,
  parts: readonly { readonly address: number; readonly length: number }[],
): Uint8Array<ArrayBuffer> {
  let length: number = Fixed.RingEntryBytes;
  for (const part of parts) length += align(part.length);
  const frame = newFrame(kind, length);
  const to = frame.u8 as Uint8Array<ArrayBuffer>;
  to.set(mem.u8.subarray(at, at + Fixed.RingEntryBytes), HEADER);
  let next = HEADER + Fixed.RingEntryBytes;
  for (const part of parts) {
    mem.check(part.address, part.length, 1);
    to.set(mem.u8.subarray(part.address, part.address + part.length), next);
    next += align(part.length);
  }
  return to;
}
