/** `foreshore exec` and `foreshore kill`: in a machine that runs already. */

import { Signal } from "@foreshore/abi";
import { type RemoteMachine, SystemError } from "@foreshore/runtime";
import { connectMachine } from "../node/socket.ts";
import type { ExecCommand } from "./arguments.ts";
import type { KillCommand } from "./control-arguments.ts";
import { ExitCode, exitCodeOf } from "./exit-code.ts";
import { checkCwd, Ended, environment, joinPipes, type RunIo, start } from "./launch.ts";
import { guestProgram } from "./program.ts";
import { forwardSignals } from "./signals.ts";
import { HostTerminal } from "./terminal.ts";

/** Some of the processes could not be signalled. */
const KILL_FAILED = 1;

/**
 * Runs a program in a machine that runs already; it is hung up on when this command goes.
 * @returns the exit code of the command
 * @throws UsageError, ProgramError, SocketError, and what the Runtime throws
 */
export async function exec(command: ExecCommand, io: RunIo): Promise<number> {
  const terminal = command.tty ? HostTerminal.of(io.stdin, io.stdout, command.allowOsc) : undefined;
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  const signals = forwardSignals((exitCode) => ended.reject(new Ended(exitCode)));
  let timer: ReturnType<typeof setTimeout> | undefined;
  let remote: RemoteMachine | undefined;
  let pid: number | undefined;
  try {
    const work = async () => {
      remote = await connectMachine(command.control);
      const machine = remote;
      const env = environment(command, terminal);
      await checkCwd(machine, command.cwd);
      const program = await guestProgram(machine, command.program!, command.cwd, env["PATH"] ?? "");
      const process = await start(machine, program, command, env, terminal);
      pid = process.pid;
      if (command.timeoutMs !== undefined) {
        timer = setTimeout(() => ended.reject(new Ended(ExitCode.TimedOut)), command.timeoutMs);
      }
      signals.to((signal) => {
        // The program's group, as a terminal would; one that is gone needs no signal.
        machine.kill(-process.pid, Signal[signal]).catch(() => {});
      });
      const stopInput = new AbortController();
      const streams =
        terminal === undefined ? joinPipes(process, io, stopInput.signal) : terminal.join(process, io.stdout);
      streams.catch(() => {});
      const exit = await process.exit;
      stopInput.abort();
      await streams;
      return exitCodeOf({ code: exit.code, signal: exit.signal === null ? null : exit.signalNumber });
    };
    return await Promise.race([work(), ended.promise]);
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    if (pid !== undefined) await remote?.kill(-pid, Signal.SIGKILL).catch(() => {});
    return error.exitCode;
  } finally {
    clearTimeout(timer);
    signals.stop();
    terminal?.restore();
    await remote?.close();
  }
}

/**
 * Signals processes of a machine that runs already, as kill(1).
 * @returns 1 when one of them could not be signalled, which is said on standard error
 */
export async function kill(command: KillCommand, io: Pick<RunIo, "stderr">): Promise<number> {
  const remote = await connectMachine(command.control);
  let code = 0;
  try {
    for (const pid of command.pids) {
      try {
        await remote.kill(pid, command.signal);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        const what = pid < 0 ? `process group ${-pid}` : `process ${pid}`;
        io.stderr.write(`foreshore: ${error.code === "ESRCH" ? `there is no ${what}` : `${what}: ${error.message}`}\n`);
        code = KILL_FAILED;
      }
    }
  } finally {
    await remote.close();
  }
  return code;
}
