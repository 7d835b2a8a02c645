/** The process table as viewers show it, read from a machine's memory. */
import { ProcessRunState, ThreadRunState, type ThreadState } from "../ts/index.ts";
import type { MachineView } from "./attach.ts";

/** One process. */
export interface ProcessStatus {
  readonly pid: number;
  /** 1 where its parent is the host. */
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly uid: number;
  readonly state: "prepared" | "running" | "stopped" | "zombie";
  readonly threads: number;
  /** Threads that run or could run now. */
  readonly runnable: number;
  readonly nice: number;
  /** Pages of 4 KiB that have a frame. */
  readonly residentPages: number;
  readonly mappedPages: number;
  /** Processor time in ns. */
  readonly userNs: number;
  readonly systemNs: number;
  /** When it was made, on the machine's monotonic clock, in ns. */
  readonly startNs: number;
  /** Guest instructions retired. */
  readonly instructions: number;
  readonly syscalls: number;
  /** Name of the program, at most 15 bytes of it. */
  readonly command: string;
}

const STATES: Readonly<Record<number, ProcessStatus["state"]>> = {
  [ProcessRunState.Prepared]: "prepared",
  [ProcessRunState.Running]: "running",
  [ProcessRunState.Stopped]: "stopped",
  [ProcessRunState.Zombie]: "zombie",
};
const TWO_32 = 2 ** 32;
/** The host plays init. */
const HOST_PID = 1;

interface Sums {
  threads: number;
  userNs: number;
  systemNs: number;
  instructions: number;
  syscalls: number;
  runnable: number;
}

/** All processes, by pid. Each row is of one moment; two rows may be of different ones. */
export function processTable(view: MachineView): ProcessStatus[] {
  const sums = new Map<number, Sums>();
  view.threads.forEach(({ state, cpu }) => {
    const sum = sums.get(state.process) ?? {
      threads: 0,
      userNs: 0,
      systemNs: 0,
      instructions: 0,
      syscalls: 0,
      runnable: 0,
    };
    sums.set(state.process, sum);
    sum.userNs += ns(state.userNsHi, state.userNsLo);
    sum.instructions += ns(cpu.instretHi, cpu.instretLo);
    sum.syscalls += state.syscalls;
    if (state.runState !== ThreadRunState.Exited) sum.threads++;
    if (isRunnable(state)) sum.runnable++;
  });
  const pids = new Map<number, number>();
  const rows: (ProcessStatus & { parent: number })[] = [];
  view.processRows.forEach(({ state }, index) => {
    pids.set(index, state.pid);
    const sum = sums.get(index);
    const space = state.addressSpace !== 0 && view.addressSpaces.load(state.addressSpace) === "loaded";
    const memory = view.addressSpaces.slot.state;
    rows.push({
      parent: state.parent,
      pid: state.pid,
      ppid: 0,
      pgid: state.pgid,
      sid: state.sid,
      uid: state.uid,
      state: STATES[state.runState] ?? "running",
      threads: sum?.threads ?? 0,
      runnable: sum?.runnable ?? 0,
      nice: state.nice,
      residentPages: space ? memory.residentPagesLo : 0,
      mappedPages: space ? memory.mappedPagesLo : 0,
      userNs: ns(state.userNsHi, state.userNsLo) + (sum?.userNs ?? 0),
      systemNs: ns(state.systemNsHi, state.systemNsLo) + (sum?.systemNs ?? 0),
      startNs: ns(state.startNsHi, state.startNsLo),
      instructions: ns(state.instretHi, state.instretLo) + (sum?.instructions ?? 0),
      syscalls: ns(state.syscallsHi, state.syscallsLo) + (sum?.syscalls ?? 0),
      command: text(state.commBytes()),
    });
  });
  return rows
    .map(({ parent, ...row }) => ({ ...row, ppid: pids.get(parent) ?? HOST_PID }))
    .sort((a, b) => a.pid - b.pid);
}

function ns(hi: number, lo: number): number {
  return hi * TWO_32 + lo;
}

function isRunnable(state: ThreadState): boolean {
  return state.runState === ThreadRunState.Ready || state.runState === ThreadRunState.Running;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
