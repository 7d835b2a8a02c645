/** Signals that the command gets and its program is meant to get. */

import type { Signal } from "@foreshore/abi";
import { exitCodeOfSignal } from "./exit-code.ts";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** So many within so long end the machine: for a program that takes no notice. */
const IMPATIENT_COUNT = 3;
const IMPATIENT_MS = 2000;

/**
 * Takes over the signals that would end this process. Before the program runs
 * they end the machine at once.
 * @param end ends the machine; gets the command's exit code
 */
export function forwardSignals(end: (exitCode: number) => void) {
  let send: ((signal: keyof typeof Signal) => void) | undefined;
  let recent: number[] = [];
  const onSignal = (signal: (typeof FORWARDED)[number]) => {
    const now = performance.now();
    recent = [...recent.filter((at) => now - at < IMPATIENT_MS), now];
    if (send === undefined || recent.length >= IMPATIENT_COUNT) end(exitCodeOfSignal(signal));
    else send(signal);
  };
  for (const signal of FORWARDED) process.on(signal, onSignal);
  return {
    /** From now on signals go to the program. */
    to(sender: (signal: keyof typeof Signal) => void): void {
      send = sender;
    },
    stop(): void {
      for (const signal of FORWARDED) process.off(signal, onSignal);
    },
  };
}
