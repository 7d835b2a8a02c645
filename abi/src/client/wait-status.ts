/** Linux wait statuses and signal numbers. */
import { Signal } from "../../ts/index.ts";

export type SignalName = Extract<keyof typeof Signal, `SIG${string}`>;

/** How a process ended. */
export interface ExitStatus {
  /** Exit code, 0 to 255; null when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it ("SIGKILL"; "SIGRTMIN+3" for a real-time one), else null. */
  readonly signal: string | null;
  /** That signal's number, else 0. */
  readonly signalNumber: number;
  /** What wait(2) gives. */
  readonly status: number;
}

const NAMES = new Map<number, string>(
  Object.entries(Signal)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** Name of a signal. */
export function signalName(number: number): string {
  return NAMES.get(number) ?? (number > Signal.SIGRTMIN ? `SIGRTMIN+${number - Signal.SIGRTMIN}` : `SIG${number}`);
}

/**
 * Number of a signal given by name or number.
 * @throws RangeError for what is no signal
 */
export function signalNumber(signal: SignalName | number): number {
  const number = typeof signal === "number" ? signal : Signal[signal];
  if (!Number.isInteger(number) || number < 0 || number > 64) throw new RangeError(`${String(signal)} is no signal`);
  return number;
}

/** wait(2): low 7 bits the signal, else bits 8 to 15 the exit code. */
export function exitStatus(status: number): ExitStatus {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >>> 8) & 0xff, signal: null, signalNumber: 0, status };
  return { code: null, signal: signalName(signal), signalNumber: signal, status };
}
