/** Which tables the rows of a kind are made of, and how much of their slots. */
import { AddressSpaceSlot, AddressSpaceState, ProcessSlot, ProcessState, SlotHeader, SlotKind } from "../ts/index.ts";
import type { RowKind } from "./rows.ts";

/** Slots that are wanted. */
export interface RecordQuery {
  /** A SlotKind. */
  readonly kind: number;
  /** Only slots that belong to this one: see ControlQuery.filter. */
  readonly filter?: number | undefined;
  /** Of each record's bytes at most so many. */
  readonly most?: number | undefined;
}

/** Without supplementary groups and limits, which no row shows. */
const PROCESSES = {
  kind: SlotKind.Process,
  most: ProcessSlot.OFFSET.state + ProcessState.OFFSET.groups - SlotHeader.SIZE,
};
/** Without the auxiliary vector. */
const SPACES = {
  kind: SlotKind.AddressSpace,
  most: AddressSpaceSlot.OFFSET.state + AddressSpaceState.OFFSET.auxvLen - SlotHeader.SIZE,
};
const of = (kind: number): RecordQuery => ({ kind });

/** The tables that rows are made of, beside the machine's header. */
export const ROW_TABLES: Readonly<Record<RowKind, readonly RecordQuery[]>> = {
  process: [PROCESSES, of(SlotKind.Thread), SPACES],
  thread: [PROCESSES, of(SlotKind.Thread)],
  fd: [PROCESSES, of(SlotKind.FdTable), of(SlotKind.Ofd)],
  ofd: [of(SlotKind.Ofd), of(SlotKind.Inode), of(SlotKind.Dentry)],
  pipe: [of(SlotKind.Pipe), of(SlotKind.Inode)],
  socket: [of(SlotKind.Socket), of(SlotKind.Inode)],
  vma: [PROCESSES, SPACES, of(SlotKind.Vma), of(SlotKind.Inode), of(SlotKind.Dentry)],
  cache: [of(SlotKind.Inode), of(SlotKind.Dentry)],
  mount: [of(SlotKind.Mount), of(SlotKind.Inode), of(SlotKind.Dentry)],
  hart: [of(SlotKind.Hart), of(SlotKind.Thread), PROCESSES],
  memory: [],
};

/** All kinds of rows. */
export const ROW_KINDS = Object.keys(ROW_TABLES) as readonly RowKind[];
