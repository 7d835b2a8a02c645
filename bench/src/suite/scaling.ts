/** What a second hart is worth. */
import type { Benchmark, Opened, Side } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";
import { Foreshore } from "../subjects/foreshore.ts";

async function open(): Promise<Opened> {
  const file = await benchGuest("spectral");
  const one = await Foreshore.open({ harts: 1 });
  const two = await Foreshore.open({ harts: 2 });
  const side = (name: string, subject: Foreshore): Side => ({
    name,
    sample: async () => {
      const from = performance.now();
      const runs = await Promise.all([subject.run(file), subject.run(file)]);
      const ms = performance.now() - from;
      if (runs[0].stdout !== runs[1].stdout) throw new Error("two runs of one program printed different things");
      return ms;
    },
  });
  return {
    sides: [side("two harts", two), side("one hart", one)],
    close: async () => {
      await two.close();
      await one.close();
    },
  };
}

export const scaling: readonly Benchmark[] = [
  {
    name: "scaling/two-harts",
    description: "Two processes that compute, at once: until both have ended, on two harts and on one.",
    unit: "ms",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 3,
    open,
  },
];
