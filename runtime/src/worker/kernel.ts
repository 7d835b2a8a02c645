/** The kernel worker: makes the memory, boots the machine, then serves rings and timers. */
import {
  AbiVersion,
  BootState,
  ClientSlot,
  Errno,
  errnoName,
  Fixed,
  LayoutHashHi,
  LayoutHashLo,
  MachineHeader,
  Mem,
  SlotKind,
} from "@foreshore/abi";
import type { FailureKind, StartKernel } from "../common/worker-protocol.ts";
import { instantiate, type KernelExports } from "./instance.ts";
import type { WorkerPort } from "./port.ts";

/** A failure with the kind that the Runtime turns into a type. */
export class StartFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface Machine {
  readonly memory: WebAssembly.Memory;
  readonly mem: Mem;
  readonly kernel: KernelExports;
  readonly header: MachineHeader;
  readonly maxPages: number;
}

/** What the kernel's own data and tables want at link time; a larger need is found by trying. */
const FIRST_INITIAL_PAGES = 64;

/** Makes the memory, instantiates the kernel on it and boots the machine. */
export async function bootMachine(start: StartKernel, port: WorkerPort): Promise<Machine> {
  const { memory, maxPages, kernel } = await makeInstance(start, port);
  kernel._initialize();
  const result = kernel.kernel_boot(maxPages, start.harts, start.clients, start.realtimeNs);
  const mem = new Mem(memory);
  checkHeader(mem, result);
  return { memory, mem, kernel, header: new MachineHeader(mem, Fixed.HeaderAddress), maxPages };
}

/** Hosts refuse large maxima (address space, policy): the half is tried, down to `minPages`. */
async function makeInstance(
  start: StartKernel,
  port: WorkerPort,
): Promise<{ memory: WebAssembly.Memory; maxPages: number; kernel: KernelExports }> {
  let initial = FIRST_INITIAL_PAGES;
  let maximum = start.maxPages;
  for (;;) {
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch (error) {
      const half = Math.floor(maximum / 2);
      if (half < start.minPages) {
        throw new StartFailure(
          "memory",
          `the host refuses a shared memory of at most ${maximum / 16} MiB: ${messageOf(error)}`,
        );
      }
      maximum = half;
      continue;
    }
    try {
      return { memory, maxPages: maximum, kernel: await instantiate(start.module, memory, start.baseMs, port) };
    } catch (error) {
      // The module declares how much memory it wants at first; no host lets us ask for that number.
      if (!(error instanceof WebAssembly.LinkError) || initial * 2 > maximum) {
        throw new StartFailure("abi", `the kernel module cannot be linked: ${messageOf(error)}`);
      }
      initial *= 2;
    }
  }
}

/** Compares magic, version and layout before anything else of the header is believed. */
function checkHeader(mem: Mem, bootResult: number): void {
  const header = new MachineHeader(mem, Fixed.HeaderAddress);
  const ours = abiText(AbiVersion.Major, AbiVersion.Minor, LayoutHashHi, LayoutHashLo);
  const theirs = abiText(header.abiMajor, header.abiMinor, header.layoutHashHi, header.layoutHashLo);
  const versioned = header.abiMajor !== 0 || header.abiMinor !== 0;
  const same =
    header.abiMajor === AbiVersion.Major &&
    header.layoutHashHi === LayoutHashHi &&
    header.layoutHashLo === LayoutHashLo;
  if (versioned && !same) {
    throw new StartFailure(
      "abi",
      `this runtime speaks ABI ${ours}, the kernel module ${theirs}: use a kernel.wasm of the same release`,
    );
  }
  if (bootResult !== Errno.OK) {
    throw new StartFailure("boot", `kernel_boot failed with ${errnoName(Math.abs(bootResult))}`);
  }
  if (header.magic !== Fixed.Magic) {
    throw new StartFailure(
      "abi",
      `no Foreshore machine was booted (magic ${header.magic.toString(16)}); this runtime speaks ABI ${ours}`,
    );
  }
  if (!versioned) throw new StartFailure("abi", `this runtime speaks ABI ${ours}, the kernel module names no version`);
}

function abiText(major: number, minor: number, hashHi: number, hashLo: number): string {
  const hex = (word: number): string => word.toString(16).padStart(8, "0");
  return `${major}.${minor} (layout ${hex(hashHi)}${hex(hashLo)})`;
}

/** Address of client slot `index`. */
export function clientAddress(header: MachineHeader, index: number): number {
  const table = header.tables(SlotKind.Client);
  return table.base + index * table.stride;
}

/** Serves rings and timers until the machine stops; blocks this worker between. */
export function serve(machine: Machine): void {
  const { kernel, header, mem } = machine;
  const doorbell = header.kernelDoorbellIndex();
  while (header.bootState !== BootState.Stopping) {
    // Read before the work: whoever rings after this point makes the wait below return at once.
    const seen = Atomics.load(mem.i32, doorbell);
    if (kernel.kernel_service() < 0) throw new Error("kernel_service reports a broken invariant");
    const ms = kernel.kernel_prepare_sleep();
    if (ms === 0) continue;
    Atomics.wait(mem.i32, doorbell, seen, ms < 0 ? Number.POSITIVE_INFINITY : ms);
    header.kernelSleeping = 0;
  }
}

export async function runKernel(start: StartKernel, port: WorkerPort): Promise<void> {
  const machine = await bootMachine(start, port);
  const arenaBytes = new ClientSlot(machine.mem, clientAddress(machine.header, 0)).arenaBytes;
  port.post({ type: "booted", memory: machine.memory, maxPages: machine.maxPages, arenaBytes });
  serve(machine);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
