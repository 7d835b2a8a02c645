/**
 * The published view: file contents read from the machine's shared memory,
 * without a request. It walks dentries, inodes and page-cache frames that the
 * kernel may change meanwhile, so it believes nothing before the sequences
 * that guard it are found unchanged: `treeSeq` around the walk, the inode's
 * `seq`, `generation` and `changeSeq` around the copy. Whatever is not plainly
 * there (links, other file systems, pages that are still with the host, a
 * changing file) is left to a request.
 */
import {
  DentrySlot,
  FileMode,
  Fixed,
  FsType,
  InodeLive,
  InodeSlot,
  type MachineHeader,
  type Mem,
  SlotKind,
} from "@foreshore/abi";
import type { FileReader } from "./fs.ts";

const TRIES = 4;
/** Entries of one directory that are looked at; the kernel has a hash table for larger ones. */
const MAX_ENTRIES = 256;
const MAX_MOUNTS = 8;
/** Larger files are read in pieces, by request, so that this thread is not held up. */
const MAX_BYTES = 16 * 1024 * 1024;
const DIRECT_PAGES = InodeLive.LENGTH.direct;
/** Words of a radix node, which is one frame. */
const FAN = Fixed.PageSize / 4;
const FAN_SHIFT = Math.log2(FAN);
const MAX_HEIGHT = 4;
const SLASH = 0x2f;
const DOT = 0x2e;

/** The sequences of an inode that must not move during a copy. */
interface Stamp {
  readonly seq: number;
  readonly generation: number;
  readonly change: number;
}

export class PublishedView implements FileReader {
  readonly #mem: Mem;
  readonly #header: MachineHeader;
  readonly #dentry: DentrySlot;
  readonly #inode: InodeSlot;
  readonly #dentries: { base: number; stride: number; capacity: number };
  readonly #inodes: { base: number; stride: number; capacity: number };
  /** Reads that were answered here, and those left to a request. */
  hits = 0;
  misses = 0;

  constructor(header: MachineHeader) {
    this.#mem = header.$mem;
    this.#header = header;
    this.#dentry = new DentrySlot(this.#mem);
    this.#inode = new InodeSlot(this.#mem);
    this.#dentries = header.tables(SlotKind.Dentry).toData();
    this.#inodes = header.tables(SlotKind.Inode).toData();
  }

  /** The contents of the regular file at `path`, or undefined when the kernel must be asked. */
  read(path: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const bytes = this.#attempt(path);
      if (bytes === "changed") continue;
      if (bytes === undefined) break;
      this.hits++;
      return bytes;
    }
    this.misses++;
    return undefined;
  }

  #attempt(path: Uint8Array): Uint8Array<ArrayBuffer> | "changed" | undefined {
    // Seq-cst load: the walk's loads come after it.
    const treeSeq = this.#header.treeSeq;
    if ((treeSeq & 1) !== 0) return "changed";
    const inode = this.#walk(path);
    if (inode === undefined) return undefined;
    const stamp = this.#stamp();
    if (stamp === undefined) return "changed";
    const bytes = this.#copy();
    // An add of 0 cannot be ordered before the copy's plain loads, as a load could be on ARM.
    const same = this.#inode.header;
    const seq = Atomics.add(this.#mem.u32, same.seqIndex(), 0);
    const after = Atomics.add(this.#mem.u32, this.#header.treeSeqIndex(), 0);
    const change = this.#inode.state.changeSeq;
    if (seq !== stamp.seq || same.generation !== stamp.generation || change !== stamp.change || after !== treeSeq)
      return "changed";
    return bytes;
  }

  /** Positions #inode on the file that the path names; undefined when this is not for us. */
  #walk(path: Uint8Array): true | undefined {
    let dentry = this.#visible(this.#header.rootDentry);
    for (let at = 0; at < path.length; ) {
      while (path[at] === SLASH) at++;
      if (at === path.length) break;
      let end = path.indexOf(SLASH, at);
      if (end < 0) end = path.length;
      if (dentry === 0 || !this.#at(this.#inode, this.#inodes, this.#dentryInode(dentry))) return undefined;
      if (path[at] === DOT && (end === at + 1 || (end === at + 2 && path[at + 1] === DOT))) return undefined;
      dentry = this.#visible(this.#child(path, at, end));
      at = end;
    }
    // A trailing slash wants a directory: the kernel has the error.
    if (dentry === 0 || path.at(-1) === SLASH) return undefined;
    if (!this.#at(this.#inode, this.#inodes, this.#dentryInode(dentry))) return undefined;
    const { state } = this.#inode;
    return state.fsType === FsType.Tmpfs && (state.mode & FileMode.S_IFMT) === FileMode.S_IFREG ? true : undefined;
  }

  #at(view: DentrySlot | InodeSlot, table: { base: number; stride: number; capacity: number }, index: number): boolean {
    if (index === 0 || index >= table.capacity) return false;
    view.$base = table.base + index * table.stride;
    return true;
  }

  #dentryInode(dentry: number): number {
    return this.#at(this.#dentry, this.#dentries, dentry) ? this.#dentry.inode : 0;
  }

  /** What is mounted on a dentry, or itself; 0 for none. */
  #visible(dentry: number): number {
    for (let i = 0; i < MAX_MOUNTS; i++) {
      if (!this.#at(this.#dentry, this.#dentries, dentry)) return 0;
      const mounted = this.#dentry.mounted;
      if (mounted === 0) return dentry;
      dentry = mounted;
    }
    return 0;
  }

  /** Dentry of the name path[from, to) in the directory that #inode is on; 0 when it is not among the first. */
  #child(path: Uint8Array, from: number, to: number): number {
    const { state, live } = this.#inode;
    if (state.fsType !== FsType.Tmpfs || (state.mode & FileMode.S_IFMT) !== FileMode.S_IFDIR) return 0;
    let child = live.childHead;
    for (let i = 0; i < MAX_ENTRIES && this.#at(this.#dentry, this.#dentries, child); i++) {
      if (this.#dentry.nameLength === to - from && this.#named(path, from, to)) return child;
      child = this.#dentry.nextChild;
    }
    return 0;
  }

  #named(path: Uint8Array, from: number, to: number): boolean {
    const name = this.#dentry.$base + DentrySlot.OFFSET.name - from;
    const { u8 } = this.#mem;
    for (let i = from; i < to; i++) if (u8[name + i] !== path[i]) return false;
    return true;
  }

  #stamp(): Stamp | undefined {
    const { header, state } = this.#inode;
    const change = state.changeSeq;
    const seq = header.seq;
    const generation = header.generation;
    // Odd: being changed; an even generation: the slot is free.
    return (seq & 1) !== 0 || (generation & 1) === 0 ? undefined : { seq, generation, change };
  }

  /** The bytes of the file; undefined when a page is absent but backed, or something cannot be true. */
  #copy(): Uint8Array<ArrayBuffer> | undefined {
    const { state, live } = this.#inode;
    const size = state.size;
    if (size > MAX_BYTES) return undefined;
    const backed = state.source === 0 ? 0 : state.sourceBytes;
    const root = live.radixRoot;
    const height = live.radixHeight;
    const bytes = new Uint8Array(size);
    for (let page = 0, at = 0; at < size; page++, at += Fixed.PageSize) {
      const frame = page < DIRECT_PAGES ? live.direct(page) : this.#frame(root, height, page);
      if (frame === undefined || (frame === 0 && at < backed)) return undefined;
      // A hole: zeros.
      if (frame === 0) continue;
      const length = Math.min(Fixed.PageSize, size - at);
      if (!this.#isFrame(frame)) return undefined;
      bytes.set(this.#mem.u8.subarray(frame, frame + length), at);
    }
    return bytes;
  }

  /** Frame address of a page behind the direct ones, 0 absent; undefined when the tree makes no sense. */
  #frame(root: number, height: number, page: number): number | undefined {
    if (root === 0 || height > MAX_HEIGHT || page >= 2 ** (height * FAN_SHIFT))
      return height > MAX_HEIGHT ? undefined : 0;
    let at = root;
    for (let level = height - 1; level >= 0; level--) {
      if (!this.#isFrame(at)) return undefined;
      const index = (page >>> (level * FAN_SHIFT)) & (FAN - 1);
      at = Atomics.load(this.#mem.u32, (at >>> 2) + index);
      if (at === 0) return 0;
    }
    return at;
  }

  #isFrame(address: number): boolean {
    if (address % Fixed.PageSize !== 0) return false;
    try {
      this.#mem.check(address, Fixed.PageSize, Fixed.PageSize);
      return true;
    } catch {
      return false;
    }
  }
}
