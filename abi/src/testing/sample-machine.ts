/** A machine's memory with a little of everything in it that viewers read, as small as it can be. No kernel has seen it. */
import {
  AbiVersion,
  AddressFamily,
  AddressSpaceSlot,
  BootState,
  ClientSlot,
  ClientState,
  DentryFlag,
  DentrySlot,
  FdTableSlot,
  Fixed,
  HartSlot,
  InodeSlot,
  LayoutHashHi,
  LayoutHashLo,
  MachineHeader,
  MountSlot,
  OfdKind,
  OfdSlot,
  OwnerSlot,
  PipeSlot,
  ProcessRunState,
  ProcessSlot,
  SlotKind,
  SocketPhase,
  SocketSlot,
  SocketType,
  ThreadRunState,
  ThreadSlot,
  VmaSlot,
} from "../../ts/index.ts";
import { Mem } from "../core/mem.ts";

const CAPACITY = 4;
const FIRST = 65536;
const RING = Fixed.RingEntries * Fixed.RingEntryBytes;

const STRUCTS: readonly (readonly [SlotKind, { readonly SIZE: number }])[] = [
  [SlotKind.Hart, HartSlot],
  [SlotKind.Client, ClientSlot],
  [SlotKind.Owner, OwnerSlot],
  [SlotKind.Process, ProcessSlot],
  [SlotKind.Thread, ThreadSlot],
  [SlotKind.AddressSpace, AddressSpaceSlot],
  [SlotKind.Vma, VmaSlot],
  [SlotKind.FdTable, FdTableSlot],
  [SlotKind.Ofd, OfdSlot],
  [SlotKind.Pipe, PipeSlot],
  [SlotKind.Socket, SocketSlot],
  [SlotKind.Inode, InodeSlot],
  [SlotKind.Dentry, DentrySlot],
  [SlotKind.Mount, MountSlot],
];

export interface SampleMachine {
  readonly bytes: Uint8Array;
  /** Where slots begin that are in use, and the header: what is worth changing. */
  readonly places: readonly { readonly at: number; readonly bytes: number }[];
}

/** Two processes of one thread each, with files, a pipe, mappings and names. */
export function sampleMachine(): SampleMachine {
  const mem = new Mem(new ArrayBuffer(4 * 65536));
  const header = new MachineHeader(mem, Fixed.HeaderAddress);
  const places = [{ at: Fixed.HeaderAddress as number, bytes: MachineHeader.SIZE as number }];
  let at = FIRST;
  for (const [kind, Struct] of STRUCTS) {
    const table = header.tables(kind);
    table.base = at;
    table.stride = Struct.SIZE;
    table.capacity = CAPACITY;
    table.highWater = CAPACITY;
    for (const index of [0, 1, 2]) places.push({ at: at + index * Struct.SIZE, bytes: Struct.SIZE });
    at += CAPACITY * Struct.SIZE;
  }
  const slot = <S extends { header: { generation: number; refs: number } }>(
    Struct: { new (mem: Mem, at: number): S; readonly SIZE: number },
    kind: SlotKind,
    index: number,
  ): S => {
    const view = new Struct(mem, header.tables(kind).base + index * Struct.SIZE);
    view.header.generation = 1;
    view.header.refs = 1;
    return view;
  };
  const text = (to: Uint8Array, value: string): number => {
    to.set(new TextEncoder().encode(value));
    return value.length;
  };

  for (const index of [1, 2]) {
    const process = slot(ProcessSlot, SlotKind.Process, index).state;
    process.pid = index + 1;
    process.addressSpace = index;
    process.fdTable = index;
    process.runState = ProcessRunState.Running;
    process.parent = index - 1;
    text(process.commBytes(), "sample");
    const thread = slot(ThreadSlot, SlotKind.Thread, index).state;
    thread.tid = index + 1;
    thread.process = index;
    thread.hart = 0;
    thread.runState = index === 1 ? ThreadRunState.Running : ThreadRunState.Blocked;
    slot(AddressSpaceSlot, SlotKind.AddressSpace, index);
    const vma = slot(VmaSlot, SlotKind.Vma, index);
    vma.as = index;
    vma.startPage = 16 * index;
    vma.endPage = 16 * index + 8;
    vma.inode = 2;
    vma.dentry = 2;
    const fds = slot(FdTableSlot, SlotKind.FdTable, index);
    fds.count = 3;
    fds.entries(0).ofd = 1;
    fds.entries(2).ofd = 2;
    const inode = slot(InodeSlot, SlotKind.Inode, index);
    inode.state.ino = 100 + index;
    inode.live.pages = 1;
    inode.live.dentry = index;
    const dentry = slot(DentrySlot, SlotKind.Dentry, index);
    dentry.inode = index;
    dentry.parent = 1;
    dentry.flags = DentryFlag.Linked;
    if (index === 2) dentry.nameLength = text(dentry.nameBytes(), "file");
  }
  slot(DentrySlot, SlotKind.Dentry, 3).parent = 2;
  slot(MountSlot, SlotKind.Mount, 1).root = 1;
  const file = slot(OfdSlot, SlotKind.Ofd, 1).state;
  file.kind = OfdKind.File;
  file.inode = 2;
  file.dentry = 2;
  const end = slot(OfdSlot, SlotKind.Ofd, 2).state;
  end.kind = OfdKind.PipeRead;
  end.inode = 1;
  end.object = 1;
  const pipe = slot(PipeSlot, SlotKind.Pipe, 1);
  pipe.state.queue.capacity = 65536;
  pipe.live.inode = 1;
  for (const index of [1, 2]) {
    const { state, live } = slot(SocketSlot, SlotKind.Socket, index);
    state.family = AddressFamily.AF_UNIX;
    state.type = SocketType.SOCK_STREAM;
    state.phase = SocketPhase.Connected;
    state.local.length = 5;
    state.local.bytesBytes().set([AddressFamily.AF_UNIX, 0, 0x2f, 0x61, 0x62]);
    live.inode = 1;
    live.peer = 3 - index;
  }
  slot(HartSlot, SlotKind.Hart, 0).thread = 1;
  const owner = slot(OwnerSlot, SlotKind.Owner, 1);
  owner.statusBase = at;
  owner.statusTail = 3;
  at += 4096;
  for (const index of [0, 1]) {
    const client = slot(ClientSlot, SlotKind.Client, index);
    client.state = ClientState.Attached;
    client.submissionBase = at;
    client.completionBase = at + RING;
    client.arenaBase = at + 2 * RING;
    client.arenaBytes = 4096;
  }
  at += 2 * RING + 4096;
  if (at > mem.u8.length) throw new Error("the sample machine's memory is too small");
  header.hartCount = 1;
  header.clientCount = 2;
  header.memoryPages = 4;
  header.bootState = BootState.Ready;
  header.abiMajor = AbiVersion.Major;
  header.abiMinor = AbiVersion.Minor;
  header.layoutHashHi = LayoutHashHi;
  header.layoutHashLo = LayoutHashLo;
  header.magic = Fixed.Magic;
  return { bytes: mem.u8.slice(), places };
}
