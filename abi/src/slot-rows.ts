/** What rows of several slots are made with: slots that are read together, and names of processes and files. */
import { DentryFlag, DentrySlot, InodeSlot, InodeState, ProcessSlot, ProcessState } from "../ts/index.ts";
import type { MachineView, SlotReader } from "./attach.ts";

/** How often a row is begun again because the slot that it starts from changed meanwhile. */
export const TRIES = 16;
/** Directories above a file; the kernel's own limit is the length of a path. */
const MAX_DEPTH = 256;
const INO_BYTES = InodeSlot.OFFSET.state + InodeState.OFFSET.ino + 8;
const PID_BYTES = ProcessSlot.OFFSET.state + ProcessState.OFFSET.pid + 4;

/** What a slot that changes too fast is, where a row is asked for. */
export const CHANGING = Symbol("changing");

/**
 * Makes a row of slot `index` and of what it refers to, all of one moment: `make` is called with the slot loaded, and again
 * when the slot changed before it was done. `make` may say CHANGING itself.
 */
export function together<S, R>(
  reader: SlotReader<S>,
  index: number,
  make: (slot: S) => R | undefined | typeof CHANGING,
): R | undefined | typeof CHANGING {
  for (let tries = 0; tries < TRIES; tries++) {
    const outcome = reader.load(index);
    if (outcome === "free") return undefined;
    if (outcome === "changing") return CHANGING;
    const row = make(reader.slot);
    if (reader.unchanged()) return row;
  }
  return CHANGING;
}

/** Rows of all slots of a table that `make` has one of; returns how many changed too fast. */
export function collect<S, R>(
  reader: SlotReader<S>,
  rows: R[],
  make: (slot: S, index: number) => R | undefined | typeof CHANGING,
): number {
  let changing = 0;
  for (let index = reader.first, end = reader.end; index < end; index++) {
    const row = together(reader, index, (slot) => make(slot, index));
    if (row === CHANGING) changing++;
    else if (row !== undefined) rows.push(row);
  }
  return changing;
}

/** Process ids by process slot. */
export class Pids {
  readonly #view: MachineView;
  readonly #known = new Map<number, { readonly generation: number; readonly pid: number }>();

  constructor(view: MachineView) {
    this.#view = view;
  }

  /** The pid of the process that is in slot `index` now; 0 for none. Slots keep their pid as long as they are in use. */
  of(index: number): number {
    if (index === 0) return 0;
    const reader = this.#view.processes;
    const known = this.#known.get(index);
    if (known !== undefined && known.generation === reader.generationOf(index)) return known.pid;
    if (reader.loadStart(index, PID_BYTES) !== "loaded") return 0;
    const { pid } = reader.slot.state;
    // A process without a pid is being made.
    if (pid !== 0) this.#known.set(index, { generation: reader.generation, pid });
    return pid;
  }
}

/** The inode number of an inode slot that the caller's slot refers to; 0 for none. */
export function inodeNumber(view: MachineView, index: number): number {
  return index !== 0 && view.inodes.loadStart(index, INO_BYTES) === "loaded" ? view.inodes.slot.state.ino : 0;
}

interface Step {
  readonly index: number;
  readonly seq: number;
}

/**
 * The path of a dentry from the root of the machine, " (deleted)" behind a name that is gone; undefined when the slot is
 * free or names another inode than `inode`.
 */
export function pathOf(view: MachineView, dentry: number, inode = 0): string | undefined | typeof CHANGING {
  const { header } = view;
  for (let tries = 0; tries < TRIES; tries++) {
    // Seq-cst load: the walk's loads come after it.
    const treeSeq = header.treeSeq;
    if ((treeSeq & 1) !== 0) continue;
    const steps: Step[] = [];
    const text = walk(view, dentry, inode, steps);
    if (text === CHANGING) continue;
    const { u32 } = view.mem;
    if (Atomics.add(u32, header.treeSeqIndex(), 0) !== treeSeq) continue;
    if (steps.every(({ index, seq }) => view.dentries.seqOf(index) === seq)) return text;
  }
  return CHANGING;
}

function walk(view: MachineView, dentry: number, inode: number, steps: Step[]): string | undefined | typeof CHANGING {
  const { dentries } = view;
  const slot = dentries.slot;
  let text = "";
  let deleted = "";
  for (let at = dentry; steps.length < MAX_DEPTH; ) {
    const outcome = dentries.loadStart(at, DentrySlot.OFFSET.name);
    if (outcome === "changing") return CHANGING;
    if (outcome === "free") return steps.length === 0 ? undefined : CHANGING;
    const { parent, covers, nameLength, flags } = slot;
    if (steps.length === 0) {
      if (inode !== 0 && slot.inode !== inode) return undefined;
      if ((flags & (DentryFlag.Linked | DentryFlag.Dynamic)) === 0) deleted = " (deleted)";
    }
    steps.push({ index: at, seq: dentries.seq });
    if (covers !== 0) at = covers;
    else if (parent === at) return `${text === "" ? "/" : text}${deleted}`;
    else {
      if (dentries.loadStart(at, DentrySlot.OFFSET.name + nameLength) !== "loaded") return CHANGING;
      text = `/${decoder.decode(slot.nameBytes().subarray(0, nameLength))}${text}`;
      at = parent;
    }
  }
  return CHANGING;
}

const decoder = new TextDecoder();

/** Text of a fixed array of bytes, up to its first NUL. */
export function fixedText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

const TWO_32 = 2 ** 32;

/** A 64-bit field by its halves: exact below 2^53. */
export function u64(hi: number, lo: number): number {
  return hi * TWO_32 + lo;
}
