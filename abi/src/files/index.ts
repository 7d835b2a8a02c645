/** A machine's files by requests: for every frontend that has an RpcClient. */
export { MAX_FILE_MS } from "./attributes.ts";
export { Files, type MkdirOptions, type RmOptions, type WriteFileOptions } from "./files.ts";
export {
  type CharacterDeviceEntry,
  type DirectoryEntry,
  type EntryAttributes,
  type FifoEntry,
  type FileEntry,
  fileRecords,
  type HardLinkEntry,
  type LayerEntry,
  type LazyFileEntry,
  type PackedEntry,
  packEntry,
  type SymlinkEntry,
  type WhiteoutEntry,
} from "./records.ts";
export { type DirectoryItem, type FileKind, type FileStat, fileStat } from "./stat.ts";
