/**
 * A machine's memory in another worker or frame of the same process: rings of one's own, and views.
 *
 * The Runtime makes an `Attachment` and posts it; whoever gets it calls `connect`. It is trusted as much as the
 * machine's own workers: it could as well write to the memory.
 */
import { ClientSlot, ClientState, type MachineHeader, type SideVersion, type SlotHandleData } from "../../ts/index.ts";
import { AttachError, checkedHeader, clientAddress, MachineView } from "../attach.ts";
import { Mem } from "../core/mem.ts";
import { memoryRows } from "../memory-rows.ts";
import type { RowSource } from "../rows.ts";
import { versionMismatch } from "../version.ts";
import { handshake } from "./calls.ts";
import { SessionClosed } from "./errors.ts";
import { type KeepAlive, RpcClient, type RpcClientOptions } from "./rpc-client.ts";
import type { Session } from "./session.ts";
import { endOf, SharedTransport } from "./shared-transport.ts";

/** What another thread of the same process needs to use a machine; can be posted to it. For one `connect`. */
export interface Attachment {
  readonly memory: WebAssembly.Memory;
  /** What the machine speaks: compared before the memory is looked at. */
  readonly abi: SideVersion;
  /** The client slot whose rings these are. */
  readonly client: SlotHandleData;
  /** Where words of that slot lie, for who does not understand the others: a client of another ABI gives it back. */
  readonly words: AttachmentWords;
}

/** Byte addresses in the machine's memory. */
export interface AttachmentWords {
  /** SlotHeader.generation of the client slot. */
  readonly generation: number;
  /** ClientSlot.state. */
  readonly state: number;
  /** ClientSlot.connected. */
  readonly connected: number;
  /** MachineHeader.kernel_doorbell. */
  readonly doorbell: number;
}

/** Where they lie in a machine of these packages. */
export function attachmentWords(header: MachineHeader, index: number): AttachmentWords {
  const slot = new ClientSlot(header.$mem, clientAddress(header, index));
  const address = (word: number): number => word * Int32Array.BYTES_PER_ELEMENT;
  return {
    generation: address(slot.header.generationIndex()),
    state: address(slot.stateIndex()),
    connected: address(slot.connectedIndex()),
    doorbell: address(header.kernelDoorbellIndex()),
  };
}

export interface Connection extends Session {
  readonly view: MachineView;
}

export interface ConnectOptions {
  /** The machine has failed or stopped, or its Runtime took the rings back; all calls reject with the same error. */
  readonly onEnd?: (error: Error) => void;
  readonly onEvent?: RpcClientOptions["onEvent"];
}

/** How often `close` looks again whether the machine that is to free its rings has ended. */
const LOOK_MS = 200;
/** setInterval's largest delay. */
const LONG_MS = 2 ** 31 - 1;

/**
 * Connects to a machine by its attachment.
 * @throws AttachError another ABI (both are named), an attachment that is in use or was detached, or a host without
 *   Atomics.waitAsync; MachineStopped and MachineFailed when the machine has ended
 */
export async function connect(attachment: Attachment, options: ConnectOptions = {}): Promise<Connection> {
  let connection: MemoryConnection;
  try {
    connection = new MemoryConnection(attachment, options);
  } catch (error) {
    if (error instanceof AttachError && (error.kind === "abi" || error.kind === "host")) giveBack(attachment);
    throw error;
  }
  try {
    await handshake(connection.client);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

/** The attachment's client slot, claimed. */
function claim(attachment: Attachment, header: MachineHeader): ClientSlot {
  const { index, generation } = attachment.client;
  if (index >>> 0 !== index || index === 0 || index >= header.clientCount) {
    throw new AttachError("bounds", `the machine has no client slot ${index} for others`);
  }
  const slot = new ClientSlot(header.$mem, clientAddress(header, index));
  if (slot.header.generation !== generation || slot.state !== ClientState.Attached) {
    throw new AttachError("detached", "the attachment was closed or detached: ask the Runtime for a new one");
  }
  if (Atomics.compareExchange(header.$mem.u32, slot.connectedIndex(), 0, 1) !== 0) {
    throw new AttachError("used", "the attachment is in use already: each connection needs one of its own");
  }
  return slot;
}

/**
 * Nobody will connect by it, if nobody has: the machine frees the client slot, whatever version either speaks. An attachment of
 * another version may lack the words.
 */
function giveBack({ memory, client, words }: Partial<Attachment>): void {
  if (memory === undefined || client === undefined || words === undefined) return;
  const all = new Mem(memory).i32;
  const index = (address: number): number => address / Int32Array.BYTES_PER_ELEMENT;
  const generation = index(words.generation);
  const state = index(words.state);
  const connected = index(words.connected);
  const doorbell = index(words.doorbell);
  // What lies nowhere is no word of a machine.
  const places = [generation, state, connected, doorbell];
  if (!places.every((at) => Number.isInteger(at) && at >= 0 && at < all.length)) return;
  if (Atomics.load(all, generation) >>> 0 !== client.generation) return;
  // As `claim` does: who is connected by it already keeps it.
  if (Atomics.compareExchange(all, connected, 0, 1) !== 0) return;
  if (Atomics.compareExchange(all, state, ClientState.Attached, ClientState.Lost) !== ClientState.Attached) return;
  Atomics.add(all, doorbell, 1);
  Atomics.notify(all, doorbell);
}

function checkAbi(abi: SideVersion): void {
  const mismatch = versionMismatch(abi, "attachment's machine");
  if (mismatch !== undefined) throw new AttachError("abi", mismatch);
}

class MemoryConnection implements Connection {
  readonly client: RpcClient;
  readonly view: MachineView;
  readonly rows: RowSource;
  readonly #header: MachineHeader;
  readonly #slot: ClientSlot;
  readonly #generation: number;
  #closing: Promise<void> | undefined;

  constructor(attachment: Attachment, options: ConnectOptions) {
    checkAbi(attachment.abi);
    if (typeof Atomics.waitAsync !== "function") {
      throw new AttachError("host", "this host has no Atomics.waitAsync, without which nobody learns of an answer");
    }
    // As in the runtime's kernel-instance.ts: V8 leaves a memory that grew while it was received with its old size.
    if (attachment.memory instanceof WebAssembly.Memory) attachment.memory.grow(0);
    const mem = new Mem(attachment.memory);
    const header = checkedHeader(mem);
    this.#header = header;
    this.view = new MachineView(header);
    const ended = endOf(header);
    if (ended !== undefined) throw ended;
    this.#slot = claim(attachment, header);
    this.#generation = attachment.client.generation;
    const transport = new SharedTransport(mem, this.#slot.$base, { generation: this.#generation });
    this.client = new RpcClient(transport, {
      keepAlive: keepAlive(),
      onFailure: (error) => options.onEnd?.(error),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    });
    this.rows = async (kind, filter) => {
      const error = endOf(header) ?? (this.#closing === undefined ? undefined : new SessionClosed());
      if (error !== undefined) throw error;
      return memoryRows(this.view, kind, filter);
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.client.fail(new SessionClosed());
    const { i32, u32 } = this.#header.$mem;
    const state = this.#slot.stateIndex();
    if (this.#slot.header.generation !== this.#generation) return;
    if (Atomics.compareExchange(u32, state, ClientState.Attached, ClientState.Lost) !== ClientState.Attached) return;
    // From here on the rings are not ours. The kernel frees what we held and then the slot.
    Atomics.add(i32, this.#header.kernelDoorbellIndex(), 1);
    Atomics.notify(i32, this.#header.kernelDoorbellIndex());
    const alive = keepAlive();
    alive.ref();
    while (this.#slot.header.generation === this.#generation && endOf(this.#header) === undefined) {
      const wait = Atomics.waitAsync(i32, state, ClientState.Lost, LOOK_MS);
      if (wait.async) await wait.value;
    }
    alive.close();
  }
}

/** Waiting for a word of memory does not keep a host's event loop alive; a timer does. */
function keepAlive(): KeepAlive {
  let timer: ReturnType<typeof setInterval> | undefined;
  const unref = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    ref: () => {
      timer ??= setInterval(() => undefined, LONG_MS);
    },
    unref,
    close: unref,
  };
}
