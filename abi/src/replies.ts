/** Replies by the names that their words have for a request. */
import { type KernelWorkerReply, KernelWorkerReplyShape, type ReplyEventData } from "../ts/rpc.ts";

export type { ReplyShape } from "./core/reply-shape.ts";

/** A reply that failed, or what it says by name. */
export type DecodedReply<T> = { readonly ok: true; readonly reply: T } | { readonly ok: false; readonly errno: number };

/**
 * The reply to a request of `opcode`, its words by name.
 * @throws RangeError for an opcode that is no request's
 */
export function decodeReply<O extends keyof KernelWorkerReply>(
  opcode: O,
  event: Pick<ReplyEventData, "result" | "value" | "value2" | "handle">,
): DecodedReply<KernelWorkerReply[O]> {
  const shape = KernelWorkerReplyShape[opcode];
  if (shape === undefined) throw new RangeError(`opcode ${opcode} is no request`);
  if (event.result < 0n) return { ok: false, errno: Number(-event.result) };
  const { result, value, value2, handle } = shape.names;
  const reply = {
    ...(result === undefined ? {} : { [result]: Number(event.result) }),
    ...(value === undefined ? {} : { [value]: event.value }),
    ...(value2 === undefined ? {} : { [value2]: event.value2 }),
    ...(handle === undefined ? {} : { [handle]: event.handle }),
  };
  return { ok: true, reply: reply as unknown as KernelWorkerReply[O] };
}
