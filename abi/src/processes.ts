/** The process table as viewers show it, read from a machine's memory. */
import { AddressSpaceSlot, AddressSpaceState, ProcessRunState, ThreadRunState, type ThreadState } from "../ts/index.ts";
import type { MachineView } from "./attach.ts";
import type { ProcessStatus, Rows } from "./rows.ts";
import { collect, fixedText, Pids, u64 } from "./slot-rows.ts";

const STATES: Readonly<Record<number, ProcessStatus["state"]>> = {
  [ProcessRunState.Prepared]: "prepared",
  [ProcessRunState.Running]: "running",
  [ProcessRunState.Stopped]: "stopped",
  [ProcessRunState.Zombie]: "zombie",
};
/** Without the auxiliary vector. */
const SPACE_BYTES = AddressSpaceSlot.OFFSET.state + AddressSpaceState.OFFSET.auxvLen;
/** The host plays init. */
const HOST_PID = 1;

interface Sums {
  /** Of the process. */
  readonly generation: number;
  threads: number;
  userNs: number;
  systemNs: number;
  instructions: number;
  syscalls: number;
  runnable: number;
}

/** What the threads of each process slot have used. */
function sumThreads(view: MachineView): { sums: Map<number, Sums>; changing: number } {
  const sums = new Map<number, Sums>();
  const threads: { process: number; generation: number; state: ThreadSums }[] = [];
  const changing = collect(view.threads, threads, ({ state, cpu }) => ({
    process: state.process,
    generation: view.processRows.generationOf(state.process),
    state: {
      lives: state.runState !== ThreadRunState.Exited,
      runnable: isRunnable(state),
      userNs: u64(state.userNsHi, state.userNsLo),
      systemNs: u64(state.systemNsHi, state.systemNsLo),
      instructions: u64(cpu.instretHi, cpu.instretLo),
      syscalls: state.syscalls,
    },
  }));
  for (const { process, generation, state } of threads) {
    let sum = sums.get(process);
    if (sum === undefined || sum.generation !== generation) {
      sum = { generation, threads: 0, userNs: 0, systemNs: 0, instructions: 0, syscalls: 0, runnable: 0 };
      sums.set(process, sum);
    }
    sum.userNs += state.userNs;
    sum.systemNs += state.systemNs;
    sum.instructions += state.instructions;
    sum.syscalls += state.syscalls;
    if (state.lives) sum.threads++;
    if (state.runnable) sum.runnable++;
  }
  return { sums, changing };
}

interface ThreadSums {
  readonly lives: boolean;
  readonly runnable: boolean;
  readonly userNs: number;
  readonly systemNs: number;
  readonly instructions: number;
  readonly syscalls: number;
}

/** All processes, by pid. A row's words about threads are each of their own moment; the rest is of one. */
export function processRows(view: MachineView): Rows<"process"> {
  const { sums, changing } = sumThreads(view);
  const pids = new Pids(view);
  const rows: ProcessStatus[] = [];
  const missed = collect(view.processRows, rows, ({ state }, index): ProcessStatus | undefined => {
    // The pid comes last: without one it is being made.
    if (state.pid === 0) return undefined;
    const { generation } = view.processRows;
    const found = sums.get(index);
    const sum = found?.generation === generation ? found : undefined;
    const space =
      state.addressSpace !== 0 && view.addressSpaces.loadStart(state.addressSpace, SPACE_BYTES) === "loaded";
    const memory = view.addressSpaces.slot.state;
    return {
      handle: { index, generation },
      pid: state.pid,
      ppid: state.pid === HOST_PID ? 0 : pids.of(state.parent) || HOST_PID,
      pgid: state.pgid,
      sid: state.sid,
      uid: state.uid,
      state: STATES[state.runState] ?? "running",
      threads: sum?.threads ?? 0,
      runnable: sum?.runnable ?? 0,
      nice: state.nice,
      residentPages: space ? memory.residentPagesLo : 0,
      mappedPages: space ? memory.mappedPagesLo : 0,
      userNs: u64(state.userNsHi, state.userNsLo) + (sum?.userNs ?? 0),
      systemNs: u64(state.systemNsHi, state.systemNsLo) + (sum?.systemNs ?? 0),
      startNs: u64(state.startNsHi, state.startNsLo),
      instructions: u64(state.instretHi, state.instretLo) + (sum?.instructions ?? 0),
      syscalls: u64(state.syscallsHi, state.syscallsLo) + (sum?.syscalls ?? 0),
      command: fixedText(state.commBytes()),
    };
  });
  return { rows: rows.sort((a, b) => a.pid - b.pid), changing: changing + missed };
}

/** As `processRows`, without what could not be read. */
export function processTable(view: MachineView): ProcessStatus[] {
  return [...processRows(view).rows];
}

function isRunnable(state: ThreadState): boolean {
  return state.runState === ThreadRunState.Ready || state.runState === ThreadRunState.Running;
}
