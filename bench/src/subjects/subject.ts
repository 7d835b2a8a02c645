/** What runs riscv64 programs: Foreshore, and the peers that it is compared with. */

export interface SubjectRun {
  readonly stdout: string;
  /** From the order to start the program to the news of its end. */
  readonly wallMs: number;
  /** Instructions that the guest retired, where the subject counts them. */
  readonly instructions?: number;
}

/** An adapter. A new peer is one of these, and a line in the benchmarks that it takes part in. */
export interface Subject {
  readonly name: string;
  /**
   * Runs a program (a host path) to its end, with an empty environment.
   * @throws Error when it ends otherwise than with code 0
   */
  run(file: string, args?: readonly string[]): Promise<SubjectRun>;
  /** Puts further files where programs see them: guest path → host path. */
  install(files: Readonly<Record<string, string>>): Promise<void>;
  close(): Promise<void>;
}

/** argv[0] and the place of a program, the same for every subject: start-up code reads them. */
export function guestPath(file: string): string {
  return `/bin/${file.slice(file.lastIndexOf("/") + 1)}`;
}

/** The objects that a guest printed, a JSON object a line; other lines are none. */
export function jsonLines(stdout: string): Record<string, number>[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, number>);
}

/** The values of one key over a guest's lines. */
export function values(stdout: string, key: string): number[] {
  const found = jsonLines(stdout).flatMap((line) => (line[key] === undefined ? [] : [line[key]]));
  if (found.length === 0) throw new Error(`the guest printed no "${key}": ${JSON.stringify(stdout)}`);
  return found;
}
