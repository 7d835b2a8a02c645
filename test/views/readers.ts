/**
 * Readers of a running machine's memory that check what they see, while test/guests/stress_views.c runs in it: rows of all
 * kinds, and slots as `SlotReader.load` gives them.
 */
import {
  type MachineView,
  memoryRows,
  type ProcessSlot,
  type RowKind,
  type RowTypes,
  type SlotOutcome,
  type VmaSlot,
} from "@foreshore/abi";

/** What readers saw. Can be posted. */
export interface ViewReport {
  /** Times that everything was read. */
  passes: number;
  readonly rows: Record<string, number>;
  readonly changing: Record<string, number>;
  /** What cannot be; the first few. */
  readonly faults: string[];
  /** Sizes of the memory in bytes that were seen first and last. */
  firstBytes: number;
  lastBytes: number;
}

export function emptyReport(): ViewReport {
  return { passes: 0, rows: {}, changing: {}, faults: [], firstBytes: 0, lastBytes: 0 };
}

const MAX_FAULTS = 20;
const BASE = 0x50000000;
const MAPPED = "/tmp/views.map";
const PROGRAM = "stress_views";
/** The process that the host plays: it has no parent. */
const INIT = 1;
const SMALL_PIPE = 4096;
const SMALL_PIPE_BYTES = 3000;
const SOCKET_BYTES = 100;

/** Names that a process of this pid may have: its own, and those that it had before it named itself. */
function named(name: string, pid: number): boolean {
  if (pid === INIT) return name === "init";
  if (name === PROGRAM || /^(views-[a-d]|L{15}|R{15})$/.test(name)) return true;
  return name === `view-${String(pid).padStart(10, "0")}`;
}

const path = (text: string): boolean => /^(\/.*|(pipe|socket):\[\d+\]|anon_inode:.*|\[\w+\])?$/.test(text);

/** What is true of every row, whatever the machine does. */
const HOLDS: { readonly [K in RowKind]: (row: RowTypes[K]) => boolean } = {
  process: (row) =>
    row.pid > 0 &&
    row.ppid > 0 === (row.pid !== INIT) &&
    row.pgid > 0 &&
    row.sid > 0 &&
    named(row.command, row.pid) &&
    odd(row.handle),
  thread: (row) =>
    row.tid > 0 &&
    row.pid > 0 &&
    row.tid === row.pid &&
    named(row.name, row.tid) &&
    row.hart < 4 &&
    (row.state === "blocked") === row.syscall >= 0 &&
    odd(row.handle),
  fd: (row) => row.pid > 0 && row.fd >= 0 && row.fd < 104 && odd(row.ofd) && (!row.closeOnExec || row.fd >= 100),
  ofd: (row) =>
    row.refs > 0 &&
    row.refs < 100 &&
    row.kind !== "None" &&
    path(row.path) &&
    (row.kind === "File") === (row.path === MAPPED || /^\/tmp\/views-\d+( \(deleted\))?$/.test(row.path)) &&
    row.kind.startsWith("Pipe") === (row.path === `pipe:[${row.inode}]`) &&
    (row.kind === "Socket") === (row.path === `socket:[${row.inode}]`) &&
    row.offset <= 5000 &&
    odd(row.handle),
  pipe: (row) =>
    row.bytes <= row.capacity &&
    row.inode > 0 &&
    row.readers <= 40 &&
    row.writers <= 40 &&
    (row.capacity !== SMALL_PIPE || row.bytes === 0 || row.bytes === SMALL_PIPE_BYTES),
  socket: (row) =>
    row.family === "AF_UNIX" &&
    row.type === "SOCK_STREAM" &&
    /^(Idle|Connected|Closed)$/.test(row.phase) &&
    (row.bytes === 0 || row.bytes === SOCKET_BYTES) &&
    row.messages <= 1 &&
    /^(@[0-9a-f]{5})?$/.test(row.local) &&
    odd(row.handle),
  vma: (row) =>
    row.start < row.end &&
    row.pid > 0 &&
    path(row.path) &&
    /^[r-][w-][x-][ps]$/.test(row.perms) &&
    (row.path !== MAPPED || (row.start >= BASE && row.offset === row.start - BASE)),
  cache: (row) => row.pages > 0 && row.dirty <= row.pages && path(row.path) && row.inode > 0,
  mount: (row) => path(row.path) && row.type !== "" && row.inode > 0 && odd(row.handle),
  hart: (row) => row.hart < 4 && row.pid > 0 === row.tid > 0 && row.pid === row.tid,
  memory: (row) => row.bytes > 0 && row.bytes <= row.maxBytes && row.freeFrames <= row.frames,
};

function odd(handle: { readonly generation: number }): boolean {
  return (handle.generation & 1) === 1;
}

/** Reads everything again and again for some time. */
export function readFor(view: MachineView, ms: number, report: ViewReport): void {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    for (const kind of Object.keys(HOLDS) as RowKind[]) rows(view, kind, report);
    slots(view, report);
    report.passes++;
  }
}

function fault(report: ViewReport, kind: string, row: unknown): void {
  if (report.faults.length < MAX_FAULTS) report.faults.push(`${kind}: ${JSON.stringify(row)}`);
}

function count(into: Record<string, number>, kind: string, n: number): void {
  into[kind] = (into[kind] ?? 0) + n;
}

function rows<K extends RowKind>(view: MachineView, kind: K, report: ViewReport): void {
  const found = memoryRows(view, kind);
  count(report.rows, kind, found.rows.length);
  count(report.changing, kind, found.changing);
  for (const row of found.rows) if (!HOLDS[kind](row)) fault(report, kind, row);
  if (kind === "memory") {
    const { bytes } = found.rows[0] as RowTypes["memory"];
    if (report.firstBytes === 0) report.firstBytes = bytes;
    if (bytes < report.lastBytes) fault(report, "memory that shrinks", bytes);
    report.lastBytes = bytes;
  }
}

const decoder = new TextDecoder();

/** Times that a slot is loaded that is made and freed all the time. */
const HAMMER = 500;

/** Slots whose fields lie apart and belong together, as `load` copies them. */
function slots(view: MachineView, report: ViewReport): void {
  const { processRows: processes, vmas, pipes } = view;
  const tally = (outcome: SlotOutcome): boolean => {
    if (outcome === "changing") count(report.changing, "slots", 1);
    else if (outcome === "loaded") count(report.rows, "slots", 1);
    return outcome === "loaded";
  };
  for (let index = processes.first, end = processes.end; index < end; index++) {
    for (let i = 0; i < HAMMER / 10 && tally(processes.load(index)); i++) processSlot(processes.slot, report);
  }
  for (let index = vmas.first, end = vmas.end; index < end; index++) {
    // The mappings that come and go are the ones that are worth it.
    for (let i = 0; i < HAMMER && tally(vmas.load(index)) && vmaSlot(vmas.slot, report); i++);
  }
  for (let index = pipes.first, end = pipes.end; index < end; index++) {
    for (let i = 0; i < HAMMER / 10 && tally(pipes.load(index)); i++) {
      const { head, tail, capacity } = pipes.slot.state.queue;
      if (capacity !== 0 && (tail - head) >>> 0 > capacity) fault(report, "pipe slot", { head, tail, capacity });
    }
  }
}

function processSlot({ state }: ProcessSlot, report: ViewReport): void {
  const bytes = state.commBytes();
  const name = decoder.decode(bytes.subarray(0, bytes.indexOf(0)));
  if (state.pid !== 0 && !named(name, state.pid)) fault(report, "process slot", { pid: state.pid, name });
}

/** Whether the mapping is of the pages that are mapped and unmapped all the time. */
function vmaSlot({ startPage, endPage, filePage, inode, flags }: VmaSlot, report: ViewReport): boolean {
  if (startPage > endPage) fault(report, "vma slot", { startPage, endPage });
  const at = startPage - BASE / 4096;
  // No other file is mapped at these pages.
  const ours = inode !== 0 && at >= 0 && at < 64;
  if (ours && filePage !== at) fault(report, "vma slot", { startPage, endPage, filePage, inode, flags });
  return ours;
}

/** What is wrong with a report, besides its faults; empty when nothing is. */
export function judge(report: ViewReport): string[] {
  const wrong = [...report.faults];
  for (const kind of [...Object.keys(HOLDS), "slots"]) {
    const found = report.rows[kind] ?? 0;
    const changing = report.changing[kind] ?? 0;
    if (found === 0) wrong.push(`no ${kind} was seen in ${report.passes} passes`);
    // A writer that loses its processor within a change keeps its slot odd as long as that lasts.
    if (changing > found * MAX_CHANGING) wrong.push(`${changing} of ${found} ${kind} rows changed at every try`);
  }
  if (report.lastBytes <= report.firstBytes) wrong.push(`the memory did not grow from ${report.firstBytes} bytes`);
  return wrong;
}

const MAX_CHANGING = 0.02;
