/** A client of a machine whose memory it does not share: requests and state records over a byte stream or a MessagePort. */
import { ControlFault, ControlFrameKind, ControlQuery, SlotKind } from "../../ts/index.ts";
import type { MachineView } from "../attach.ts";
import { SessionClosed } from "../client/errors.ts";
import { FrameTransport } from "../client/frame-transport.ts";
import { RpcClient } from "../client/rpc-client.ts";
import type { Session } from "../client/session.ts";
import { memOf } from "../core/mem.ts";
import { memoryRows } from "../memory-rows.ts";
import { type RecordQuery, ROW_TABLES } from "../row-tables.ts";
import type { RowFilter, RowKind, RowSource, Rows } from "../rows.ts";
import type { Duplex } from "./duplex.ts";
import { ControlError, type FrameReader, FrameWriter, faultText, HEADER, newFrame } from "./frames.ts";
import { openChannel } from "./handshake.ts";
import { type RecordPages, recordView, stateOf } from "./records.ts";

export interface ControlOptions {
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal | undefined;
}

export class ControlClient implements Session {
  readonly client: RpcClient;
  /** Settles when the connection has ended: with why, undefined when `close` was called. */
  readonly closed: Promise<Error | undefined>;
  readonly #duplex: Duplex;
  readonly #writer: FrameWriter;
  readonly #transport: FrameTransport;
  readonly #queries = new Map<number, { resolve(page: Uint8Array): void; reject(error: Error): void }>();
  #lastQuery = 0;
  /** Why the connection has ended. */
  #why: Error | undefined;
  #resolveClosed: (error: Error | undefined) => void = () => undefined;

  private constructor(duplex: Duplex, arenaBytes: number) {
    this.#duplex = duplex;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#writer = new FrameWriter(duplex, (cause) =>
      this.#end(new ControlError("the control channel is gone", undefined, undefined, { cause })),
    );
    this.#transport = new FrameTransport(arenaBytes, { frame: (frame) => this.#writer.push(frame) });
    this.client = new RpcClient(this.#transport, { onFailure: (error) => this.#end(error) });
  }

  /**
   * Says hello and waits for the machine's.
   * @throws AbiMismatch when the versions do not fit, ControlError when the machine refuses or nobody answers in our language
   */
  static async open(duplex: Duplex, options: ControlOptions = {}): Promise<ControlClient> {
    const { reader, arenaBytes } = await openChannel(duplex, options.signal);
    const session = new ControlClient(duplex, arenaBytes);
    void session.#read(reader);
    return session;
  }

  /**
   * Slots of the kinds that are asked for, in a memory of their own: what `MachineView` and the rows read from a
   * machine's memory, they read here. Kinds that were not asked for are empty.
   * @throws ControlError when the connection ends, or the machine's answer makes no sense
   */
  async view(queries: readonly RecordQuery[]): Promise<MachineView> {
    const [header, ...tables] = await Promise.all([
      this.#query({ kind: SlotKind.None }, 0),
      ...queries.map((query) => this.#pages(query)),
    ]);
    return recordView(header as Uint8Array, tables as RecordPages[]);
  }

  /** Rows of the machine's tables, as they are read from shared memory. */
  readonly rows: RowSource = async <K extends RowKind>(kind: K, filter?: RowFilter): Promise<Rows<K>> => {
    const [header, ...tables] = await Promise.all([
      this.#query({ kind: SlotKind.None }, 0),
      ...ROW_TABLES[kind].map((query) => this.#pages(query)),
    ]);
    const pages = tables as RecordPages[];
    const { rows, changing } = memoryRows(recordView(header as Uint8Array, pages), kind, filter);
    let missed = changing;
    for (const page of pages.flatMap((table) => table.pages)) missed += stateOf(page).missed;
    return { rows, changing: missed };
  };

  /** Ends the connection: see Control in abi/README.md for what becomes of what it started. Calling it again is harmless. */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.closed;
  }

  async #pages(query: RecordQuery): Promise<RecordPages> {
    const pages: Uint8Array[] = [];
    for (let from = 0; ; ) {
      const page = await this.#query(query, from);
      pages.push(page);
      const { next } = stateOf(page);
      if (next === 0) return { kind: query.kind, pages };
      if (next <= from) throw new ControlError(`slots ${next} come after ${from}`);
      from = next;
    }
  }

  #query(query: RecordQuery, from: number): Promise<Uint8Array> {
    if (this.#why !== undefined) return Promise.reject(this.#why);
    this.#lastQuery = (this.#lastQuery + 1) >>> 0;
    const id = this.#lastQuery;
    const frame = newFrame(ControlFrameKind.Query, ControlQuery.SIZE);
    const { kind, filter = 0, most = 0 } = query;
    new ControlQuery(frame, HEADER).setData({ id, kind, filter, from, most });
    this.#writer.push(frame.u8);
    return new Promise((resolve, reject) => {
      this.#queries.set(id, { resolve, reject });
    });
  }

  async #read(reader: FrameReader): Promise<void> {
    try {
      for (;;) {
        const frame = await reader.next();
        if (frame === undefined) throw new ControlError("the machine has closed the control channel");
        this.#frame(frame.kind, frame.bytes);
      }
    } catch (error) {
      this.#end(error instanceof Error ? error : new ControlError(String(error)));
    }
  }

  #frame(kind: number, bytes: Uint8Array): void {
    switch (kind) {
      case ControlFrameKind.Outbound:
        this.#transport.receive(bytes);
        return;
      case ControlFrameKind.State: {
        const { id } = stateOf(bytes);
        const query = this.#queries.get(id);
        if (query === undefined) throw new ControlError(`an answer to query ${id}, which was not asked`);
        this.#queries.delete(id);
        query.resolve(bytes);
        return;
      }
      case ControlFrameKind.Fault: {
        if (bytes.length !== ControlFault.SIZE) throw new ControlError(`a fault of ${bytes.length} bytes`);
        const fault = new ControlFault(memOf(bytes), 0).toData();
        const { id, value } = fault;
        throw new ControlError(faultText(fault), fault.code as ControlError["fault"], undefined, { id, value });
      }
      default:
        throw new ControlError(`the machine sent a frame of kind ${kind}`);
    }
  }

  #end(error: Error | undefined): void {
    if (this.#why !== undefined) return;
    const why = error ?? new SessionClosed();
    this.#why = why;
    this.#writer.close();
    this.#duplex.close();
    this.client.fail(why);
    for (const query of this.#queries.values()) query.reject(why);
    this.#queries.clear();
    this.#resolveClosed(error);
  }
}
