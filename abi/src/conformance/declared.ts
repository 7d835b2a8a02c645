/** Which errnos a request may answer. */
import { KernelWorkerRequestRules, type Opcode } from "../../ts/index.ts";
import type { RequestRules } from "../core/request.ts";

/** What any request may fail with, said once in docs/abi/opcodes.md. */
export const COMMON_ERRNOS: readonly string[] = ["EINVAL", "EAGAIN", "ECANCELED", "EOPNOTSUPP"];

const sets = new Map<number, ReadonlySet<string>>();

/** Undefined for what is no request's opcode. */
export function declaredErrnos(opcode: number): ReadonlySet<string> | undefined {
  const rules = (KernelWorkerRequestRules as Readonly<Partial<Record<Opcode, RequestRules>>>)[opcode as Opcode];
  if (rules === undefined) return undefined;
  let set = sets.get(opcode);
  if (set === undefined) {
    set = new Set([...rules.errnos, ...COMMON_ERRNOS]);
    sets.set(opcode, set);
  }
  return set;
}
