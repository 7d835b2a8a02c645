/** Threads that wake one another, and sleepers: by the guest's clock. */
import type { Benchmark } from "../benchmark.ts";
import { guestFigure } from "./guest-figure.ts";

const NS_TO_US = 1e-3;
const NS_TO_MS = 1e-6;

export const waking: readonly Benchmark[] = [
  guestFigure({
    name: "waking/futex",
    description: "From FUTEX_WAKE to the woken thread's next instruction, its hart asleep: the median of 2,000.",
    unit: "µs",
    better: "less",
    guest: "wake",
    args: ["futex", "2000"],
    key: "ns",
    scale: NS_TO_US,
    harts: 2,
  }),
  guestFigure({
    name: "waking/create-join",
    description: "pthread_create and pthread_join of a thread that does nothing: the median of 5,000.",
    unit: "µs",
    better: "less",
    guest: "wake",
    args: ["create", "5000"],
    key: "ns",
    scale: NS_TO_US,
    harts: 2,
  }),
  guestFigure({
    name: "waking/mutex-one-hart",
    description: "A mutex handed from one thread to another that waits for it, on one hart: the mean of 40,000.",
    unit: "µs",
    better: "less",
    guest: "wake",
    args: ["mutex", "20000"],
    key: "ns",
    scale: NS_TO_US,
    harts: 1,
  }),
  guestFigure({
    name: "waking/mutex-two-harts",
    description: "The same on two harts.",
    unit: "µs",
    better: "less",
    guest: "wake",
    args: ["mutex", "20000"],
    key: "ns",
    scale: NS_TO_US,
    harts: 2,
  }),
  guestFigure({
    name: "waking/latest-sleep",
    description: "How late the latest of 10,000 sleeps of 0.2 ms ends, on a machine that does nothing else.",
    unit: "ms",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 1,
    guest: "wake",
    args: ["sleep", "10000"],
    key: "worstNs",
    scale: NS_TO_MS,
    harts: 2,
  }),
];
