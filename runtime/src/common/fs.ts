/** The machine's files, as `runtime.fs`. Paths are absolute, seen from the machine's root. */
import {
  AtFlag,
  align8,
  type CallOptions,
  dataBytes,
  decodeText,
  encodeText,
  Opcode,
  OpenFlag,
  type PathLike,
  pathBytes,
  pathText,
  type RpcClient,
  RpcProtocolError,
  Stat,
  SystemError,
} from "@foreshore/abi";
import type { BlobSources } from "./blobs.ts";
import { type LayerEntries, type LayerOptions, LayerWriter } from "./layers.ts";
import { type DirectoryItem, directoryItems, type FileStat, fileStat } from "./stat.ts";

export interface WriteFileOptions extends CallOptions {
  /** Permission bits of a new file. Default 0o644. */
  readonly mode?: number | undefined;
  /** Write behind the end instead of replacing the contents. */
  readonly append?: boolean | undefined;
  /** Fail with EEXIST when the file is there. */
  readonly exclusive?: boolean | undefined;
}

export interface MkdirOptions extends CallOptions {
  /** Default 0o755. */
  readonly mode?: number | undefined;
  /** Make missing parents; an existing directory is no error. */
  readonly recursive?: boolean | undefined;
}

export interface RmOptions extends CallOptions {
  readonly recursive?: boolean | undefined;
  /** A missing path is no error. */
  readonly force?: boolean | undefined;
}

/** Reads file contents without a request where it can: see published-view.ts. */
export interface FileReader {
  /** The contents, or undefined when only the kernel can tell. */
  read(path: Uint8Array): Uint8Array<ArrayBuffer> | undefined;
}

const NO_READER: FileReader = { read: () => undefined };
/** Bytes asked for at first: most files are smaller. */
const FIRST_READ_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;
/** Attempts at a file that changes between the requests for its parts; the last one counts. */
const READ_TRIES = 4;
const READDIR_BYTES = 32 * 1024;

export class FileSystem {
  readonly #client: RpcClient;
  readonly #layers: LayerWriter;
  readonly #reader: FileReader;

  constructor(client: RpcClient, blobs: BlobSources, reader: FileReader = NO_READER) {
    this.#client = client;
    this.#layers = new LayerWriter(client, blobs);
    this.#reader = reader;
  }

  /** Creates or replaces a file. Not atomic for other readers when it takes several requests. */
  async writeFile(path: PathLike, data: Uint8Array | string, options: WriteFileOptions = {}): Promise<void> {
    const bytes = dataBytes(data);
    const name = pathBytes(path);
    const chunk = this.#client.chunkBytes;
    const first = options.append === true ? OpenFlag.O_APPEND : OpenFlag.O_TRUNC;
    const exclusive = options.exclusive === true ? OpenFlag.O_EXCL : 0;
    const flags = OpenFlag.O_WRONLY | OpenFlag.O_CREAT | first | exclusive;
    await this.#writePart(name, bytes.subarray(0, chunk), 0, flags, options);
    if (bytes.length <= chunk) return;
    const later = OpenFlag.O_WRONLY | (options.append === true ? OpenFlag.O_APPEND : 0);
    if (options.append === true) {
      for (let at = chunk; at < bytes.length; at += chunk) {
        await this.#writePart(name, bytes.subarray(at, at + chunk), 0, later, options);
      }
      return;
    }
    const parts: Promise<void>[] = [];
    for (let at = chunk; at < bytes.length; at += chunk) {
      parts.push(this.#writePart(name, bytes.subarray(at, at + chunk), at, later, options));
    }
    await allOf(parts);
  }

  /** Writes all of `data`: of a machine that gets full, the next request says what is wrong. */
  async #writePart(
    path: Uint8Array,
    data: Uint8Array,
    position: number,
    openFlags: number,
    options: WriteFileOptions,
  ): Promise<void> {
    let done = await this.#writeSome(path, data, position, openFlags, options);
    const again = openFlags & ~(OpenFlag.O_TRUNC | OpenFlag.O_EXCL);
    while (done < data.length) {
      const written = await this.#writeSome(path, data.subarray(done), position + done, again, options);
      if (written === 0) throw new RpcProtocolError(`write-file answers 0 for ${data.length - done} bytes`);
      done += written;
    }
  }

  #writeSome(
    path: Uint8Array,
    data: Uint8Array,
    position: number,
    openFlags: number,
    options: WriteFileOptions,
  ): Promise<number> {
    const dataAt = align8(path.length);
    return this.#client.call(
      {
        syscall: "open",
        path: pathText(path),
        bytes: dataAt + data.length,
        encode: (at) => {
          this.#client.bytes(at, path.length).set(path);
          this.#client.bytes(at + dataAt, data.length).set(data);
          return {
            opcode: Opcode.WriteFile,
            flags: 0,
            requestId: 0,
            path: { offset: at, length: path.length },
            data: { offset: at + dataAt, length: data.length },
            position,
            openFlags,
            mode: options.mode ?? 0o644,
          };
        },
        decode: (written) => {
          if (written > data.length)
            throw new RpcProtocolError(`write-file answers ${written} for ${data.length} bytes`);
          return written;
        },
      },
      options,
    );
  }

  /** Reads a whole file; without a request when the published view has it. */
  async readFile(
    path: PathLike,
    options?: CallOptions & { readonly encoding?: undefined },
  ): Promise<Uint8Array<ArrayBuffer>>;
  async readFile(path: PathLike, options: CallOptions & { readonly encoding: "utf8" }): Promise<string>;
  async readFile(
    path: PathLike,
    options: CallOptions & { readonly encoding?: "utf8" | undefined } = {},
  ): Promise<Uint8Array | string> {
    const name = pathBytes(path);
    const bytes = this.#reader.read(name) ?? (await this.#readAll(name, options));
    return options.encoding === "utf8" ? decodeText(bytes) : bytes;
  }

  /** A file that is replaced while its parts are read is read anew, a few times. */
  async #readAll(path: Uint8Array, options: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    for (let tries = READ_TRIES; ; tries--) {
      const parts = await this.#readParts(path, options);
      if (tries > 1 && parts.some((part) => part.version !== parts[0]?.version)) continue;
      if (parts.length === 1) return parts[0]!.bytes;
      const all = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
      let at = 0;
      for (const { bytes } of parts) {
        all.set(bytes, at);
        at += bytes.length;
      }
      return all;
    }
  }

  async #readParts(path: Uint8Array, options: CallOptions): Promise<ReplyBytes[]> {
    const parts: ReplyBytes[] = [];
    let total = 0;
    for (let want = FIRST_READ_BYTES; ; want = Math.min(READ_BYTES, this.#client.chunkBytes)) {
      const part = await this.#readPart(path, total, want, options);
      parts.push(part);
      total += part.bytes.length;
      if (part.bytes.length === 0 || total >= part.size) return parts;
    }
  }

  /** Reads up to `length` bytes at `position`; fewer at the end of the file. */
  async readFileRange(
    path: PathLike,
    position: number,
    length: number,
    options: CallOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const name = pathBytes(path);
    const all = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const want = Math.min(length - filled, this.#client.chunkBytes);
      const { bytes } = await this.#readPart(name, position + filled, want, options);
      if (bytes.length === 0) break;
      all.set(bytes, filled);
      filled += bytes.length;
    }
    return filled === length ? all : all.slice(0, filled);
  }

  #readPart(path: Uint8Array, position: number, length: number, options: CallOptions): Promise<ReplyBytes> {
    return this.#withReply("open", path, length, options, (at, reply) => ({
      opcode: Opcode.ReadFile,
      flags: 0,
      requestId: 0,
      path: at,
      reply,
      position,
    }));
  }

  async readlink(path: PathLike, options: CallOptions = {}): Promise<string> {
    const { bytes } = await this.#withReply("readlink", pathBytes(path), 4096, options, (at, reply) => ({
      opcode: Opcode.Readlink,
      flags: 0,
      requestId: 0,
      path: at,
      reply,
    }));
    return decodeText(bytes);
  }

  /** A request with a path whose reply is `result` bytes. */
  #withReply(
    syscall: string,
    path: Uint8Array,
    length: number,
    options: CallOptions,
    entry: (path: Span, reply: Span) => ReplyingRequest,
  ): Promise<ReplyBytes> {
    const client = this.#client;
    const replyAt = align8(path.length);
    return client.call(
      {
        syscall,
        path: pathText(path),
        bytes: replyAt + length,
        encode: (at) => {
          client.bytes(at, path.length).set(path);
          return entry({ offset: at, length: path.length }, { offset: at + replyAt, length });
        },
        decode: (result, answer, at) => {
          if (result > length) throw new RpcProtocolError(`${syscall} answers ${result} bytes in a span of ${length}`);
          return {
            bytes: new Uint8Array(client.bytes(at + replyAt, result)),
            size: answer.valueHi * 2 ** 32 + answer.valueLo,
            version: `${answer.handle.index}.${answer.handle.generation}.${answer.value2Lo}`,
          };
        },
      },
      options,
    );
  }

  /** Follows symbolic links. */
  stat(path: PathLike, options: CallOptions = {}): Promise<FileStat> {
    return this.#stat("stat", path, 1, options);
  }

  /** Tells about a symbolic link itself. */
  lstat(path: PathLike, options: CallOptions = {}): Promise<FileStat> {
    return this.#stat("lstat", path, 0, options);
  }

  #stat(syscall: string, path: PathLike, follow: number, options: CallOptions): Promise<FileStat> {
    const client = this.#client;
    const name = pathBytes(path);
    const replyAt = align8(name.length);
    return client.call(
      {
        syscall,
        path: pathText(path),
        bytes: replyAt + Stat.SIZE,
        encode: (at) => {
          client.bytes(at, name.length).set(name);
          return {
            opcode: Opcode.Stat,
            flags: 0,
            requestId: 0,
            path: { offset: at, length: name.length },
            reply: { offset: at + replyAt, length: Stat.SIZE },
            follow,
          };
        },
        decode: (_result, _reply, at) => fileStat(new Stat(client.transport.mem, client.address(at + replyAt))),
      },
      options,
    );
  }

  /** Whether the path exists; links are followed. Errors other than ENOENT and ENOTDIR are thrown. */
  async exists(path: PathLike, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return false;
      throw error;
    }
  }

  /** Names in a directory, without `.` and `..`, in the directory's own order. */
  async readdir(path: PathLike, options: CallOptions = {}): Promise<DirectoryItem[]> {
    const client = this.#client;
    const name = pathBytes(path);
    const replyAt = align8(name.length);
    const items: DirectoryItem[] = [];
    let cookie = 0;
    for (;;) {
      const from = cookie;
      const page = await client.call(
        {
          syscall: "readdir",
          path: pathText(path),
          bytes: replyAt + READDIR_BYTES,
          encode: (at) => {
            client.bytes(at, name.length).set(name);
            return {
              opcode: Opcode.Readdir,
              flags: 0,
              requestId: 0,
              path: { offset: at, length: name.length },
              reply: { offset: at + replyAt, length: READDIR_BYTES },
              cookie: from,
            };
          },
          decode: (result, reply, at) => {
            if (result > READDIR_BYTES)
              throw new RpcProtocolError(`readdir answers ${result} bytes in a span of ${READDIR_BYTES}`);
            const { mem } = client.transport;
            return {
              bytes: result,
              next: reply.valueLo,
              items: directoryItems(mem, client.address(at + replyAt), result),
            };
          },
        },
        options,
      );
      if (page.bytes === 0) return items;
      items.push(...page.items);
      cookie = page.next;
    }
  }

  mkdir(path: PathLike, options: MkdirOptions = {}): Promise<void> {
    const parents = options.recursive === true ? 1 : 0;
    return this.#onPath("mkdir", path, options, (at) => ({
      opcode: Opcode.Mkdir,
      flags: 0,
      requestId: 0,
      path: at,
      mode: options.mode ?? 0o755,
      parents,
    }));
  }

  /** Removes a name that is no directory. */
  unlink(path: PathLike, options: CallOptions = {}): Promise<void> {
    return this.#onPath("unlink", path, options, (at) => ({
      opcode: Opcode.Unlink,
      flags: 0,
      requestId: 0,
      path: at,
      atFlags: 0,
    }));
  }

  /** Removes an empty directory. */
  rmdir(path: PathLike, options: CallOptions = {}): Promise<void> {
    return this.#onPath("rmdir", path, options, (at) => ({
      opcode: Opcode.Unlink,
      flags: 0,
      requestId: 0,
      path: at,
      atFlags: AtFlag.AT_REMOVEDIR,
    }));
  }

  chmod(path: PathLike, mode: number, options: CallOptions = {}): Promise<void> {
    return this.#onPath("chmod", path, options, (at) => ({
      opcode: Opcode.Chmod,
      flags: 0,
      requestId: 0,
      path: at,
      mode,
    }));
  }

  #onPath(syscall: string, path: PathLike, options: CallOptions, entry: (path: Span) => PathRequest): Promise<void> {
    const client = this.#client;
    const name = pathBytes(path);
    return client.call(
      {
        syscall,
        path: pathText(path),
        bytes: Math.max(1, name.length),
        encode: (at) => {
          client.bytes(at, name.length).set(name);
          return entry({ offset: at, length: name.length });
        },
        decode: () => undefined,
      },
      options,
    );
  }

  /** symlink(2): `path` becomes a link to `target`. */
  symlink(target: PathLike, path: PathLike, options: CallOptions = {}): Promise<void> {
    return this.#onTwoPaths("symlink", path, target, options, (at, second) => ({
      opcode: Opcode.Symlink,
      flags: 0,
      requestId: 0,
      path: at,
      target: second,
    }));
  }

  /** rename(2): replaces what `newPath` names. */
  rename(path: PathLike, newPath: PathLike, options: CallOptions = {}): Promise<void> {
    return this.#onTwoPaths("rename", path, newPath, options, (at, second) => ({
      opcode: Opcode.Rename,
      flags: 0,
      requestId: 0,
      path: at,
      newPath: second,
      renameFlags: 0,
    }));
  }

  #onTwoPaths(
    syscall: string,
    first: PathLike,
    second: PathLike,
    options: CallOptions,
    entry: (first: Span, second: Span) => TwoPathRequest,
  ): Promise<void> {
    const client = this.#client;
    const one = pathBytes(first);
    const two = pathBytes(second);
    const twoAt = align8(one.length);
    return client.call(
      {
        syscall,
        path: pathText(first),
        bytes: Math.max(1, twoAt + two.length),
        encode: (at) => {
          client.bytes(at, one.length).set(one);
          client.bytes(at + twoAt, two.length).set(two);
          return entry({ offset: at, length: one.length }, { offset: at + twoAt, length: two.length });
        },
        decode: () => undefined,
      },
      options,
    );
  }

  /** Removes a file, or with `recursive` a whole tree; links are not followed. */
  async rm(path: PathLike, options: RmOptions = {}): Promise<void> {
    let stat: FileStat;
    try {
      stat = await this.lstat(path, options);
    } catch (error) {
      if (options.force === true && isCode(error, "ENOENT")) return;
      throw error;
    }
    if (stat.kind !== "directory") return await this.unlink(path, options);
    if (options.recursive !== true) return await this.rmdir(path, options);
    // Depth first without recursion: a directory is removed when its contents are gone.
    const open: { path: Uint8Array; listed: boolean }[] = [{ path: pathBytes(path), listed: false }];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const directory = top;
      if (directory.listed) {
        await this.rmdir(directory.path, options);
        open.pop();
        continue;
      }
      directory.listed = true;
      const items = await this.readdir(directory.path, options);
      const files = items.filter((item) => item.kind !== "directory");
      await allOf(files.map((item) => this.unlink(join(directory.path, item.name), options)));
      for (const item of items) {
        if (item.kind === "directory") open.push({ path: join(directory.path, item.name), listed: false });
      }
    }
  }

  /**
   * Writes many files in few requests. All or nothing is not promised.
   * @returns how many entries were written
   */
  writeFiles(entries: LayerEntries, options: CallOptions = {}): Promise<number> {
    return this.#layers.writeFiles(entries, options);
  }

  /** Applies a layer: all of it, or, when an error is thrown, nothing. */
  applyFileLayer(entries: LayerEntries, options: LayerOptions = {}): Promise<void> {
    return this.#layers.apply(entries, options);
  }
}

interface ReplyBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of ReadFile: the size of the file, and what changes when other contents take its place. */
  readonly size: number;
  readonly version: string;
}

interface Span {
  offset: number;
  length: number;
}

type Request = Parameters<RpcClient["transport"]["submit"]>[0];
type ReplyingRequest = Extract<Request, { path: Span; reply: Span }>;
type PathRequest = Extract<Request, { path: Span }>;
type TwoPathRequest = Extract<Request, { path: Span }>;

function isCode(error: unknown, code: string): boolean {
  return error instanceof SystemError && error.code === code;
}

function join(directory: Uint8Array, name: string): Uint8Array {
  const tail = encodeText(name);
  const path = new Uint8Array(directory.length + 1 + tail.length);
  path.set(directory);
  path[directory.length] = 0x2f;
  path.set(tail, directory.length + 1);
  return path;
}

/** Waits for all of them, then throws the first error: none goes on behind the caller's back. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
