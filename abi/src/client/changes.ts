/** Changes of a machine's tables, told by the kernel: what viewers wait for instead of looking again and again. */
import { SlotKind } from "../../ts/index.ts";
import { ROW_TABLES } from "../row-tables.ts";
import type { RowKind } from "../rows.ts";
import type { CallOptions, RpcClient } from "./rpc-client.ts";

/** What rows of a kind change with: the tables that they are made of; what memory there is with its frames. */
function tablesOf(rows: RowKind): readonly number[] {
  return rows === "memory" ? [SlotKind.Frame] : ROW_TABLES[rows].map(({ kind }) => kind);
}

/** Bits above 31 count, too: no operator of 32 bits will do. */
const has = (bits: number, kind: number): boolean => Math.floor(bits / 2 ** kind) % 2 === 1;

/**
 * Goes on each time rows of one of `kinds` may read differently than when it went on before, with the kinds of which that is so; the first
 * time at once, with all. What changes while its user is busy is told once, when it is asked again: how often a viewer looks
 * is how long it rests between two turns. Nothing runs while nothing changes. `return` ends it, also where it waits.
 * @param options a signal that ends it: it throws the signal's reason
 * @throws what a request throws when the machine or the session has ended
 */
export function changes<K extends RowKind>(
  client: RpcClient,
  kinds: readonly K[],
  options: CallOptions = {},
): AsyncGenerator<readonly K[], void> {
  const returned = new AbortController();
  const signals = [returned.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const told = waits(client, kinds, { ...options, signal: AbortSignal.any(signals) }, returned.signal);
  const end = told.return.bind(told);
  // A generator's own would come after the change that it waits for.
  return Object.assign(told, {
    return(): Promise<IteratorResult<readonly K[], void>> {
      returned.abort();
      return end();
    },
  });
}

async function* waits<K extends RowKind>(
  client: RpcClient,
  kinds: readonly K[],
  options: CallOptions,
  returned: AbortSignal,
): AsyncGenerator<readonly K[], void> {
  const tables = new Set(kinds.flatMap(tablesOf));
  const bits = [...tables].reduce((sum, kind) => sum + 2 ** kind, 0);
  if (bits === 0) throw new RangeError("changes of no kind of row: name at least one");
  try {
    for (let since = 0; ; ) {
      const answer = await client.request.watchChanges({ kinds: bits, since }, options);
      since = answer.number;
      yield kinds.filter((kind) => tablesOf(kind).some((table) => has(answer.kinds, table)));
    }
  } catch (error) {
    if (!returned.aborted) throw error;
  }
}
