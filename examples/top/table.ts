/** What top shows, made of a session's rows: the same for a terminal and a page, over shared memory and a control channel. */
import { changes, type HartRow, type MemoryRow, type ProcessStatus, type Session } from "@foreshore/abi";

export interface TopView {
  /** Lines above the table. */
  readonly header: readonly string[];
  readonly columns: readonly TopColumn[];
  /** A cell per column, the busiest process first. */
  readonly rows: readonly (readonly string[])[];
  /** Something has used a processor since the look before, so that the next one shows other shares. */
  readonly busy: boolean;
}

export interface TopColumn {
  readonly title: string;
  /** Width in characters; 0: what is left. */
  readonly width: number;
}

const COLUMNS: readonly TopColumn[] = [
  { title: "PID", width: 7 },
  { title: "PPID", width: 7 },
  { title: "S", width: 1 },
  { title: "%CPU", width: 6 },
  { title: "TIME+", width: 9 },
  { title: "RES", width: 8 },
  { title: "THR", width: 4 },
  { title: "FD", width: 4 },
  { title: "COMMAND", width: 0 },
];
const PAGE = 4096;
const MIB = 2 ** 20;
const NS_PER_MS = 1e6;

/** What was read at one time. */
interface Sample {
  readonly atMs: number;
  readonly processes: readonly ProcessStatus[];
  readonly harts: readonly HartRow[];
  readonly memory: MemoryRow | undefined;
  /** Open descriptors by pid. */
  readonly fds: ReadonlyMap<number, number>;
}

async function sample(session: Session): Promise<Sample> {
  const [processes, harts, memory, descriptors] = await Promise.all([
    session.rows("process"),
    session.rows("hart"),
    session.rows("memory"),
    session.rows("fd"),
  ]);
  const fds = new Map<number, number>();
  for (const { pid } of descriptors.rows) fds.set(pid, (fds.get(pid) ?? 0) + 1);
  return { atMs: performance.now(), processes: processes.rows, harts: harts.rows, memory: memory.rows[0], fds };
}

/** Reads the machine again and again: shares of processor time are those since the time before. */
export class Top {
  readonly #session: Session;
  #before: Sample | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** @throws what `session.rows` throws, when the machine or the session has ended */
  async next(): Promise<TopView> {
    const now = await sample(this.#session);
    const before = this.#before;
    this.#before = now;
    const busy = before === undefined || usedNs(now) !== usedNs(before);
    return { header: header(now, before), columns: COLUMNS, rows: rows(now, before), busy };
  }

  /**
   * Looks, with a rest of at least `restMs` between two; where nothing runs, when the machine says that something has changed.
   * @param signal ends it
   * @throws what `next` throws
   */
  async *looks(restMs: number, signal?: AbortSignal): AsyncGenerator<TopView, void> {
    const changed = changes(this.#session.client, ["process", "hart", "memory", "fd"], { signal });
    try {
      for (;;) {
        const view = await this.next();
        yield view;
        await rest(restMs, signal);
        if (!view.busy && !signal?.aborted) await changed.next();
        if (signal?.aborted) return;
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
    } finally {
      await changed.return();
    }
  }
}

/** Settles after `ms`, or when `signal` says so. */
function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, signal?.aborted ? 0 : ms);
    signal?.addEventListener("abort", end);
  });
}

const usedNs = ({ processes }: Sample): number =>
  processes.reduce((sum, { userNs, systemNs }) => sum + userNs + systemNs, 0);

function header({ atMs, processes, harts, memory }: Sample, before: Sample | undefined): string[] {
  const busy = harts.reduce((sum, { busyNs }) => sum + busyNs, 0);
  const then = before?.harts.reduce((sum, { busyNs }) => sum + busyNs, 0) ?? 0;
  const running = processes.reduce((sum, { runnable }) => sum + runnable, 0);
  const count = (state: ProcessStatus["state"]): number => processes.filter((row) => row.state === state).length;
  const used = share(busy - then, atMs - (before?.atMs ?? 0));
  const lines = [
    `${processes.length} processes, ${running} threads that run, ${count("stopped")} stopped, ${count("zombie")} zombies`,
    `${harts.length} harts, ${before === undefined ? "-" : used}% of one used: ${harts.map(({ state }) => state).join(" ")}`,
  ];
  if (memory === undefined) return lines;
  const mib = (pages: number): string => `${((pages * PAGE) / MIB).toFixed(1)} MiB`;
  const { bytes, maxBytes, frames, freeFrames, cachedFrames, dirtyFrames } = memory;
  lines.push(
    `${bytes / MIB} of ${maxBytes / MIB} MiB: ${mib(frames)} pool, ${mib(freeFrames)} free, ${mib(cachedFrames)} cached, ${mib(dirtyFrames)} dirty`,
  );
  return lines;
}

function share(ns: number, ms: number): string {
  return ms <= 0 ? "0.0" : ((Math.max(0, ns) / NS_PER_MS / ms) * 100).toFixed(1);
}

function rows(now: Sample, before: Sample | undefined): string[][] {
  const spent = ({ userNs, systemNs }: ProcessStatus): number => userNs + systemNs;
  // A pid may have been another process's then: its start tells.
  const then = new Map(before?.processes.map((row) => [`${row.pid} ${row.startNs}`, spent(row)]));
  const used = (row: ProcessStatus): number => spent(row) - (then.get(`${row.pid} ${row.startNs}`) ?? 0);
  const ms = now.atMs - (before?.atMs ?? 0);
  return [...now.processes]
    .sort((a, b) => used(b) - used(a) || a.pid - b.pid)
    .map((row) => [
      String(row.pid),
      String(row.ppid),
      stateLetter(row),
      before === undefined ? "-" : share(used(row), ms),
      duration(spent(row) / NS_PER_MS),
      `${((row.residentPages * PAGE) / MIB).toFixed(1)}M`,
      String(row.threads),
      String(now.fds.get(row.pid) ?? 0),
      row.command,
    ]);
}

/** As ps(1): R runs or could, S sleeps, T stopped, Z zombie, N not started. */
function stateLetter({ state, runnable }: ProcessStatus): string {
  if (state === "running") return runnable > 0 ? "R" : "S";
  return { prepared: "N", stopped: "T", zombie: "Z" }[state];
}

/** Minutes, seconds and hundredths. */
function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return `${minutes}:${((ms % 60_000) / 1000).toFixed(2).padStart(5, "0")}`;
}

/** A view as lines of text that are no longer than `width` characters; at most `height` of them. */
export function textLines({ header, columns, rows }: TopView, width: number, height: number): string[] {
  const cells = (texts: readonly string[]): string =>
    texts
      .map((text, i) => {
        const { width: room } = columns[i] ?? { width: 0 };
        return room === 0 ? text : text.padStart(room);
      })
      .join(" ");
  const lines = [...header, "", cells(columns.map(({ title }) => title)), ...rows.map(cells)];
  // What programs call themselves must not reach the terminal as commands.
  return lines.slice(0, height).map((line) => [...line.replace(/\p{Cc}/gu, "?")].slice(0, width).join(""));
}
