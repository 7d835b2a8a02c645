/** What both hosts export. */

export type {
  Attachment,
  CallOptions,
  CallSpec,
  CharacterDeviceEntry,
  DirectoryEntry,
  DirectoryItem,
  EntryAttributes,
  ExitStatus,
  FifoEntry,
  FileEntry,
  FileKind,
  FileStat,
  HardLinkEntry,
  LayerEntry,
  LazyFileEntry,
  MkdirOptions,
  PathLike,
  ProcessInfo,
  RmOptions,
  RpcClient,
  SignalName,
  SymlinkEntry,
  WhiteoutEntry,
  WriteFileOptions,
} from "@foreshore/abi";
export {
  AbiMismatch,
  AttachError,
  DEFAULT_ENV,
  decodeText,
  encodeText,
  exitStatus,
  MachineFailed,
  MachineStartError,
  MachineStopped,
  RequestTimeout,
  RpcProtocolError,
  SystemError,
  signalName,
  signalNumber,
  TERMINAL_ENV,
} from "@foreshore/abi";
export type { RuntimeAttachment } from "./attachment.ts";
export { type BlobSource, blobSource, bytesSource } from "./blobs.ts";
export type { ControlConnection } from "./control.ts";
export type { ControlEnd } from "./control-connection.ts";
export type { Diagnostics, HartInfo, LiveDiagnostics, SlotUse } from "./diagnostics.ts";
export type { FileSystem } from "./fs.ts";
export type { LayerEntries, LayerOptions } from "./layers.ts";
export type { MachineState } from "./lifecycle.ts";
export type { RuntimeEvent, RuntimeOptions } from "./options.ts";
export type { OwnerOptions, ProcessOwner } from "./owner.ts";
export type { KernelSource, LogLevel } from "./platform.ts";
export type { Process, ProcessOutput, SpawnOptions, StdinOption, StdoutOption, Terminal } from "./process.ts";
export { RemoteMachine } from "./remote.ts";
