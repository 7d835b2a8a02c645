/** kernel.wasm and one hart on this thread: everything that a host owes a machine, and nothing else. */
import {
  checkedHeader,
  clientAddress,
  Errno,
  errnoName,
  HartExit,
  HartSlot,
  type KernelExports,
  type KernelHostImports,
  type MachineHeader,
  Mem,
  RpcClient,
  ServiceStatus,
  SharedTransport,
  SlotKind,
} from "@foreshore/abi";

const [FIRST_PAGES, MOST_PAGES] = [64, 8192]; // 4 MiB of memory at first, 512 MiB at most
const CLIENTS = 8;
const SLICE_INSNS = 200_000; // guest instructions between two looks at the rings
const NEVER_NS = 2 ** 62; // HartSlot.wake_at_ns above this means that no timer runs

export interface MiniMachine {
  readonly mem: Mem;
  readonly header: MachineHeader;
  /** Answers requests and runs guest code for a slice; false when there was nothing to do until a timer or a request. */
  turn(): boolean;
  /** Milliseconds until the next timer, Infinity for none. */
  untilTimerMs(): number;
}

/**
 * Boots a machine.
 * @throws AttachError when the module is a kernel of another ABI: its message names both versions
 */
export async function boot(module: WebAssembly.Module): Promise<MiniMachine> {
  const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared: true });
  const text = (address: number, length: number): string =>
    new TextDecoder().decode(new Uint8Array(memory.buffer).slice(address, address + length));
  const base = performance.now();
  const host: KernelHostImports = {
    now: () => (performance.now() - base) * 1e6,
    entropy: (address, length) =>
      new Uint8Array(memory.buffer).set(crypto.getRandomValues(new Uint8Array(length)), address),
    log: (_level, address, length) => console.error(`kernel: ${text(address, length)}`),
    trace: (address, length) => void console.error(text(address, length).trimEnd()),
    kick: () => undefined, // no client asks for it
  };
  const instance = await WebAssembly.instantiate(module, { env: { memory }, host: { ...host } });
  const kernel = instance.exports as unknown as KernelExports;
  kernel._initialize();
  const result = kernel.kernel_boot(MOST_PAGES, 1, CLIENTS, BigInt(Date.now()) * 1_000_000n);
  const mem = new Mem(memory);
  // Before any other byte, the result too: a kernel of another ABI may mean another thing by it.
  const header = checkedHeader(mem);
  if (result !== Errno.OK) throw new Error(`kernel_boot: ${errnoName(-result)}`);

  const harts = header.tables(SlotKind.Hart);
  const hart = new HartSlot(mem, harts.base);
  // The kernel worker and the hart take turns on this thread, each on a stack of its own.
  const kernelStack = kernel.__stack_pointer.value;
  return {
    mem,
    header,
    turn() {
      kernel.__stack_pointer.value = hart.stackTop;
      const exit = kernel.hart_run(0, SLICE_INSNS);
      if (exit !== HartExit.Budget && exit !== HartExit.Idle) throw new Error(`the hart stopped with exit ${exit}`);
      kernel.__stack_pointer.value = kernelStack;
      if (kernel.kernel_service() === ServiceStatus.Failed) throw new Error("the kernel reports a broken invariant");
      const sleepMs = kernel.kernel_prepare_sleep();
      header.kernelSleeping = 0;
      return exit === HartExit.Budget || sleepMs === 0 || hart.doorbell !== hart.doorbellSeen;
    },
    untilTimerMs() {
      const at = hart.wakeAtNsHi * 2 ** 32 + hart.wakeAtNsLo;
      return at > NEVER_NS ? Number.POSITIVE_INFINITY : Math.max(0, at / 1e6 - (performance.now() - base));
    },
  };
}

/** Client 0 of the machine, and turns of the event loop for as long as it has something to do. */
export function run(machine: MiniMachine): RpcClient {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let turning = false;
  const turn = (): void => {
    turning = false;
    try {
      const busy = machine.turn();
      transport.kicked();
      const ms = busy ? 0 : machine.untilTimerMs();
      if (busy) schedule();
      else if (ms !== Number.POSITIVE_INFINITY) timer = setTimeout(schedule, ms);
    } catch (error) {
      client.fail(error as Error);
    }
  };
  const schedule = (): void => {
    clearTimeout(timer);
    if (!turning) setImmediate(turn);
    turning = true;
  };
  const transport = new SharedTransport(machine.mem, clientAddress(machine.header, 0), { inPlace: schedule });
  const client = new RpcClient(transport);
  return client;
}
