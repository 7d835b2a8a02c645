/** Runs the demo in a machine; the same in Node and in a page. */

import { type LayerEntry, type LayerSource, Machine, type MachineOptions } from "@foreshore/sdk";
import { logsLayer, makeLogs } from "./corpus.ts";
import { checkOutputs, makeSteps, SessionReader, sessionScript } from "./session.ts";

/** What there is to run: plain data, so that it can be handed to a page. */
export type Plan =
  | { kind: "session"; busybox: { size: number } }
  /** The repository's own test programs, where Debian's archive cannot be reached. */
  | { kind: "guests"; guests: { name: string; size: number }[] };

/** Bytes of the plan's files: "busybox", or a guest's name. */
export type ReadFile = (name: string, position: number, length: number) => Promise<Uint8Array>;

export interface Show {
  /** A new step; `code` is what a user would type. */
  step(code: string): void;
  output(text: string): void;
}

export interface DemoResult {
  steps: number;
  /** What was not as expected: one sentence each. */
  problems: string[];
  startMs: number;
  runMs: number;
  instructions: number;
  syscalls: number;
  unsupported: number;
  forks: number;
  faults: number;
  memoryBytes: number;
  harts: number;
}

export async function perform(plan: Plan, read: ReadFile, show: Show, options: MachineOptions): Promise<DemoResult> {
  const began = performance.now();
  const logs = plan.kind === "session" ? makeLogs() : [];
  const layers =
    plan.kind === "session"
      ? [busyboxLayer(plan.busybox.size, read), logsLayer(logs)]
      : [guestsLayer(plan.guests, read)];
  const machine = await Machine.create({ ...options, layers });
  try {
    const startMs = performance.now() - began;
    const { steps, problems } =
      plan.kind === "session"
        ? await runSession(machine, logs, show)
        : await runGuests(
            machine,
            plan.guests.map(({ name }) => name),
            show,
          );
    const runMs = performance.now() - began - startMs;
    const { counters, live } = await machine.diagnostics();
    return {
      steps,
      problems,
      startMs,
      runMs,
      instructions: counters.instret,
      syscalls: counters.syscalls,
      unsupported: counters.unsupported,
      forks: counters.forks,
      faults: counters.faults,
      memoryBytes: live?.memoryBytes ?? 0,
      harts: live?.harts.length ?? 1,
    };
  } finally {
    await machine.stop();
  }
}

/** Debian's busybox as the machine's shell, with the handful of files that programs look for. */
function busyboxLayer(size: number, read: ReadFile): LayerSource {
  return {
    name: "busybox",
    *entries(): Generator<LayerEntry> {
      yield { kind: "lazy", path: "/bin/busybox", blob: "busybox", size, mode: 0o755 };
      yield { kind: "symlink", path: "/bin/sh", target: "busybox" };
      yield { path: "/etc/passwd", data: "root:x:0:0:root:/root:/bin/sh\n" };
      yield { path: "/etc/group", data: "root:x:0:\n" };
      yield { kind: "directory", path: "/root", mode: 0o700 };
      yield { kind: "directory", path: "/tmp", mode: 0o1777 };
    },
    read,
  };
}

async function runSession(machine: Machine, logs: ReturnType<typeof makeLogs>, show: Show) {
  const steps = await makeSteps(logs);
  await machine.fs.writeFile("/root/session.sh", sessionScript(steps));
  const process = await machine.spawn("/bin/sh", ["/root/session.sh"], { cwd: "/root", stdin: "null" });
  const reader = new SessionReader((text, step, begins) => {
    if (begins) show.step(steps[step]?.code ?? "");
    else show.output(text);
  });
  const complaints = new TextDecoder();
  await Promise.all([
    process.stdout!.pipeTo(new WritableStream({ write: (chunk) => reader.push(chunk) })),
    process.stderr!.pipeTo(new WritableStream({ write: (chunk) => show.output(complaints.decode(chunk)) })),
  ]);
  reader.end();
  const exit = await process.exit;
  return { steps: steps.length, problems: checkOutputs(steps, reader.outputs, exit.code) };
}

function guestsLayer(guests: readonly { name: string; size: number }[], read: ReadFile): LayerSource {
  return {
    name: "guests",
    *entries(): Generator<LayerEntry> {
      yield { kind: "directory", path: "/tmp", mode: 0o1777 };
      for (const { name, size } of guests) {
        yield { kind: "lazy", path: `/bin/${name}`, blob: name, size, mode: 0o755 };
      }
    },
    read,
  };
}

/** Lines of a test program that are shown: the others say the same. */
const SHOWN_LINES = 6;

async function runGuests(machine: Machine, names: readonly string[], show: Show) {
  const problems: string[] = [];
  for (const name of names) {
    show.step(name);
    const result = await machine.run(`/bin/${name}`, [], { cwd: "/tmp" });
    const lines = new TextDecoder().decode(result.stdout).trimEnd().split("\n");
    const more = lines.length - SHOWN_LINES;
    show.output(`${lines.slice(0, SHOWN_LINES).join("\n")}\n${more > 0 ? `(${more} lines more)\n` : ""}`);
    const stderr = new TextDecoder().decode(result.stderr);
    if (stderr !== "") show.output(stderr);
    const failed = lines.filter((line) => line.startsWith("FAIL"));
    if (result.code !== 0 || failed.length > 0) {
      const how = result.signal ?? `exit code ${result.code}`;
      problems.push(`${name}: ended with ${how}${failed.length > 0 ? `; ${failed[0]}` : ""}`);
    }
  }
  return { steps: names.length, problems };
}

/** What a run took, a line per figure. */
export function figures(result: DemoResult): [name: string, value: string][] {
  const count = (value: number) => Math.round(value).toLocaleString("en-US");
  return [
    ["machine ready after", `${count(result.startMs)} ms, with ${result.harts} harts`],
    ["session", `${count(result.runMs)} ms, ${result.steps} steps`],
    ["guest instructions", count(result.instructions)],
    ["system calls", `${count(result.syscalls)}, ${count(result.unsupported)} of them not supported`],
    ["processes forked", count(result.forks)],
    ["page faults", count(result.faults)],
    ["memory", `${(result.memoryBytes / 2 ** 20).toFixed(0)} MiB`],
  ];
}
