/**
 * The machine's side of the control channel: each connection is a client of its own, driven by frames.
 *
 * Nothing that a peer sends can cost more than its own connection: frames are bounded, no more is in flight than Control
 * says, what it does not read holds up only itself, and what it leaves behind is taken back. One that says nothing takes no
 * client slot that another needs. Requests are trusted: a peer that reaches the channel may read and write files, start
 * programs and signal every process.
 */
import type { Duplex } from "@foreshore/abi";
import { ClientSlots } from "./client-slots.ts";
import { Connection, type ControlEnd, type ControlLog, type ControlMachine } from "./control-connection.ts";

export interface ControlConnection {
  /** Settles when the connection has ended and what it held is given back. */
  readonly ended: Promise<ControlEnd>;
  /** Hangs up. */
  close(): Promise<void>;
}

/** Connections that have not said hello: with one more, the oldest of them is hung up on. */
const MAX_WAITING = 32;
/** Connections in all: with one more, the one that was idle for longest and holds nothing is hung up on. */
const MAX_CONNECTIONS = 256;

/** Takes connections for one machine. */
export class ControlServer {
  readonly #machine: ControlMachine;
  readonly #log: ControlLog;
  /** Who came first is first. */
  readonly #connections = new Set<Connection>();
  readonly #waiting = new Set<Connection>();
  readonly #slots: ClientSlots;

  constructor(machine: ControlMachine, log: ControlLog) {
    this.#machine = machine;
    this.#log = log;
    this.#slots = new ClientSlots(machine.client);
  }

  /** Connections that are open. */
  get size(): number {
    return this.#connections.size;
  }

  serve(duplex: Duplex): ControlConnection {
    if (this.#waiting.size >= MAX_WAITING) for (const oldest of [...this.#waiting].slice(0, 1)) oldest.hangUp();
    const full = this.#connections.size >= MAX_CONNECTIONS;
    const silent = full ? [...this.#connections].find(({ idle }) => idle) : undefined;
    silent?.hangUp();
    const busy = full && silent === undefined;
    const connection = new Connection(this.#machine, this.#slots, this.#log, duplex, busy);
    this.#connections.add(connection);
    this.#waiting.add(connection);
    const ended = connection
      .run(() => this.#waiting.delete(connection))
      .finally(() => {
        this.#waiting.delete(connection);
        this.#connections.delete(connection);
      });
    return {
      ended,
      close: async () => {
        connection.hangUp();
        await ended;
      },
    };
  }

  /** Frees the client slot of a connection that is idle and holds nothing; false when there is none. */
  freeIdleSlot(): Promise<boolean> {
    return this.#slots.freeIdleSlot();
  }

  /** The machine has ended: each connection is told why, and ends. */
  async end(error: Error): Promise<void> {
    const all = [...this.#connections];
    for (const connection of all) connection.end(error);
    await Promise.allSettled(all.map((connection) => connection.ended));
  }
}
