/** The Foreshore SDK: machines, and where their files come from. Node's part is `@foreshore/sdk/node`. */

export { DEFAULT_ENV, TERMINAL_ENV } from "@foreshore/abi";
export type { MachineState, Process, ProcessOutput, RuntimeEvent, SpawnOptions } from "@foreshore/runtime";
export { describeProgram, PROGRAM_HEAD, type Program } from "./elf.ts";
export { type ApplyLayerOptions, applyLayer } from "./layers/apply.ts";
export {
  type DirectoryEntry,
  type EntryAttributes,
  type FifoEntry,
  type FileEntry,
  type HardLinkEntry,
  type LayerEntry,
  LayerError,
  type LayerSource,
  type LazyFileEntry,
  type SymlinkEntry,
} from "./layers/entry.ts";
export { type HttpLayerOptions, httpLayer } from "./layers/http.ts";
export { layerManifest, type ManifestBlobs, manifestLayer } from "./layers/manifest.ts";
export { Machine, type MachineOptions } from "./machine.ts";
export { TraceFormatter, type TraceFormatterOptions } from "./strace/format.ts";
export { Captured, decodeTrace, type Piece, type TraceEvent } from "./strace/record.ts";
export { accessBytes, type RandomAccess } from "./tar/access.ts";
export { tarLayer } from "./tar/layer.ts";
export { type LinkOptions, linkTerminal, type TerminalEmulator } from "./terminal/link.ts";
export { OscFilter } from "./terminal/osc-filter.ts";
