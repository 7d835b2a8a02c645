/** Which errnos a request may answer. */
import { KernelWorkerRequestRules, Opcode, type ReplyEventData } from "../../ts/index.ts";
import type { RequestRules } from "../core/request.ts";

/** What any request may fail with, said once in docs/abi/opcodes.md. */
export const COMMON_ERRNOS: readonly string[] = ["EINVAL", "EAGAIN", "ECANCELED", "EOPNOTSUPP"];

/** By what may be no opcode. */
const RULES: Readonly<Partial<Record<number, RequestRules>>> = KernelWorkerRequestRules;

const sets = new Map<number, ReadonlySet<string>>();

/** Undefined for what is no request's opcode. */
export function declaredErrnos(opcode: number): ReadonlySet<string> | undefined {
  const rules = RULES[opcode];
  if (rules === undefined) return undefined;
  let set = sets.get(opcode);
  if (set === undefined) {
    set = new Set([...rules.errnos, ...COMMON_ERRNOS]);
    sets.set(opcode, set);
  }
  return set;
}

/** Words of a reply that are not 0 although nothing is declared of them: "value 7". A refusal says its errno only. */
export function unaskedWords(opcode: number, reply: ReplyEventData): string[] {
  const rules = RULES[opcode];
  if (rules === undefined) return [];
  const refused = reply.result < 0n;
  // Who was refused for its version is told ours.
  const says = refused && opcode !== Opcode.KernelInit ? [] : rules.says;
  const words: readonly [RequestRules["says"][number], bigint][] = [
    ["result", refused ? 0n : reply.result],
    ["value", reply.value],
    ["value2", reply.value2],
    ["handle", BigInt(reply.handle.index) + BigInt(reply.handle.generation)],
  ];
  return words.filter(([name, word]) => word !== 0n && !says.includes(name)).map(([name, word]) => `${name} ${word}`);
}
