/**
 * Slots as state records: the portable bytes of slots, taken out of a machine's memory on one side and put into a
 * memory of the same layout on the other, where `MachineView` reads them as it reads the machine's own. What stays at
 * home (the `live` part of slots: links, queues, addresses) is 0 there, but for the few words of it that name other slots or
 * count pages.
 */
import {
  AddressSpaceSlot,
  Control,
  ControlFaultCode,
  ControlFrameKind,
  ControlQuery,
  type ControlQueryData,
  ControlRecord,
  ControlState,
  DentrySlot,
  FdTableSlot,
  Fixed,
  HartSlot,
  InodeLive,
  InodeSlot,
  MachineHeader,
  MountSlot,
  OfdSlot,
  OwnerSlot,
  PipeLive,
  PipeSlot,
  ProcessSlot,
  ProcessState,
  SlotHeader,
  SlotKind,
  SocketLive,
  SocketSlot,
  slotKindName,
  ThreadSlot,
  ThreadState,
  VmaSlot,
} from "../../ts/index.ts";
import { MachineView, SlotReader } from "../attach.ts";
import { Mem, memOf } from "../core/mem.ts";
import { align, ControlError, HEADER, newFrame } from "./frames.ts";

interface SlotView {
  readonly $mem: Mem;
}

interface SlotStruct {
  new (mem: Mem, addr?: number): SlotView;
  readonly SIZE: number;
  readonly OFFSET: { readonly header: number; readonly live?: number };
}

/** What of a slot travels: its bytes between the header and `live`. */
interface Portable {
  readonly Struct: SlotStruct;
  readonly end: number;
  /** Offset in the slot of the word that a query's filter is compared with. */
  readonly parent: number | undefined;
  /** Words of `live` that mean something elsewhere, by offset in the slot, in order: they travel, too. */
  readonly kept: readonly number[];
}

const FIRST = SlotHeader.SIZE;
const ENTROPY = MachineHeader.OFFSET.entropy;
const ENTROPY_BYTES = MachineHeader.LENGTH.entropy * BigUint64Array.BYTES_PER_ELEMENT;

function portable(Struct: SlotStruct, options: { parent?: number; kept?: readonly number[] } = {}): Portable {
  return { Struct, end: Struct.OFFSET.live ?? Struct.SIZE, parent: options.parent, kept: options.kept ?? [] };
}

/** A pipe's inode; a socket's, and its peer; a file's name and how many of its pages are in memory. */
const PIPE_INODE = PipeSlot.OFFSET.live + PipeLive.OFFSET.inode;
const SOCKET_LINKS = [SocketLive.OFFSET.inode, SocketLive.OFFSET.peer].map((offset) => SocketSlot.OFFSET.live + offset);
const INODE_WORDS = [InodeLive.OFFSET.dentry, InodeLive.OFFSET.pages, InodeLive.OFFSET.dirtyPages].map(
  (offset) => InodeSlot.OFFSET.live + offset,
);

const KINDS: ReadonlyMap<number, Portable> = new Map<number, Portable>([
  [SlotKind.Hart, portable(HartSlot)],
  [SlotKind.Owner, portable(OwnerSlot)],
  [SlotKind.Process, portable(ProcessSlot, { parent: ProcessSlot.OFFSET.state + ProcessState.OFFSET.owner })],
  [SlotKind.Thread, portable(ThreadSlot, { parent: ThreadSlot.OFFSET.state + ThreadState.OFFSET.process })],
  [SlotKind.AddressSpace, portable(AddressSpaceSlot)],
  [SlotKind.Vma, portable(VmaSlot, { parent: VmaSlot.OFFSET.as })],
  [SlotKind.FdTable, portable(FdTableSlot)],
  [SlotKind.Ofd, portable(OfdSlot)],
  [SlotKind.Pipe, portable(PipeSlot, { kept: [PIPE_INODE] })],
  [SlotKind.Socket, portable(SocketSlot, { kept: SOCKET_LINKS })],
  [SlotKind.Inode, portable(InodeSlot, { kept: INODE_WORDS })],
  [SlotKind.Dentry, portable(DentrySlot)],
  [SlotKind.Mount, portable(MountSlot)],
]);

/** Kinds of slots that have records. */
export const RECORD_KINDS: readonly number[] = [...KINDS.keys()];

function kindOf({ kind, id }: Pick<ControlQueryData, "kind" | "id">): Portable {
  const found = KINDS.get(kind);
  if (found !== undefined) return found;
  throw new ControlError(`slots of kind ${kind} have no records`, ControlFaultCode.Query, undefined, {
    value: kind,
    id,
  });
}

/** Answers state queries from a machine's memory. */
export class RecordSource {
  readonly #header: MachineHeader;
  readonly #readers = new Map<number, SlotReader<SlotView>>();

  constructor(header: MachineHeader) {
    this.#header = header;
  }

  /**
   * A State frame that answers what a Query frame carries; no longer than Control.StateBytes and one record.
   * @throws ControlError when it is no query
   */
  answer(bytes: Uint8Array): Uint8Array {
    if (bytes.length !== ControlQuery.SIZE) {
      const value = bytes.length;
      throw new ControlError(`a query of ${value} bytes`, ControlFaultCode.FrameLength, undefined, { value });
    }
    const query = new ControlQuery(memOf(bytes), 0).toData();
    return query.kind === SlotKind.None ? this.#machine(query) : this.#slots(query);
  }

  #machine(query: ControlQueryData): Uint8Array {
    const length = align(MachineHeader.SIZE);
    const { mem, at } = stateFrame(query, { count: 1, next: 0, end: 1, missed: 0 }, ControlRecord.SIZE + length);
    new ControlRecord(mem, at).setData({ index: 0, generation: 1, length, refs: 0 });
    const { $mem, $base } = this.#header;
    const copy = at + ControlRecord.SIZE;
    mem.u8.set($mem.u8.subarray($base, $base + MachineHeader.SIZE), copy);
    // The state of the machine's random generator is no viewer's business.
    mem.u8.fill(0, copy + ENTROPY, copy + ENTROPY + ENTROPY_BYTES);
    return mem.u8;
  }

  #slots(query: ControlQueryData): Uint8Array {
    const { kind, from, filter, most } = query;
    const known = kindOf(query);
    const { parent } = known;
    if (filter !== 0 && parent === undefined) {
      const about = { id: query.id, value: filter };
      throw new ControlError(`${slotKindName(kind)} slots have no filter`, ControlFaultCode.Query, undefined, about);
    }
    const reader = this.#reader(kind, known);
    const { $mem: own } = reader.slot;
    const limit = most === 0 ? reader.bytes : Math.min(reader.bytes, FIRST + align(most));
    const room = new Uint8Array(Control.StateBytes + ControlRecord.SIZE + reader.bytes);
    const words = new Uint32Array(room.buffer, 0, room.length >>> 2);
    let used = 0;
    let count = 0;
    let missed = 0;
    let index = Math.max(from, reader.first);
    for (const end = reader.end; index < end && used < Control.StateBytes; index++) {
      const outcome = reader.load(index);
      if (outcome === "changing") missed++;
      if (outcome !== "loaded") continue;
      if (filter !== 0 && own.u32[parent! >>> 2] !== filter) continue;
      hideLive(own.u32, known, reader.bytes);
      let last = limit;
      // Zeros at the end are known without being said.
      while (last > FIRST && own.u32[(last >>> 2) - 1] === 0 && own.u32[(last >>> 2) - 2] === 0) last -= Control.Align;
      const record = used >>> 2;
      words[record + (ControlRecord.OFFSET.index >>> 2)] = index;
      words[record + (ControlRecord.OFFSET.generation >>> 2)] = own.u32[SlotHeader.OFFSET.generation >>> 2]!;
      words[record + (ControlRecord.OFFSET.length >>> 2)] = last - FIRST;
      words[record + (ControlRecord.OFFSET.refs >>> 2)] = own.u32[SlotHeader.OFFSET.refs >>> 2]!;
      room.set(own.u8.subarray(FIRST, last), used + ControlRecord.SIZE);
      used += ControlRecord.SIZE + last - FIRST;
      count++;
    }
    const next = index < reader.end ? index : 0;
    const { mem, at } = stateFrame(query, { count, next, end: reader.end, missed }, used);
    mem.u8.set(room.subarray(0, used), at);
    return mem.u8;
  }

  #reader(kind: number, known: Portable): SlotReader<SlotView> {
    const made = this.#readers.get(kind);
    if (made !== undefined) return made;
    const reader = new SlotReader(this.#header, kind, known.Struct, travels(known));
    this.#readers.set(kind, reader);
    return reader;
  }
}

/** How much of a slot is copied, from its start. */
function travels({ end, kept }: Portable): number {
  return align(Math.max(end, ...kept.map((offset) => offset + 4)));
}

/** Of a copied slot, everything of `live` that stays at home. */
function hideLive(words: Uint32Array<ArrayBufferLike>, { end, kept }: Portable, bytes: number): void {
  let at = end >>> 2;
  for (const offset of kept) {
    words.fill(0, at, offset >>> 2);
    at = (offset >>> 2) + 1;
  }
  words.fill(0, at, bytes >>> 2);
}

interface StateFields {
  readonly count: number;
  readonly next: number;
  readonly end: number;
  readonly missed: number;
}

function stateFrame(query: ControlQueryData, fields: StateFields, bytes: number): { mem: Mem; at: number } {
  const mem = newFrame(ControlFrameKind.State, ControlState.SIZE + bytes);
  new ControlState(mem, HEADER).setData({ id: query.id, kind: query.kind, ...fields });
  return { mem, at: HEADER + ControlState.SIZE };
}

/** Slots that were asked for, page by page. */
export interface RecordPages {
  readonly kind: number;
  /** What State frames carried, each from its ControlState on. */
  readonly pages: readonly Uint8Array[];
}

/** More records than any machine has slots: a table that claims more is refused. */
const MAX_BYTES = 1 << 29;

/**
 * A memory of this package's layout that holds the records and nothing else.
 * @param header what the State frame of the MachineHeader carried
 * @throws ControlError when the records make no sense
 */
export function recordView(header: Uint8Array, tables: readonly RecordPages[]): MachineView {
  const ends = tables.map(({ pages }) => Math.max(1, ...pages.map((page) => stateOf(page).end)));
  let bytes: number = Fixed.HeaderAddress + align(MachineHeader.SIZE);
  const bases = tables.map(({ kind }, i) => {
    const base = bytes;
    bytes += kindOf({ kind, id: 0 }).Struct.SIZE * ends[i]!;
    return base;
  });
  if (bytes > MAX_BYTES) throw new ControlError(`the machine claims tables of ${bytes} bytes`);
  const mem = new Mem(new ArrayBuffer(align(bytes)));
  putHeader(mem, header);
  const machine = new MachineHeader(mem, Fixed.HeaderAddress);
  for (const [i, { kind, pages }] of tables.entries()) {
    const known = kindOf({ kind, id: 0 });
    const { Struct } = known;
    const table = machine.tables(kind);
    table.base = bases[i]!;
    table.stride = Struct.SIZE;
    table.capacity = ends[i]!;
    table.highWater = ends[i]!;
    for (const page of pages) putRecords(mem, page, bases[i]!, Struct.SIZE, ends[i]!, travels(known) - FIRST);
  }
  return new MachineView(machine);
}

export function stateOf(page: Uint8Array): ReturnType<ControlState["toData"]> {
  if (page.length < ControlState.SIZE) throw new ControlError(`an answer of ${page.length} bytes`);
  return new ControlState(memOf(page.subarray(0, ControlState.SIZE)), 0).toData();
}

/** The header as it was; tables that were not asked for are empty. */
function putHeader(mem: Mem, page: Uint8Array): void {
  const from = ControlState.SIZE + ControlRecord.SIZE;
  if (page.length < from + MachineHeader.SIZE)
    throw new ControlError(`a machine header of ${page.length - from} bytes`);
  mem.u8.set(page.subarray(from, from + MachineHeader.SIZE), Fixed.HeaderAddress);
  const header = new MachineHeader(mem, Fixed.HeaderAddress);
  // Those, too, of which only a later minor knows.
  for (let kind = 0; kind < MachineHeader.LENGTH.tables; kind++) {
    const table = header.tables(kind);
    table.base = Fixed.HeaderAddress;
    table.capacity = 0;
    table.highWater = 0;
  }
}

function putRecords(mem: Mem, page: Uint8Array, base: number, stride: number, end: number, most: number): void {
  const words = new DataView(page.buffer, page.byteOffset, page.length);
  const field = (at: number, offset: number): number => words.getUint32(at + offset, true);
  for (let at: number = ControlState.SIZE; at < page.length; ) {
    if (at + ControlRecord.SIZE > page.length) throw new ControlError("a record is cut short");
    const index = field(at, ControlRecord.OFFSET.index);
    const length = field(at, ControlRecord.OFFSET.length);
    const from = at + ControlRecord.SIZE;
    if (index >= end || length > most || length % Control.Align !== 0 || from + length > page.length) {
      throw new ControlError(`record ${index} of ${length} bytes cannot be`);
    }
    const slot = base + index * stride;
    mem.u32[(slot + SlotHeader.OFFSET.generation) >>> 2] = field(at, ControlRecord.OFFSET.generation);
    mem.u32[(slot + SlotHeader.OFFSET.refs) >>> 2] = field(at, ControlRecord.OFFSET.refs);
    mem.u8.set(page.subarray(from, from + length), slot + FIRST);
    at = from + length;
  }
}
