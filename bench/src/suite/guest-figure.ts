/** Benchmarks whose guest takes the time itself and prints it. */
import { type Benchmark, closeAll, type Opened, type Side } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";
import { median } from "../stats.ts";
import { Foreshore } from "../subjects/foreshore.ts";
import { Qemu } from "../subjects/qemu.ts";
import { type Subject, values } from "../subjects/subject.ts";

export interface GuestFigure extends Omit<Benchmark, "open"> {
  readonly guest: string;
  readonly args?: readonly string[];
  /** What the guest prints, and what makes the benchmark's unit of it. A sample is the median of a run's lines. */
  readonly key: string;
  readonly scale?: number;
  readonly harts?: number;
  /** false: where qemu has nothing to say, since the figure is of its host. */
  readonly peer?: boolean;
  /** Further files: guest path → host path. */
  readonly files?: () => Promise<Record<string, string>>;
}

export function guestFigure(figure: GuestFigure): Benchmark {
  const { guest, args = [], key, scale = 1, harts = 1, peer = true, files, ...benchmark } = figure;
  const open = async (): Promise<Opened> => {
    const file = await benchGuest(guest);
    const extra = (await files?.()) ?? {};
    const subjects: Subject[] = peer ? [Qemu.open()] : [];
    subjects.unshift(await Foreshore.open({ harts }));
    if (files !== undefined) for (const subject of subjects) await subject.install(extra);
    const side = (subject: Subject): Side => ({
      name: subject.name,
      sample: async () => median(values((await subject.run(file, args)).stdout, key)) * scale,
    });
    return { sides: subjects.map(side), close: () => closeAll(subjects) };
  };
  return { ...benchmark, open };
}
