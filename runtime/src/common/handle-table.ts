/** The handles that a control connection holds: what it has made in the machine, which only it may use. The kernel takes all of it back when the client goes. */
import {
  Errno,
  type KernelWorkerRequest,
  KernelWorkerRequestRules,
  killProcess,
  LayerMore,
  memOf,
  Opcode,
  type ReplyEvent,
  type RpcClient,
  Signal,
  SlotHandle,
  type SlotHandleData,
  SlotKind,
  StdioKind,
} from "@foreshore/abi";

/** A slot that the connection holds, so many times. */
interface Held {
  /** SlotKind. */
  readonly kind: number;
  readonly handle: SlotHandleData;
  times: number;
}

interface Child {
  readonly handle: SlotHandleData;
  readonly pid: number;
  started: boolean;
  /** It has a terminal of its own, which hangs up by itself when its master is closed. */
  readonly terminal: boolean;
}

const key = (kind: number, { index, generation }: SlotHandleData): string => `${kind}:${index}:${generation}`;

/** The slot that a field of a request names: its handle, or its index. */
function named(request: KernelWorkerRequest, field: string): SlotHandleData | number {
  return (request as unknown as Readonly<Record<string, SlotHandleData | number>>)[field] ?? 0;
}

export class HandleTable {
  readonly #held = new Map<string, Held>();
  /** Those of the held that are processes. */
  readonly #children = new Map<string, Child>();
  /** Batches of a layer are with the kernel, and more follow. */
  #layer = false;

  /** The kernel keeps nothing for the connection. */
  get empty(): boolean {
    return this.#held.size === 0 && !this.#layer;
  }

  /** The errno of a request that the connection may not make, undefined if it may: EPERM for requests of the host only; for a handle of another client the errno of one that is not there. */
  refusal(request: KernelWorkerRequest): number | undefined {
    const { host, own } = KernelWorkerRequestRules[request.opcode];
    if (host) return Errno.EPERM;
    return own.find(({ field, kind }) => !this.#holds(kind, named(request, field)))?.errno;
  }

  #holds(kind: number, slot: SlotHandleData | number): boolean {
    if (typeof slot !== "number") return this.#held.has(key(kind, slot));
    return slot === 0 || [...this.#held.values()].some((held) => held.kind === kind && held.handle.index === slot);
  }

  /** A request was answered; `bytes` are its reply's. */
  answered(request: KernelWorkerRequest, reply: ReplyEvent, bytes: Uint8Array): void {
    if (request.opcode === Opcode.ApplyFileLayer && (request.more !== LayerMore.Follow || reply.resultHi >= 0))
      this.#layer = request.more === LayerMore.Follow;
    if (reply.resultHi < 0) return;
    const { gives, takes } = KernelWorkerRequestRules[request.opcode];
    if (takes !== undefined) this.#drop(takes.kind, named(request, takes.field) as SlotHandleData);
    for (const { kind, offset } of gives)
      this.#hold(kind, (offset === undefined ? reply.handle : new SlotHandle(memOf(bytes), offset)).toData());
    if (request.opcode === Opcode.RegisterProcess) {
      const handle = reply.handle.toData();
      const terminal = request.stdin === StdioKind.Pty;
      this.#children.set(key(SlotKind.Process, handle), { handle, pid: reply.valueLo, started: false, terminal });
    } else if (request.opcode === Opcode.StartProcess) {
      const child = this.#children.get(key(SlotKind.Process, request.process));
      if (child !== undefined) child.started = true;
    }
  }

  #hold(kind: number, handle: SlotHandleData): void {
    if (handle.index === 0) return;
    const held = this.#held.get(key(kind, handle));
    if (held === undefined) this.#held.set(key(kind, handle), { kind, handle, times: 1 });
    else held.times++;
  }

  #drop(kind: number, handle: SlotHandleData): void {
    const held = this.#held.get(key(kind, handle));
    if (held === undefined || --held.times > 0) return;
    this.#held.delete(key(kind, handle));
    if (kind === SlotKind.Process) this.#children.delete(key(kind, handle));
  }

  /**
   * Hangs up on the processes that run: SIGHUP and SIGCONT to the group of each, as the end of a terminal does. Those
   * with a terminal of their own get that from the terminal. The kernel does the rest (DetachClient): streams are closed,
   * owners end with their processes, programs that never ran are removed, and a process that ignores the signal is reaped when it ends.
   */
  async hangUp(client: RpcClient): Promise<void> {
    const signals = [...this.#children.values()]
      .filter((child) => child.started && !child.terminal)
      .flatMap(({ handle, pid }) =>
        [Signal.SIGHUP, Signal.SIGCONT].map((signo) => killProcess(client, { process: handle, pid: -pid }, signo)),
      );
    // A process that is gone needs no signal.
    await Promise.allSettled(signals);
  }
}
