/** Which errnos a request may answer. */
import { KernelWorkerReplyShape } from "../../ts/index.ts";

/** What any request may fail with, said once in docs/abi/opcodes.md. */
export const COMMON_ERRNOS: readonly string[] = ["EINVAL", "EAGAIN", "ECANCELED", "EOPNOTSUPP"];

const sets = new Map<number, ReadonlySet<string>>();

/** Undefined for what is no request's opcode. */
export function declaredErrnos(opcode: number): ReadonlySet<string> | undefined {
  const shape = KernelWorkerReplyShape[opcode];
  if (shape === undefined) return undefined;
  let set = sets.get(opcode);
  if (set === undefined) {
    set = new Set([...shape.errnos, ...COMMON_ERRNOS]);
    sets.set(opcode, set);
  }
  return set;
}
