/** What a machine is started with, and the events that it reports. */
import { Limit, MachineStartError, syscallName, type UnsupportedSyscallEventData } from "@foreshore/abi";
import type { KernelSource, LogLevel, Platform } from "./platform.ts";

export interface RuntimeOptions {
  /** Workers that run guest threads. Default: the host's logical processors, at most Limit.Harts. */
  readonly harts?: number | undefined;
  /** Maximum of the machine's memory in MiB, 64 to 4096. Default 1024; halved when the host refuses it. */
  readonly memory?: number | undefined;
  /** Default: the kernel that comes with the package. */
  readonly kernel?: KernelSource | undefined;
  /** Script of the workers. Default: the one that comes with the package. With one of your own, `create` waits until it runs, so that it can refuse a wrong one. */
  readonly workerUrl?: string | URL | undefined;
  /** "message": one worker with a memory of its own. Default: "shared" where memory can be shared. */
  readonly transport?: "shared" | "message" | undefined;
  /** Lines of the kernel and of the runtime. Default: warnings and errors to the host's error stream. */
  readonly log?: ((level: LogLevel, text: string) => void) | undefined;
  readonly onEvent?: ((event: RuntimeEvent) => void) | undefined;
  /** Guest instructions per call of hart_run. Default 300,000: one to two milliseconds. */
  readonly budgetInsns?: number | undefined;
  /** Aborting ends a start that is under way: `create` rejects with the reason. A machine that runs is not touched. */
  readonly signal?: AbortSignal | undefined;
}

export type RuntimeEvent =
  /** A system call, ioctl or option that the kernel does not have: reported once per number. */
  | {
      readonly type: "unsupported-syscall";
      readonly pid: number;
      readonly number: number;
      readonly name: string;
      readonly args: readonly bigint[];
    }
  /** A TraceRecord with its pieces (abi/trace.fbs), not always in the order of `sequence`: see `setTrace`. */
  | { readonly type: "trace"; readonly record: Uint8Array };

/** RuntimeOptions with their defaults, checked. */
export interface HostOptions {
  readonly harts: number;
  /** Maximum of the memory in MiB. */
  readonly memoryMiB: number;
  readonly kernel: KernelSource | undefined;
  readonly workerUrl: string | URL | undefined;
  readonly transport: "shared" | "message";
  readonly budgetInsns: number;
  readonly signal: AbortSignal | undefined;
  log(level: LogLevel, text: string): void;
  emit(event: RuntimeEvent): void;
}

const DEFAULT_MEMORY_MIB = 1024;
/** Below this a kernel does not even boot. */
export const MIN_MEMORY_MIB = 64;
const MAX_MEMORY_MIB = 4096;
const DEFAULT_BUDGET_INSNS = 300_000;

/** @throws RangeError for a number that makes no sense; MachineStartError for a transport that is not to be had here */
export function hostOptions(platform: Platform, options: RuntimeOptions): HostOptions {
  const { kernel, workerUrl, log, onEvent, signal } = options;
  const transport = options.transport ?? (platform.canShareMemory ? "shared" : "message");
  if (transport === "shared" && !platform.canShareMemory) {
    throw new MachineStartError(
      "memory cannot be shared here: serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or leave `transport` out",
    );
  }
  const harts = checked("harts", options.harts ?? Math.min(platform.cores, Limit.Harts), 1, Limit.Harts);
  return {
    harts: transport === "message" ? 1 : harts,
    memoryMiB: checked("memory", options.memory ?? DEFAULT_MEMORY_MIB, MIN_MEMORY_MIB, MAX_MEMORY_MIB),
    budgetInsns: checked("budgetInsns", options.budgetInsns ?? DEFAULT_BUDGET_INSNS, 1, 2 ** 31 - 1),
    transport,
    kernel,
    workerUrl,
    signal,
    log: log ?? ((level, text) => platform.log(level, text)),
    emit: onEvent ?? (() => undefined),
  };
}

function checked(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(`${name} is ${value}; it is a whole number from ${min} to ${max}`);
  return value;
}

/** The event that the application gets for a kernel's entry. */
export function unsupportedSyscall({ pid, number, args }: UnsupportedSyscallEventData): RuntimeEvent {
  const name = syscallName(number).replace(/^SYS_/, "");
  return { type: "unsupported-syscall", pid, number, name, args: [...args] };
}
