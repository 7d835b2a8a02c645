/** Small modules with a kernel's imports and exports, for what a sound kernel never does. */
import {
  AbiVersion,
  ClientSlot,
  Fixed,
  HartSlot,
  LayoutHashHi,
  LayoutHashLo,
  MachineHeader,
  SlotKind,
  SlotTable,
} from "@foreshore/abi";
import binaryen from "binaryen";

export interface WatKernelOptions {
  readonly major?: number;
  readonly layoutHashLo?: number;
  readonly magic?: number;
  /** What kernel_boot answers. */
  readonly bootResult?: number;
  /** Instructions of hart_run and kernel_service: each leaves an i32. */
  readonly hartRun?: string;
  readonly service?: string;
  /** Instructions of kernel_service once client 0 has asked for something, before the others; it looks each millisecond. */
  readonly onRequest?: string;
  /** Initial pages that the module wants. */
  readonly initialPages?: number;
  /** Leaves an export out. */
  readonly without?: string;
}

const header = (name: keyof typeof MachineHeader.OFFSET): number => Fixed.HeaderAddress + MachineHeader.OFFSET[name];
const table = (kind: number, name: keyof typeof SlotTable.OFFSET): number =>
  header("tables") + kind * SlotTable.SIZE + SlotTable.OFFSET[name];

const CLIENT = 2 * 65536;
const HARTS = 3 * 65536;
const RINGS = 4 * 65536;
const RING = Fixed.RingEntries * Fixed.RingEntryBytes;
const ARENA_BYTES = 65536;

/** The module's bytes. Its hart_run and kernel_service idle unless the options say otherwise. */
export function watKernel(options: WatKernelOptions = {}): Uint8Array<ArrayBuffer> {
  const store = (addr: number, value: number): string => `(i32.store (i32.const ${addr}) (i32.const ${value | 0}))`;
  const store16 = (addr: number, value: number): string => `(i32.store16 (i32.const ${addr}) (i32.const ${value}))`;
  const client = (name: keyof typeof ClientSlot.OFFSET): number => CLIENT + ClientSlot.OFFSET[name];
  const exported = (name: string): string => (options.without === name ? "" : `(export "${name}")`);
  const text = `(module
    (import "env" "memory" (memory ${options.initialPages ?? 8} 65536 shared))
    (import "host" "now" (func $now (result f64)))
    (global $sp ${exported("__stack_pointer")} (mut i32) (i32.const 65536))
    (func ${exported("_initialize")})
    (func ${exported("kernel_boot")} (param i32 i32 i32 i64) (result i32)
      ${store16(header("abiMajor"), options.major ?? AbiVersion.Major)}
      ${store16(header("abiMinor"), AbiVersion.Minor)}
      ${store(header("layoutHashLo"), options.layoutHashLo ?? LayoutHashLo)}
      ${store(header("layoutHashHi"), LayoutHashHi)}
      (i32.store (i32.const ${header("hartCount")}) (local.get 1))
      ${store(table(SlotKind.Client, "base"), CLIENT)}
      ${store(table(SlotKind.Client, "stride"), ClientSlot.SIZE)}
      ${store(table(SlotKind.Hart, "base"), HARTS)}
      ${store(table(SlotKind.Hart, "stride"), HartSlot.SIZE)}
      ${store(client("submissionBase"), RINGS)}
      ${store(client("completionBase"), RINGS + RING)}
      ${store(client("arenaBase"), RINGS + 2 * RING)}
      ${store(client("arenaBytes"), ARENA_BYTES)}
      ${store(header("magic"), options.magic ?? Fixed.Magic)}
      (i32.const ${options.bootResult ?? 0}))
    (func ${exported("kernel_service")} (result i32)
      (if (i32.load (i32.const ${client("submissionTail")})) (then ${options.onRequest ?? ""}))
      ${options.service ?? "(i32.const 0)"})
    (func ${exported("kernel_prepare_sleep")} (result f64) (drop (call $now)) (f64.const ${options.onRequest === undefined ? -1 : 1}))
    (func ${exported("hart_run")} (param i32 i32) (result i32) ${options.hartRun ?? `(i64.store (i32.const ${HARTS + HartSlot.OFFSET.wakeAtNs}) (i64.const -1)) (i32.const 1)`}))`;
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  try {
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}
