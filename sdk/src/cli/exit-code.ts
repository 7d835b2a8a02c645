/** Exit codes of the command line, those of env(1), timeout(1) and shells. */

import { Signal } from "@foreshore/abi";

export const ExitCode = {
  TimedOut: 124,
  /** Foreshore itself failed, or was called wrongly. */
  Failed: 125,
  NotExecutable: 126,
  NotFound: 127,
} as const;

/** How a guest ended. */
export interface GuestExit {
  /** Exit status when it exited. */
  code: number | null;
  /** The signal's number when one ended it. */
  signal: number | null;
}

/** The shell's rendering of how a program ended. */
export function exitCodeOf(exit: GuestExit): number {
  return exit.signal === null ? (exit.code ?? 0) & 0xff : 128 + exit.signal;
}

/** 128 + the number of a signal that came to us. */
export function exitCodeOfSignal(name: keyof typeof Signal): number {
  return 128 + Signal[name];
}
