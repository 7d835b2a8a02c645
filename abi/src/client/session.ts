/** What a frontend has of a machine, whether it shares its memory (`connect`) or speaks over a control channel. */
import type { RowSource } from "../rows.ts";
import type { RpcClient } from "./rpc-client.ts";

export interface Session {
  /** Requests: see `calls.ts` for the usual ones. */
  readonly client: RpcClient;
  /** Rows of the machine's tables: `await session.rows("process")`. */
  readonly rows: RowSource;
  /**
   * Ends the session: calls in flight reject, streams that it holds are closed, process owners that it made are
   * ended with their processes, and processes that it started without an owner lose who waits for them. Calling it again is
   * harmless.
   */
  close(): Promise<void>;
}
