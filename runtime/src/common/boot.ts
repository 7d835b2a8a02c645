/** From a compiled module to a booted machine. */
import { ABI, abiFits, abiText, Errno, errnoName, Fixed, type KernelExports, MachineHeader, Mem } from "@foreshore/abi";
import { instantiate, type KernelSink } from "./kernel-instance.ts";

/** Why a machine could not start; the Runtime makes a typed error of it. */
export type FailureKind = "abi" | "memory" | "boot" | "machine";

export interface BootOptions {
  readonly module: WebAssembly.Module;
  /** Maximum of the memory in 64 KiB pages; halved until the host grants it, down to `minPages`. */
  readonly maxPages: number;
  readonly minPages: number;
  readonly harts: number;
  readonly clients: number;
  /** The machine's base on the clock of `absoluteMs`. */
  readonly baseMs: number;
  /** CLOCK_REALTIME at the base, in ns since the epoch. */
  readonly realtimeNs: bigint;
}

/** A failure with the kind that the Runtime turns into a type. */
export class StartFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface BootedMachine {
  readonly memory: WebAssembly.Memory;
  readonly mem: Mem;
  readonly kernel: KernelExports;
  readonly header: MachineHeader;
  readonly maxPages: number;
}

/** What the kernel's own data and tables want at link time; a larger need is found by trying. */
const FIRST_INITIAL_PAGES = 64;

/** Makes the memory, instantiates the kernel on it and boots the machine. */
export async function bootMachine(start: BootOptions, sink: KernelSink): Promise<BootedMachine> {
  const { memory, maxPages, kernel } = await makeInstance(start, sink);
  kernel._initialize();
  const result = kernel.kernel_boot(maxPages, start.harts, start.clients, start.realtimeNs);
  const mem = new Mem(memory);
  checkHeader(mem, result);
  return { memory, mem, kernel, header: new MachineHeader(mem, Fixed.HeaderAddress), maxPages };
}

/** Hosts refuse large maxima (address space, policy): the half is tried, down to `minPages`. */
async function makeInstance(
  start: BootOptions,
  sink: KernelSink,
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
      return { memory, maxPages: maximum, kernel: await instantiate(start.module, memory, start.baseMs, sink) };
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
  const ours = abiText(ABI);
  const theirs = abiText(header);
  const versioned = header.abiMajor !== 0 || header.abiMinor !== 0;
  if (versioned && !abiFits(header)) {
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

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
