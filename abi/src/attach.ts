/**
 * A running machine, read from its shared memory by any thread that has it.
 *
 * `attach` compares magic, version and layout before it believes any other byte.
 * Slots are copied out under their sequence locks: what a reader has loaded is a
 * slot as it was at one moment, never a mixture of two. Whoever holds the memory
 * is trusted: it could as well write there.
 */
import {
  AddressSpaceSlot,
  DentrySlot,
  FdTableSlot,
  Fixed,
  HartSlot,
  InodeSlot,
  MachineHeader,
  MountSlot,
  OfdSlot,
  PipeSlot,
  ProcessSlot,
  ProcessState,
  SlotHeader,
  SlotKind,
  SocketSlot,
  ThreadSlot,
  VmaSlot,
} from "../ts/index.ts";
import { Mem, type MemSource } from "./core/mem.ts";
import { ABI, abiText, versionMismatch } from "./version.ts";

/** How often a slot that changes under the reader is tried; a change takes well under a microsecond. */
const TRIES = 64;

/**
 * "none": no booted machine; "abi": one of another version or layout, both named in the message; "bounds": its tables lie
 * outside the memory. Of attachments also "detached": its rings were given back; "used": somebody else is connected
 * by it; "full": all client slots have users; "host": this host, or this machine, has no shared memory to attach to.
 */
export type AttachErrorKind = "none" | "abi" | "bounds" | "detached" | "used" | "full" | "host";

/** The memory holds no machine, or one that these packages cannot read or connect to. */
export class AttachError extends Error {
  readonly kind: AttachErrorKind;

  constructor(kind: AttachErrorKind, message: string) {
    super(message);
    this.name = "AttachError";
    this.kind = kind;
  }
}

/**
 * The machine's header, once its magic is right and its version one that these packages understand.
 * @throws AttachError
 */
export function checkedHeader(mem: Mem): MachineHeader {
  const header = new MachineHeader(mem);
  try {
    header.at(Fixed.HeaderAddress);
  } catch {
    throw new AttachError("none", `a memory of ${mem.u8.length} bytes holds no Foreshore machine`);
  }
  if (header.magic !== Fixed.Magic) {
    throw new AttachError(
      "none",
      `no booted Foreshore machine (magic ${header.magic.toString(16)}); these packages speak ABI ${abiText(ABI)}`,
    );
  }
  const mismatch = versionMismatch(header, "machine");
  if (mismatch !== undefined) throw new AttachError("abi", mismatch);
  return header;
}

/** Address of client slot `index`. */
export function clientAddress(header: MachineHeader, index: number): number {
  const table = header.tables(SlotKind.Client);
  return table.base + index * table.stride;
}

/** What `SlotReader.load` found: a slot, none, or one that changed at every try (ask by RPC, or later). */
export type SlotOutcome = "loaded" | "free" | "changing";

interface SlotStruct<S> {
  new (mem: Mem, addr?: number): S;
  readonly SIZE: number;
}

/** Reads the slots of one table. Reading allocates nothing. */
export class SlotReader<S> {
  readonly kind: number;
  /** The slot that was loaded last, in memory of the reader's own. */
  readonly slot: S;
  readonly #mem: Mem;
  readonly #header: MachineHeader;
  readonly #base: number;
  readonly #stride: number;
  readonly #capacity: number;
  readonly #first: number;
  /** Eight bytes each, so that no 64-bit field is read in halves. */
  readonly #copy: BigUint64Array;
  readonly #words: Uint32Array;
  #index = 0;

  /**
   * @param bytes how much of each slot is wanted, from its start: a multiple of 8; default all that this package knows of
   * @throws AttachError when the table lies outside the memory
   */
  constructor(header: MachineHeader, kind: number, Struct: SlotStruct<S>, bytes: number = Struct.SIZE) {
    const table = header.tables(kind);
    this.kind = kind;
    this.#mem = header.$mem;
    this.#header = header;
    this.#base = table.base;
    this.#stride = table.stride;
    this.#capacity = table.capacity;
    this.#first = kind === SlotKind.Hart ? 0 : 1;
    if ((this.#base | this.#stride) % 8 !== 0 || this.#stride < Struct.SIZE || bytes % 8 !== 0) {
      throw new AttachError("bounds", `slot table ${kind}: base ${this.#base} and stride ${this.#stride} cannot be`);
    }
    try {
      this.#mem.check(this.#base, this.#stride * this.#capacity, 8);
    } catch {
      throw new AttachError("bounds", `slot table ${kind} lies outside the memory`);
    }
    const own = new ArrayBuffer(Struct.SIZE);
    this.#copy = new BigUint64Array(own, 0, Math.min(bytes, Struct.SIZE) >>> 3);
    this.#words = new Uint32Array(own);
    this.slot = new Struct(new Mem(own), 0);
  }

  /** How much of each slot is copied. */
  get bytes(): number {
    return this.#copy.byteLength;
  }

  /** One more than the highest index that was ever used. */
  get end(): number {
    return Math.min(this.#header.tables(this.kind).highWater, this.#capacity);
  }

  /** The index of what was loaded last. */
  get index(): number {
    return this.#index;
  }

  /** The index of the first slot that can be in use. */
  get first(): number {
    return this.#first;
  }

  /** The generation of what was loaded last: with its index, its handle. */
  get generation(): number {
    return this.#words[1]!;
  }

  /** The sequence of what was loaded last. */
  get seq(): number {
    return this.#words[0]!;
  }

  /** The sequence that slot `index` has now. No load before this call comes after it. */
  seqOf(index: number): number {
    if (index >>> 0 !== index || index >= this.#capacity) return 0;
    return Atomics.add(this.#mem.u32, (this.#base + index * this.#stride) >>> 2, 0);
  }

  /** The generation that slot `index` has now: even when it is free. */
  generationOf(index: number): number {
    if (index >>> 0 !== index || index >= this.#capacity) return 0;
    return Atomics.load(this.#mem.u32, (this.#base + index * this.#stride + SlotHeader.OFFSET.generation) >>> 2);
  }

  /**
   * Whether the slot that was loaded last is still as it was loaded. While it is, what it refers to is what it referred to: a
   * row of several slots is of one moment when this holds after the last of them was loaded.
   */
  unchanged(): boolean {
    return this.seqOf(this.#index) === this.#words[0];
  }

  /** Copies slot `index` into `slot`, as it is at one moment. Gives up after a bounded number of tries. */
  load(index: number): SlotOutcome {
    return this.#load(index, this.#copy.length);
  }

  /** As `load`, of the slot's first `bytes` only (rounded up to 8); the rest of `slot` is of earlier ones. */
  loadStart(index: number, bytes: number): SlotOutcome {
    return this.#load(index, Math.min((bytes + 7) >>> 3, this.#copy.length));
  }

  #load(index: number, count: number): SlotOutcome {
    if (index >>> 0 !== index || index < this.#first || index >= this.#capacity) return "free";
    const { u32, u64 } = this.#mem;
    const at = this.#base + index * this.#stride;
    const word = at >>> 2;
    const from = at >>> 3;
    const copy = this.#copy;
    const most = count & ~3;
    for (let tries = 0; tries < TRIES; tries++) {
      // Seq-cst load: the copy's loads come after it.
      const seq = Atomics.load(u32, word);
      if ((seq & 1) !== 0) continue;
      let i = 0;
      for (; i < most; i += 4) {
        copy[i] = u64[from + i]!;
        copy[i + 1] = u64[from + i + 1]!;
        copy[i + 2] = u64[from + i + 2]!;
        copy[i + 3] = u64[from + i + 3]!;
      }
      for (; i < count; i++) copy[i] = u64[from + i]!;
      // An add of 0 cannot be ordered before the plain loads of the copy, as a load could be on ARM.
      if (Atomics.add(u32, word, 0) !== seq) continue;
      this.#index = index;
      // The second word is the generation: odd while the slot is in use. Harts are never freed.
      return (this.#words[1]! & 1) === 1 || this.#first === 0 ? "loaded" : "free";
    }
    return "changing";
  }

  /** Calls `each` for every slot in use that could be loaded; returns how many changed too fast. */
  forEach(each: (slot: S, index: number) => void): number {
    let missed = 0;
    for (let index = this.#first, end = this.end; index < end; index++) {
      const outcome = this.load(index);
      if (outcome === "loaded") each(this.slot, index);
      else if (outcome === "changing") missed++;
    }
    return missed;
  }
}

const PROCESS_ROW_BYTES = ProcessSlot.OFFSET.state + ProcessState.OFFSET.groups;

/** Readers of all tables of a machine. */
export class MachineView {
  readonly mem: Mem;
  /** In place: single words are right, two of them may be of different moments. */
  readonly header: MachineHeader;
  readonly harts: SlotReader<HartSlot>;
  readonly processes: SlotReader<ProcessSlot>;
  /** As `processes`, without supplementary groups, limits and the Live part: for rows, half as long to copy. */
  readonly processRows: SlotReader<ProcessSlot>;
  readonly threads: SlotReader<ThreadSlot>;
  readonly addressSpaces: SlotReader<AddressSpaceSlot>;
  readonly vmas: SlotReader<VmaSlot>;
  readonly fdTables: SlotReader<FdTableSlot>;
  readonly ofds: SlotReader<OfdSlot>;
  readonly pipes: SlotReader<PipeSlot>;
  readonly sockets: SlotReader<SocketSlot>;
  readonly inodes: SlotReader<InodeSlot>;
  readonly dentries: SlotReader<DentrySlot>;
  readonly mounts: SlotReader<MountSlot>;

  constructor(header: MachineHeader) {
    this.mem = header.$mem;
    this.header = header;
    this.harts = new SlotReader(header, SlotKind.Hart, HartSlot);
    this.processes = new SlotReader(header, SlotKind.Process, ProcessSlot);
    this.processRows = new SlotReader(header, SlotKind.Process, ProcessSlot, PROCESS_ROW_BYTES);
    this.threads = new SlotReader(header, SlotKind.Thread, ThreadSlot);
    this.addressSpaces = new SlotReader(header, SlotKind.AddressSpace, AddressSpaceSlot);
    this.vmas = new SlotReader(header, SlotKind.Vma, VmaSlot);
    this.fdTables = new SlotReader(header, SlotKind.FdTable, FdTableSlot);
    this.ofds = new SlotReader(header, SlotKind.Ofd, OfdSlot);
    this.pipes = new SlotReader(header, SlotKind.Pipe, PipeSlot);
    this.sockets = new SlotReader(header, SlotKind.Socket, SocketSlot);
    this.inodes = new SlotReader(header, SlotKind.Inode, InodeSlot);
    this.dentries = new SlotReader(header, SlotKind.Dentry, DentrySlot);
    this.mounts = new SlotReader(header, SlotKind.Mount, MountSlot);
  }
}

/**
 * Attaches to a running machine.
 * @param source its memory, or the buffer of it
 * @throws AttachError
 */
export function attach(source: MemSource): MachineView {
  return new MachineView(checkedHeader(new Mem(source)));
}
