/**
 * What a file layer is made of, and what a resolver has to offer.
 *
 * A layer is a tree of files that is put into a machine at once. Its metadata
 * is there from the start; contents may be lazy: bytes come in when a guest
 * touches them. Where they come from is the business of a `LayerSource`.
 */

/** Attributes that every entry may have. */
export interface EntryAttributes {
  /** Absolute or relative to the layer's root; `.` and empty parts are dropped, `..` is refused. */
  path: string;
  /** Permission bits, 0 to 0o7777. Default: 0o644 for files, 0o755 for directories. */
  mode?: number;
  /** Default 0. */
  uid?: number;
  /** Default 0. */
  gid?: number;
  /** Modification time in milliseconds since 1970, fractions allowed. Default: now. */
  mtimeMs?: number;
}

/** A file whose bytes are in memory. */
export interface FileEntry extends EntryAttributes {
  kind?: "file";
  /** A string stands for its UTF-8 bytes. */
  data: Uint8Array | string;
}

/** A file whose bytes `LayerSource.read` gives when they are needed. */
export interface LazyFileEntry extends EntryAttributes {
  kind: "lazy";
  /** Any name; only the source that gave the entry understands it. */
  blob: string;
  /** Where the file begins in the blob, in bytes. Default 0. */
  position?: number;
  /** Size of the file in bytes. */
  size: number;
}

export interface DirectoryEntry extends EntryAttributes {
  kind: "directory";
}

export interface SymlinkEntry extends EntryAttributes {
  kind: "symlink";
  /** As symlink(2) takes it: kept as it is, never resolved here. */
  target: string;
}

/** A further name of a file that came earlier in the same layer. */
export interface HardLinkEntry extends EntryAttributes {
  kind: "hardlink";
  /** Path of the earlier entry, as in `path`. */
  target: string;
}

/** A named pipe, see mkfifo(3). */
export interface FifoEntry extends EntryAttributes {
  kind: "fifo";
}

export type LayerEntry = FileEntry | LazyFileEntry | DirectoryEntry | SymlinkEntry | HardLinkEntry | FifoEntry;

/**
 * A resolver: where a layer's files come from. Only `name` and `entries` are
 * needed; a source with lazy files also has `read`.
 */
export interface LayerSource {
  /** Says in messages which layer is meant. */
  readonly name: string;
  /**
   * All entries; asked once per machine. Any order, except that hard links
   * follow what they link to. Directories that no entry names are made (0755,
   * root). Of two entries with one path the later counts.
   */
  entries(): Iterable<LayerEntry> | AsyncIterable<LayerEntry>;
  /**
   * `length` bytes at `position` of `blob`. Fewer bytes, or a throw, make the
   * guest's access fail with EIO. Several reads may be under way at a time.
   */
  read?(blob: string, position: number, length: number): Promise<Uint8Array>;
  /** What a user should know once `entries` has ended: one sentence each. */
  notes?(): string[];
  /** Called once, when the machine is gone. */
  close?(): Promise<void> | void;
}

/** A layer that cannot be used, or a part of it that cannot be read. */
export class LayerError extends Error {
  /** Name of the error number that a guest gets for it. */
  readonly code: string;

  constructor(message: string, options: { code?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LayerError";
    this.code = options.code ?? "EINVAL";
  }
}
