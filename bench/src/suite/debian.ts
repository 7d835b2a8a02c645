/**
 * Debian's dynamically linked programs: the transcripts of test/debian as figures, and how soon the smallest programs are
 * done in a machine that has run them before.
 */
import { Machine } from "@foreshore/sdk";
import { directoryLayer } from "@foreshore/sdk/node";
import { type Case, cases } from "../../../test/debian/cases.ts";
import { debianEnv, unpacked } from "../../../test/debian/root.ts";
import { runQemu } from "../../../test/oracle/qemu.ts";
import { type Benchmark, type Opened, Unavailable } from "../benchmark.ts";

async function debianRoot(): Promise<string> {
  const found = await unpacked("guest-root");
  if ("missing" in found) throw new Unavailable(found.missing);
  return found.folder;
}

async function debianMachine(root: string): Promise<Machine> {
  return await Machine.create({ harts: 1, memory: 1024, layers: [directoryLayer(root)] });
}

type Run = (script: string) => Promise<string>;

/** A run's time less that of `bash -c true` just before: the sandbox of qemu and start-up are in both. */
async function fromOutside(run: Run, script: string): Promise<{ ms: number; stdout: string }> {
  const from = performance.now();
  await run("true");
  const between = performance.now();
  const stdout = await run(script);
  return { ms: performance.now() - between - (between - from), stdout };
}

/** Empty at the beginning of each run, under both. */
const CWD = "/tmp/run";
const MARK = "\nbench: ";

/** The time that the script's own bash reads from its clock: for runs that are shorter than qemu's sandbox takes. */
async function fromInside(run: Run, script: string): Promise<{ ms: number; stdout: string }> {
  const quoted = script.replaceAll("'", "'\\''");
  const timed = `from=$EPOCHREALTIME; bash -c '${quoted}'; to=$EPOCHREALTIME; printf '${MARK}%s %s' $from $to`;
  const output = await run(timed);
  const at = output.lastIndexOf(MARK);
  const [from = Number.NaN, to = Number.NaN] = output
    .slice(at + MARK.length)
    .split(" ")
    .map(Number);
  if (!(to >= from)) throw new Error(`${script} printed no times: ${output.slice(-100)}`);
  return { ms: (to - from) * 1000, stdout: output.slice(0, at) };
}

async function openTranscript(one: Case, measure: typeof fromOutside): Promise<Opened> {
  const root = await debianRoot();
  const machine = await debianMachine(root);
  const { fs } = machine;
  const stdin = one.stdin ?? "";
  let expected: string | undefined;
  const ours = async (script: string): Promise<string> => {
    await fs.rm(CWD, { recursive: true, force: true });
    await fs.mkdir(CWD, { recursive: true });
    const process = await machine.spawn("/usr/bin/bash", ["-c", script], { stdin, env: debianEnv, cwd: CWD });
    return new TextDecoder().decode((await process.output()).stdout);
  };
  const peer = async (script: string): Promise<string> =>
    (await runQemu("guest:/usr/bin/bash", ["-c", script], { root, env: debianEnv, cwd: CWD, stdin })).stdout.toString();
  const sample = async (run: Run): Promise<number> => {
    const { ms, stdout } = await measure(run, one.script);
    expected ??= stdout;
    if (stdout !== expected) throw new Error(`${one.name}: ${stdout} is not ${expected}`);
    return ms;
  };
  return {
    sides: [
      { name: "foreshore", sample: () => sample(ours) },
      { name: "qemu", sample: () => sample(peer) },
    ],
    close: () => machine.stop(),
  };
}

/** The time of one program, spawn to exit, in a machine that stays. */
function startUp(name: string, command: string, file: string, args: readonly string[]): Benchmark {
  return {
    name: `debian/${name}`,
    description: `\`${command}\`, spawn to exit, in a machine that has run it before, one hart.`,
    unit: "ms",
    better: "less",
    warmup: 6,
    open: async () => {
      const machine = await debianMachine(await debianRoot());
      const sample = async (): Promise<number> => {
        const from = performance.now();
        const { code } = await machine.run(file, args, { env: debianEnv });
        if (code !== 0) throw new Error(`${command} ended with ${code}`);
        return performance.now() - from;
      };
      return { sides: [{ name: "foreshore", sample }], close: () => machine.stop() };
    },
  };
}

export const debian: readonly Benchmark[] = [
  startUp("bash-start", "bash -c true", "/usr/bin/bash", ["-c", "true"]),
  startUp("lua-start", "lua5.4 -v", "/usr/bin/lua5.4", ["-v"]),
  startUp("python-start", "python3 -c 1", "/usr/bin/python3", ["-c", "1"]),
  ...cases.map((one): Benchmark => {
    const short = one.seconds === undefined;
    return {
      name: `debian/${short ? "short-" : ""}${one.name.replace(/[/.]/g, "-")}`,
      description: `${one.name} of test/debian/cases.ts, ${short ? "timed by its own bash" : "less `bash -c true`"}, one hart against qemu-riscv64.`,
      unit: "ms",
      better: "less",
      rounds: { full: 3, quick: 1 },
      warmup: 1,
      open: () => openTranscript(one, short ? fromInside : fromOutside),
    };
  }),
];
