/** What a control connection has made in the machine: only it may use that. The kernel takes it back when the client goes. */
import {
  Errno,
  type KernelWorkerRequest,
  killProcess,
  memOf,
  Opcode,
  RegisterProcessReply,
  type ReplyEvent,
  type RpcClient,
  Signal,
  type SlotHandleData,
  StdioKind,
} from "@foreshore/abi";

interface Child {
  readonly handle: SlotHandleData;
  readonly pid: number;
  started: boolean;
  /** It has a terminal of its own, which hangs up by itself when its master is closed. */
  readonly terminal: boolean;
}

/** ApplyFileLayerRequest.more: further batches follow. */
const MORE_FOLLOW = 1;

const key = ({ index, generation }: SlotHandleData): string => `${index}:${generation}`;

export class Belongings {
  readonly #children = new Map<string, Child>();
  /** Ends of streams, and how often each is held. */
  readonly #streams = new Map<string, number>();
  readonly #owners = new Map<string, SlotHandleData>();
  /** Batches of a layer are with the kernel, and more follow. */
  #layer = false;

  /** The kernel keeps nothing for the connection. */
  get empty(): boolean {
    return this.#children.size + this.#streams.size + this.#owners.size === 0 && !this.#layer;
  }

  /** The errno of what a connection may not ask: EPERM for what is the host's, the one for what is not there when it names what others made. */
  refusal(request: KernelWorkerRequest): number | undefined {
    switch (request.opcode) {
      case Opcode.StreamRead:
      case Opcode.StreamWrite:
      case Opcode.StreamPoll:
      case Opcode.StreamClose:
      case Opcode.ResizeTerminal:
        return this.#streams.has(key(request.ofd)) ? undefined : Errno.EBADF;
      case Opcode.StartProcess:
      case Opcode.WaitProcess:
        return this.#children.has(key(request.process)) ? undefined : Errno.ESRCH;
      case Opcode.CloseOwner:
        return this.#owners.has(key(request.owner)) ? undefined : Errno.ESRCH;
      case Opcode.RegisterProcess:
        // A program that is not this client's is refused by the kernel.
        if (request.owner === 0) return undefined;
        return [...this.#owners.values()].some((owner) => owner.index === request.owner) ? undefined : Errno.ESRCH;
      // They name nothing of another connection's, or what everybody may use: files, any process's pid or handle to signal, counters. A
      // new opcode does not compile before it is decided here.
      case Opcode.Noop:
      case Opcode.KernelInit:
      case Opcode.WriteFile:
      case Opcode.WriteFiles:
      case Opcode.ApplyFileLayer:
      case Opcode.Symlink:
      case Opcode.ReadFile:
      case Opcode.Readlink:
      case Opcode.Mkdir:
      case Opcode.Stat:
      case Opcode.Readdir:
      case Opcode.Unlink:
      case Opcode.Rename:
      case Opcode.Chmod:
      case Opcode.KillProcess:
      case Opcode.ResumeBlockedSyscall:
      case Opcode.Cancel:
      case Opcode.Processes:
      case Opcode.Diagnostics:
      case Opcode.CreateOwner:
      case Opcode.MakeMemfd:
      case Opcode.SetTrace:
        return undefined;
      // The host's alone.
      case Opcode.AttachClient:
      case Opcode.DetachClient:
      case Opcode.BlobFilled:
        return Errno.EPERM;
      default:
        return request satisfies never;
    }
  }

  /** A request was answered; `bytes` are its reply's. */
  answered(request: KernelWorkerRequest, reply: ReplyEvent, bytes: Uint8Array): void {
    if (request.opcode === Opcode.ApplyFileLayer && (request.more !== MORE_FOLLOW || reply.resultHi >= 0))
      this.#layer = request.more === MORE_FOLLOW;
    if (reply.resultHi < 0) return;
    switch (request.opcode) {
      case Opcode.RegisterProcess:
        this.#registered(new RegisterProcessReply(memOf(bytes), 0), request.stdin === StdioKind.Pty);
        break;
      case Opcode.StartProcess: {
        const child = this.#children.get(key(request.process));
        if (child !== undefined) child.started = true;
        break;
      }
      case Opcode.WaitProcess:
        this.#children.delete(key(request.process));
        break;
      case Opcode.MakeMemfd:
        this.#streams.set(key(reply.handle.toData()), 1);
        break;
      case Opcode.StreamClose: {
        const held = this.#streams.get(key(request.ofd)) ?? 0;
        if (held > 1) this.#streams.set(key(request.ofd), held - 1);
        else this.#streams.delete(key(request.ofd));
        break;
      }
      case Opcode.CreateOwner: {
        const owner = reply.handle.toData();
        this.#owners.set(key(owner), owner);
        break;
      }
      case Opcode.CloseOwner:
        this.#owners.delete(key(request.owner));
        break;
    }
  }

  #registered(reply: RegisterProcessReply, terminal: boolean): void {
    const handle = reply.process.toData();
    this.#children.set(key(handle), { handle, pid: reply.pid, started: false, terminal });
    const ends = [
      { index: reply.stdin, generation: reply.stdinGeneration },
      { index: reply.stdout, generation: reply.stdoutGeneration },
      { index: reply.stderr, generation: reply.stderrGeneration },
    ];
    for (const ofd of ends) {
      if (ofd.index !== 0) this.#streams.set(key(ofd), (this.#streams.get(key(ofd)) ?? 0) + 1);
    }
  }

  /**
   * Hangs up on the processes that run: SIGHUP and SIGCONT to the group of each, as a terminal that goes away does. Those
   * with a terminal of their own get that from the terminal. The rest is the kernel's (DetachClient): streams are closed,
   * owners end with their processes, programs that never ran go, and who ignores the signal is reaped when it ends.
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
