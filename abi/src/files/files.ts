/** A machine's files by requests. Paths are absolute, seen from the machine's root. */
import { AtFlag, OpenFlag } from "../../ts/index.ts";
import { RpcProtocolError, SystemError } from "../client/errors.ts";
import type { CallOptions, RpcClient } from "../client/rpc-client.ts";
import { dataBytes, decodeText, encodeText, type PathLike, pathBytes } from "../core/text.ts";
import { changedId, nanoseconds } from "./attributes.ts";
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

/** Bytes asked for at first: most files are smaller. */
const FIRST_READ_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;
/** Attempts at a file that changes between the requests for its parts; the last one counts. */
const READ_TRIES = 4;
const READDIR_BYTES = 32 * 1024;

const READLINK_BYTES = 4096;

export class Files {
  readonly #client: RpcClient;

  constructor(client: RpcClient) {
    this.#client = client;
  }

  /** Creates or replaces a file. Not atomic for other readers when it takes several requests. */
  async writeFile(path: PathLike, data: Uint8Array | string, options: WriteFileOptions = {}): Promise<void> {
    const bytes = dataBytes(data);
    const chunk = this.#client.chunkBytes;
    const first = options.append === true ? OpenFlag.O_APPEND : OpenFlag.O_TRUNC;
    const exclusive = options.exclusive === true ? OpenFlag.O_EXCL : 0;
    const flags = OpenFlag.O_WRONLY | OpenFlag.O_CREAT | first | exclusive;
    await this.#writePart(path, bytes.subarray(0, chunk), 0, flags, options);
    if (bytes.length <= chunk) return;
    const later = OpenFlag.O_WRONLY | (options.append === true ? OpenFlag.O_APPEND : 0);
    if (options.append === true) {
      for (let at = chunk; at < bytes.length; at += chunk) {
        await this.#writePart(path, bytes.subarray(at, at + chunk), 0, later, options);
      }
      return;
    }
    const parts: Promise<void>[] = [];
    for (let at = chunk; at < bytes.length; at += chunk) {
      parts.push(this.#writePart(path, bytes.subarray(at, at + chunk), at, later, options));
    }
    await allOf(parts);
  }

  /** Writes all of `data`: of a machine that gets full, the next request says what is wrong. */
  async #writePart(
    path: PathLike,
    data: Uint8Array,
    position: number,
    openFlags: number,
    options: WriteFileOptions,
  ): Promise<void> {
    const mode = options.mode ?? 0o644;
    for (let done = 0, flags = openFlags; ; flags &= ~(OpenFlag.O_TRUNC | OpenFlag.O_EXCL)) {
      const rest = done === 0 ? data : data.subarray(done);
      const part = { path, data: rest, position: position + done, openFlags: flags, mode };
      const { bytes } = await this.#client.request.writeFile(part, options);
      done += bytes;
      if (done === data.length) return;
      if (bytes === 0 || done > data.length)
        throw new RpcProtocolError(`write-file answers ${bytes} for ${rest.length} bytes`);
    }
  }

  /** Reads a whole file. */
  async readFile(
    path: PathLike,
    options?: CallOptions & { readonly encoding?: undefined },
  ): Promise<Uint8Array<ArrayBuffer>>;
  async readFile(path: PathLike, options: CallOptions & { readonly encoding: "utf8" }): Promise<string>;
  async readFile(
    path: PathLike,
    options: CallOptions & { readonly encoding?: "utf8" | undefined } = {},
  ): Promise<Uint8Array | string> {
    const bytes = await this.#readAll(path, options);
    return options.encoding === "utf8" ? decodeText(bytes) : bytes;
  }

  /** A file that is replaced while its parts are read is read anew, a few times. */
  async #readAll(path: PathLike, options: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
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

  async #readParts(path: PathLike, options: CallOptions): Promise<FilePart[]> {
    const parts: FilePart[] = [];
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
    const all = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const want = Math.min(length - filled, this.#client.chunkBytes);
      const { bytes } = await this.#readPart(path, position + filled, want, options);
      if (bytes.length === 0) break;
      all.set(bytes, filled);
      filled += bytes.length;
    }
    return filled === length ? all : all.slice(0, filled);
  }

  async #readPart(path: PathLike, position: number, replyBytes: number, options: CallOptions): Promise<FilePart> {
    const answer = await this.#client.request.readFile({ path, position, replyBytes }, options);
    const { inode, changeSeq, size, payload } = answer;
    return { bytes: payload, size, version: `${inode.index}.${inode.generation}.${changeSeq}` };
  }

  async readlink(path: PathLike, options?: CallOptions): Promise<string> {
    return decodeText((await this.#client.request.readlink({ path, replyBytes: READLINK_BYTES }, options)).payload);
  }

  /** Follows symbolic links. */
  async stat(path: PathLike, options?: CallOptions): Promise<FileStat> {
    return fileStat((await this.#client.request.stat({ path, follow: true }, options)).payload);
  }

  /** As `stat`, of a symbolic link itself. */
  async lstat(path: PathLike, options?: CallOptions): Promise<FileStat> {
    const { payload } = await this.#client.request.stat({ path, follow: false }, { syscall: "lstat", ...options });
    return fileStat(payload);
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
  async readdir(path: PathLike, options?: CallOptions): Promise<DirectoryItem[]> {
    const items: DirectoryItem[] = [];
    for (let cookie = 0; ; ) {
      const page = await this.#client.request.readdir({ path, replyBytes: READDIR_BYTES, cookie }, options);
      if (page.bytes === 0) return items;
      items.push(...directoryItems(page.payload));
      cookie = page.cookie;
    }
  }

  async mkdir(path: PathLike, options: MkdirOptions = {}): Promise<void> {
    const { mode = 0o755, recursive } = options;
    await this.#client.request.mkdir({ path, mode, parents: recursive }, options);
  }

  /** Removes a name that is no directory. */
  async unlink(path: PathLike, options?: CallOptions): Promise<void> {
    await this.#client.request.unlink({ path }, options);
  }

  /** Removes an empty directory. */
  async rmdir(path: PathLike, options?: CallOptions): Promise<void> {
    await this.#client.request.unlink({ path, atFlags: AtFlag.AT_REMOVEDIR }, { syscall: "rmdir", ...options });
  }

  async chmod(path: PathLike, mode: number, options?: CallOptions): Promise<void> {
    await this.#client.request.chmod({ path, mode }, options);
  }

  /** @param uid and `gid`: -1 leaves it as it is */
  async chown(path: PathLike, uid: number, gid: number, options?: CallOptions): Promise<void> {
    await this.#client.request.chown(
      { path, uid: changedId(uid, "uid"), gid: changedId(gid, "gid"), follow: true },
      options,
    );
  }

  /** chown of a symbolic link itself. */
  async lchown(path: PathLike, uid: number, gid: number, options?: CallOptions): Promise<void> {
    const owner = { path, uid: changedId(uid, "uid"), gid: changedId(gid, "gid"), follow: false };
    await this.#client.request.chown(owner, { syscall: "lchown", ...options });
  }

  /** Sets both times, in milliseconds since 1970; fractions down to a microsecond count. */
  async utimes(path: PathLike, atimeMs: number, mtimeMs: number, options?: CallOptions): Promise<void> {
    const times = { atimeNs: nanoseconds(atimeMs, "atimeMs"), mtimeNs: nanoseconds(mtimeMs, "mtimeMs") };
    await this.#client.request.utimes({ path, ...times, follow: true }, options);
  }

  /** utimes of a symbolic link itself. */
  async lutimes(path: PathLike, atimeMs: number, mtimeMs: number, options?: CallOptions): Promise<void> {
    const times = { atimeNs: nanoseconds(atimeMs, "atimeMs"), mtimeNs: nanoseconds(mtimeMs, "mtimeMs") };
    await this.#client.request.utimes({ path, ...times, follow: false }, { syscall: "lutimes", ...options });
  }

  /** Makes a file `size` bytes long: what is new reads as zeros. */
  async truncate(path: PathLike, size: number, options?: CallOptions): Promise<void> {
    await this.#client.request.truncate({ path, size }, options);
  }

  /** symlink(2): `path` becomes a link to `target`. */
  async symlink(target: PathLike, path: PathLike, options?: CallOptions): Promise<void> {
    await this.#client.request.symlink({ path, target }, options);
  }

  /** rename(2): replaces what `newPath` names. */
  async rename(path: PathLike, newPath: PathLike, options?: CallOptions): Promise<void> {
    await this.#client.request.rename({ path, newPath }, options);
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
}

interface FilePart {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the file. */
  readonly size: number;
  /** Another when other contents have taken its place. */
  readonly version: string;
}

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
