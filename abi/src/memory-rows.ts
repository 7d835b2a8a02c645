/**
 * Rows read from a machine's memory, while it runs.
 *
 * A row is of one moment: its slot is copied under its sequence lock, and what it refers to is read before the slot is
 * found unchanged. Two rows may be of different moments. A slot that does not come to rest is in no row, and counted.
 */
import {
  addressFamilyName,
  DentrySlot,
  FdEntryState,
  FdFlag,
  FdTableSlot,
  Fixed,
  fsTypeShown,
  HartState,
  Limit,
  OfdKind,
  type OfdSlot,
  ofdKindName,
  ofdKindShown,
  type SocketAddress,
  socketPhaseName,
  socketTypeName,
  ThreadRunState,
  VmaFlag,
  waitReasonName,
} from "../ts/index.ts";
import type { MachineView } from "./attach.ts";
import { processRows } from "./processes.ts";
import type {
  CacheRow,
  FdRow,
  HartRow,
  MemoryRow,
  MountRow,
  OfdRow,
  PipeRow,
  RowFilter,
  RowKind,
  Rows,
  SocketRow,
  ThreadRow,
  VmaRow,
} from "./rows.ts";
import { CHANGING, collect, fixedText, inodeNumber, Pids, pathOf, TRIES, together, u64 } from "./slot-rows.ts";
import { socketAddressText } from "./socket-address.ts";

const WASM_PAGE = 65536;

type Reader<K extends RowKind> = (view: MachineView, filter: RowFilter) => Rows<K>;

const READERS: { readonly [K in RowKind]: Reader<K> } = {
  process: (view, { pid }) => {
    const all = processRows(view);
    return pid === undefined ? all : { ...all, rows: all.rows.filter((row) => row.pid === pid) };
  },
  thread: threadRows,
  fd: fdRows,
  ofd: ofdRows,
  pipe: pipeRows,
  socket: socketRows,
  vma: vmaRows,
  cache: cacheRows,
  mount: mountRows,
  hart: hartRows,
  memory: (view) => ({ rows: [memoryRow(view)], changing: 0 }),
};

/** All rows of a kind. Never waits: what changes at every try is counted in `changing`. */
export function memoryRows<K extends RowKind>(view: MachineView, kind: K, filter: RowFilter = {}): Rows<K> {
  return READERS[kind](view, filter);
}

const THREAD_STATES: Readonly<Record<number, ThreadRow["state"]>> = {
  [ThreadRunState.Prepared]: "prepared",
  [ThreadRunState.Ready]: "ready",
  [ThreadRunState.Running]: "running",
  [ThreadRunState.Blocked]: "blocked",
  [ThreadRunState.Stopped]: "stopped",
  [ThreadRunState.Exited]: "exited",
};

function threadRows(view: MachineView, filter: RowFilter): Rows<"thread"> {
  const pids = new Pids(view);
  const rows: ThreadRow[] = [];
  const changing = collect(view.threads, rows, ({ state, cpu }, index): ThreadRow | undefined => {
    // Threads and processes get their ids last.
    const pid = state.tid === 0 ? 0 : pids.of(state.process);
    if (pid === 0 || (filter.pid !== undefined && pid !== filter.pid)) return undefined;
    const blocked = state.runState === ThreadRunState.Blocked;
    return {
      handle: { index, generation: view.threads.generation },
      tid: state.tid,
      pid,
      name: fixedText(state.nameBytes()),
      state: THREAD_STATES[state.runState] ?? "failed",
      hart: state.hart,
      waitsFor: waitReasonName(blocked ? state.blocked.reason : 0),
      syscall: blocked ? state.blocked.number : -1,
      userNs: u64(state.userNsHi, state.userNsLo),
      systemNs: u64(state.systemNsHi, state.systemNsLo),
      syscalls: state.syscalls,
      instructions: u64(cpu.instretHi, cpu.instretLo),
    };
  });
  return { rows: rows.sort((a, b) => a.pid - b.pid || a.tid - b.tid), changing };
}

const FD_ENTRIES = FdTableSlot.OFFSET.entries;

function fdRows(view: MachineView, filter: RowFilter): Rows<"fd"> {
  const rows: FdRow[][] = [];
  const changing = collect(view.processes, rows, ({ state }): FdRow[] | undefined | typeof CHANGING => {
    const { pid, fdTable } = state;
    if (pid === 0 || fdTable === 0 || (filter.pid !== undefined && pid !== filter.pid)) return undefined;
    return descriptors(view, pid, fdTable);
  });
  return { rows: rows.flat().sort((a, b) => a.pid - b.pid || a.fd - b.fd), changing };
}

/** As `together`, for a table (a chain of slots) of which only the descriptors in use are copied. */
function descriptors(view: MachineView, pid: number, table: number): FdRow[] | typeof CHANGING {
  const { fdTables, ofds } = view;
  for (let tries = 0; tries < TRIES; tries++) {
    if (fdTables.loadStart(table, FD_ENTRIES) !== "loaded") return CHANGING;
    const { count } = fdTables.slot;
    const { seq } = fdTables;
    const rows: FdRow[] = [];
    let [part, base] = [table, 0];
    while (part !== 0 && base < count && base < Limit.Fds) {
      const inUse = Math.min(count - base, Limit.FdsPerTable);
      if (fdTables.loadStart(part, FD_ENTRIES + inUse * FdEntryState.SIZE) !== "loaded") break;
      for (let k = 0; k < inUse; k++) {
        const { ofd, flags } = fdTables.slot.entries(k);
        if (ofd === 0) continue;
        const handle = { index: ofd, generation: ofds.generationOf(ofd) };
        rows.push({ pid, fd: base + k, ofd: handle, closeOnExec: (flags & FdFlag.FD_CLOEXEC) !== 0 });
      }
      [part, base] = [fdTables.slot.next, base + inUse];
    }
    if (fdTables.seqOf(table) === seq && base === count) return rows;
  }
  return CHANGING;
}

function ofdRows(view: MachineView): Rows<"ofd"> {
  const rows: OfdRow[] = [];
  const changing = collect(view.ofds, rows, (slot: OfdSlot, index): OfdRow | undefined | typeof CHANGING => {
    const { header, state } = slot;
    const { kind } = state;
    // It is being made (its inode comes last), or closed.
    const unnamed = ofdKindShown(kind);
    if (kind === OfdKind.None || header.refs === 0 || (state.inode === 0 && unnamed === undefined)) return undefined;
    const inode = inodeNumber(view, state.inode);
    const nameless = unnamed ?? `${kind === OfdKind.Socket ? "socket" : "pipe"}:[${inode}]`;
    const path = state.dentry === 0 ? nameless : pathOf(view, state.dentry);
    if (path === CHANGING) return CHANGING;
    return {
      handle: { index, generation: view.ofds.generation },
      kind: ofdKindName(kind),
      path: path ?? "",
      inode,
      offset: state.pos,
      flags: state.flags,
      refs: header.refs,
    };
  });
  return { rows, changing };
}

function pipeRows(view: MachineView): Rows<"pipe"> {
  const rows: PipeRow[] = [];
  const changing = collect(view.pipes, rows, ({ state, live }, index): PipeRow | undefined => {
    const { queue } = state;
    if (live.inode === 0) return undefined; // it is being made
    return {
      handle: { index, generation: view.pipes.generation },
      inode: inodeNumber(view, live.inode),
      bytes: (queue.tail - queue.head) >>> 0,
      capacity: queue.capacity,
      readers: state.readers,
      writers: state.writers,
    };
  });
  return { rows, changing };
}

function socketRows(view: MachineView): Rows<"socket"> {
  const rows: SocketRow[] = [];
  const name = (address: SocketAddress) => socketAddressText(address.bytesBytes().slice(0, address.length));
  const changing = collect(view.sockets, rows, ({ state, live }, index): SocketRow | undefined => {
    if (state.type === 0) return undefined;
    const generation = live.peer === 0 ? 0 : view.sockets.generationOf(live.peer);
    return {
      handle: { index, generation: view.sockets.generation },
      inode: inodeNumber(view, live.inode),
      family: addressFamilyName(state.family),
      type: socketTypeName(state.type),
      phase: socketPhaseName(state.phase),
      local: name(state.local),
      remote: name(state.remote),
      bytes: (state.queue.tail - state.queue.head) >>> 0,
      messages: state.messages,
      waiting: state.waiting,
      backlog: state.backlog,
      peer: live.peer === 0 ? undefined : { index: live.peer, generation },
    };
  });
  return { rows, changing };
}

interface Mapper {
  readonly pid: number;
  readonly process: number;
  readonly processGeneration: number;
  readonly spaceGeneration: number;
}

/** Who has which address space: of several processes (CLONE_VM) the one with the lowest pid. */
function mappers(view: MachineView, filter: RowFilter): { of: Map<number, Mapper>; changing: number } {
  const of = new Map<number, Mapper>();
  let changing = 0;
  const { processRows: processes, addressSpaces } = view;
  for (let index = processes.first, end = processes.end; index < end; index++) {
    const row = together(processes, index, ({ state: { pid, addressSpace } }) => {
      if (pid === 0 || addressSpace === 0 || (filter.pid !== undefined && pid !== filter.pid)) return undefined;
      const spaceGeneration = addressSpaces.generationOf(addressSpace);
      return { addressSpace, pid, process: index, processGeneration: processes.generation, spaceGeneration };
    });
    if (row === CHANGING) changing++;
    else if (row !== undefined && (of.get(row.addressSpace)?.pid ?? row.pid + 1) > row.pid)
      of.set(row.addressSpace, row);
  }
  return { of, changing };
}

function vmaRows(view: MachineView, filter: RowFilter): Rows<"vma"> {
  const { of, changing } = mappers(view, filter);
  const { addressSpaces, processes } = view;
  const rows: VmaRow[] = [];
  const missed = collect(view.vmas, rows, (vma, index): VmaRow | undefined | typeof CHANGING => {
    const mapper = of.get(vma.as);
    if (mapper === undefined) return undefined;
    const inode = inodeNumber(view, vma.inode);
    const path = vma.dentry === 0 ? nameless(vma.flags, vma.inode) : pathOf(view, vma.dentry);
    if (path === CHANGING) return CHANGING;
    const row = {
      pid: mapper.pid,
      handle: { index, generation: view.vmas.generation },
      start: vma.startPage * Fixed.PageSize,
      end: vma.endPage * Fixed.PageSize,
      perms: permissions(vma.flags),
      offset: vma.filePage * Fixed.PageSize,
      inode,
      path: path ?? "",
    };
    // The address space is the same since its process was found to have it: so it has it still, or has ended.
    const same =
      addressSpaces.generationOf(vma.as) === mapper.spaceGeneration &&
      processes.generationOf(mapper.process) === mapper.processGeneration;
    return same ? row : undefined;
  });
  return { rows: rows.sort((a, b) => a.pid - b.pid || a.start - b.start), changing: changing + missed };
}

function nameless(flags: number, inode: number): string {
  if (inode !== 0) return "/dev/zero (deleted)";
  if ((flags & VmaFlag.Brk) !== 0) return "[heap]";
  return (flags & VmaFlag.Stack) !== 0 ? "[stack]" : "";
}

function permissions(flags: number): string {
  const letter = (flag: number, name: string): string => ((flags & flag) !== 0 ? name : "-");
  const shared = (flags & VmaFlag.Shared) !== 0 ? "s" : "p";
  return letter(VmaFlag.Read, "r") + letter(VmaFlag.Write, "w") + letter(VmaFlag.Exec, "x") + shared;
}

function cacheRows(view: MachineView): Rows<"cache"> {
  const rows: CacheRow[] = [];
  const changing = collect(view.inodes, rows, ({ state, live }, index): CacheRow | undefined | typeof CHANGING => {
    if (live.pages === 0) return undefined;
    const { pages, dirtyPages: dirty } = live;
    const { ino, size } = state;
    // Any of its names, which may be gone by now: it is one of this inode, or none.
    const path = live.dentry === 0 ? undefined : pathOf(view, live.dentry, index);
    if (path === CHANGING) return CHANGING;
    return { handle: { index, generation: view.inodes.generation }, inode: ino, path: path ?? "", size, pages, dirty };
  });
  return { rows, changing };
}

function mountRows(view: MachineView): Rows<"mount"> {
  const rows: MountRow[] = [];
  const changing = collect(view.mounts, rows, ({ root, fs }, index): MountRow | undefined | typeof CHANGING => {
    // Its root comes last; before, it is being made.
    const path = root === 0 ? undefined : pathOf(view, root);
    if (path === undefined || path === CHANGING) return path;
    const inode = view.dentries.loadStart(root, DENTRY_INODE) === "loaded" ? view.dentries.slot.inode : 0;
    const handle = { index, generation: view.mounts.generation };
    return { handle, path, type: fsTypeShown(fs) ?? "", inode: inodeNumber(view, inode) };
  });
  return { rows, changing };
}

const DENTRY_INODE = DentrySlot.OFFSET.inode + 4;

const HART_STATES: Readonly<Record<number, HartRow["state"]>> = {
  [HartState.Dead]: "dead",
  [HartState.Idle]: "idle",
  [HartState.InGuest]: "guest",
  [HartState.InKernel]: "kernel",
};

function hartRows(view: MachineView): Rows<"hart"> {
  const pids = new Pids(view);
  const rows: HartRow[] = [];
  const { threads } = view;
  const harts = view.header.hartCount;
  const changing = collect(view.harts, rows, (hart, index): HartRow | undefined => {
    if (index >= harts) return undefined;
    const state = HART_STATES[hart.state & (2 ** Fixed.HartStateShift - 1)] ?? "dead";
    const busyNs = Number(hart.busyNs);
    // The thread itself says whether it runs here: the hart's word may be older than the thread's slot.
    const ran =
      hart.thread === 0
        ? undefined
        : together(threads, hart.thread, ({ state: thread }) => {
            const runs = thread.runState === ThreadRunState.Running && thread.hart === index;
            return runs ? { tid: thread.tid, pid: pids.of(thread.process) } : undefined;
          });
    const { pid, tid } = ran === undefined || ran === CHANGING || ran.pid === 0 ? { pid: 0, tid: 0 } : ran;
    return { hart: index, state, pid, tid, busyNs };
  });
  return { rows, changing };
}

function memoryRow({ header }: MachineView): MemoryRow {
  return {
    bytes: header.memoryPages * WASM_PAGE,
    maxBytes: header.memoryMaxPages * WASM_PAGE,
    frames: header.poolEndFrame - header.poolFirstFrame,
    freeFrames: header.freeFrames,
    cachedFrames: header.cachedFrames,
    dirtyFrames: header.dirtyFrames,
  };
}
