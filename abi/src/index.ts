/** Foreshore's ABI: every number and layout of `abi/*.fbs`, and views of a machine's memory. */
export * from "../ts/index.ts";
export {
  AttachError,
  type AttachErrorKind,
  attach,
  checkedHeader,
  clientAddress,
  MachineView,
  type SlotOutcome,
  SlotReader,
} from "./attach.ts";
export * from "./client/index.ts";
// Names real-time signals, too, which the generated function of this name does not.
export { signalName } from "./client/wait-status.ts";
export * from "./control/index.ts";
export { Mem, type MemSource, memOf } from "./core/mem.ts";
export { enumName, flagNames } from "./core/names.ts";
export type { Arena, BytesWriter, Caller, RequestBytes, RequestRules } from "./core/request.ts";
export { TableError, type TableFaultName, type TableLimits, type TableShape } from "./core/table.ts";
export * from "./core/text.ts";
export * from "./files/index.ts";
export { memoryRows } from "./memory-rows.ts";
export { processTable } from "./processes.ts";
export { ROW_KINDS } from "./row-tables.ts";
export type {
  CacheRow,
  FdRow,
  HartRow,
  MemoryRow,
  MountRow,
  OfdRow,
  PipeRow,
  ProcessStatus,
  RowFilter,
  RowKind,
  RowSource,
  Rows,
  RowTypes,
  SocketRow,
  ThreadRow,
  VmaRow,
} from "./rows.ts";
export { inet6Text } from "./socket-address.ts";
export { readStatus, type StatusRecords } from "./status.ts";
export { ABI, abiText, layoutText, versionMismatch, versionOf } from "./version.ts";
