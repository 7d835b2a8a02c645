/** What the command line says of itself. */
import type { HelpTopic } from "./arguments.ts";

const OPTIONS = `  --root DIR|TAR      files of the machine: a folder, or a tar archive that is not
                      compressed; read when touched, never written. Of several,
                      later ones lie over earlier ones
  --mount HOST:GUEST:ro
                      puts a folder or tar archive at a path of the machine (repeatable)
  --harts N           processors of the machine (default: as many as the host has)
  --memory MiB        memory of the machine, at most 4096
  --env NAME=VALUE    adds to the environment (repeatable)
  --cwd DIR           working directory (default /)
  -t, --tty           gives the program this terminal: keys, size, Ctrl-C and Ctrl-Z
                      are the machine's; without it, streams are pipes
  --allow-osc         lets the program set the terminal's title and reach its clipboard
                      (OSC 0, 1, 2 and 52), which is filtered otherwise
  --timeout SECONDS   ends a program that has run for so long
  --strace[=FILE]     shows each system call as strace(1) does, on standard error or in a
                      file of the host: arguments by name, what they point at, signals
  --stats[=json]      shows at the end what the run took on standard error
  --control SOCKET    lets foreshore ps, top, exec and kill use the machine while it runs:
                      a unix socket (mode 0600) that is removed at the end
  --help              shows this
`;

const EXIT = `exit code: the program's own; 128 + N when signal N ended it; 124 after --timeout;
125 when foreshore itself fails; 126 when PROGRAM cannot be executed; 127 when it is
not found. Ctrl-C and SIGTERM go to the program; the third in a row ends the machine.
`;

const RUN = `usage: foreshore run [OPTION]… [--] PROGRAM [ARGUMENT]…

PROGRAM is looked up in the machine's files: along its PATH, or as a path when
it has a slash. Without --root it is a file of the host instead, which the machine
gets at the same absolute path.

${OPTIONS}
examples:
  foreshore run ./hello                                   a riscv64 program of the host
  foreshore run --root ./root sh -c 'ls | wc -l'          one of a root's
  ls | foreshore run --root ./root.tar sort -r            standard streams are the program's
  foreshore run --root ./root --mount .:/work:ro --cwd /work python3 main.py
  foreshore run --timeout 10 --stats=json ./hello         what it took, for scripts

${EXIT}`;

const SHELL = `usage: foreshore shell --root DIR|TAR [OPTION]… [PROGRAM [ARGUMENT]…]

Runs the machine's /bin/bash or /bin/sh, or PROGRAM, on this terminal.

${OPTIONS}
examples:
  foreshore shell --root ./root
  foreshore shell --root ./root --mount "$HOME/src:/src:ro" bash -l

${EXIT}`;

const DOCTOR = `usage: foreshore doctor [--json] [--url URL]

Says what this host has and lacks, and what to do about it: Node.js, shared memory,
the kernel and its ABI, in a checkout also the toolchain. With --url, whether the page
there may share memory between its workers.

examples:
  foreshore doctor
  foreshore doctor --json | jq '.[] | select(.state != "ok")'
  foreshore doctor --url http://127.0.0.1:8080/

exit code: 1 when something without which nothing runs is missing, else 0.
`;

const TRUST = `SOCKET is the one that foreshore run --control SOCKET has made. Whoever may connect to it
may do anything in the machine.
`;

const PS = `usage: foreshore ps --control SOCKET [--json]

Lists the processes of a running machine: state (R runnable, S waiting, T stopped,
Z ended and not waited for, P not yet started), threads, resident memory in KiB,
processor time. With --json, an array of objects with more about each.
${TRUST}
examples:
  foreshore ps --control /tmp/machine
  foreshore ps --control /tmp/machine --json | jq '.[] | select(.threads > 1).pid'

exit code: 0, or 125 when nobody answers there.
`;

const TOP = `usage: foreshore top --control SOCKET [--once]

Shows the processes of a running machine, the busiest first, every second, until q is
typed. With --once, or where the output is no terminal, once. NO_COLOR is heeded.
${TRUST}
examples:
  foreshore top --control /tmp/machine
  foreshore top --control /tmp/machine --once | head -20

exit code: 0, or 125 when nobody answers there or the machine ends.
`;

const EXEC = `usage: foreshore exec --control SOCKET [OPTION]… [--] PROGRAM [ARGUMENT]…

Runs another program in a running machine. PROGRAM is looked up in the machine's files,
along its PATH, or as a path when it has a slash; its standard streams are this
command's. When this command goes, its program is hung up on (SIGHUP).
${TRUST}
  --env NAME=VALUE    adds to the environment (repeatable)
  --cwd DIR           working directory (default /)
  -t, --tty           gives the program this terminal
  --allow-osc         lets the program set the terminal's title and reach its clipboard
  --timeout SECONDS   kills a program that has run for so long

examples:
  foreshore exec --control /tmp/machine ls -l /
  tar c . | foreshore exec --control /tmp/machine --cwd /work tar x
  foreshore exec --control /tmp/machine -t sh

exit code: the program's own; 128 + N when signal N ended it; 124 after --timeout;
125 when foreshore itself fails; 126 when PROGRAM cannot be executed; 127 when it is
not found. Ctrl-C and SIGTERM go to the program; the third in a row kills it.
`;

const KILL = `usage: foreshore kill --control SOCKET [-SIGNAL] PID…

Sends a signal (default TERM) to processes of a running machine; -N is the process
group N, as for kill(1).
${TRUST}
examples:
  foreshore kill --control /tmp/machine 12
  foreshore kill --control /tmp/machine -9 12 13
  foreshore kill --control /tmp/machine -HUP -- -12

exit code: 0; 1 when there is no such process; 125 when nobody answers there.
`;

/** By what help was asked for. */
export const HELP: Readonly<Record<HelpTopic, string>> = {
  all: `foreshore: runs RISC-V (riscv64) Linux programs

usage: foreshore run [OPTION]… [--] PROGRAM [ARGUMENT]…     runs a program
       foreshore shell --root DIR|TAR [OPTION]…             runs a shell on this terminal
       foreshore ps|top --control SOCKET                    shows the processes of a running machine
       foreshore exec --control SOCKET PROGRAM [ARGUMENT]…  runs a program in one
       foreshore kill --control SOCKET [-SIGNAL] PID…       signals its processes
       foreshore doctor [--json] [--url URL]                says what this host lacks
       foreshore help [COMMAND]                             says more, with examples
       foreshore version [--json]

options of run and shell:
${OPTIONS}
${EXIT}`,
  run: RUN,
  shell: SHELL,
  ps: PS,
  top: TOP,
  exec: EXEC,
  kill: KILL,
  doctor: DOCTOR,
};

/** The usage line of the command that was meant, of `run` where none of that name is there. */
export function usageLine(command: string | undefined): string {
  const known = command !== undefined && command !== "all" && Object.hasOwn(HELP, command);
  const help = known ? HELP[command as HelpTopic] : RUN;
  return `${help.slice(0, help.indexOf("\n"))}   (foreshore --help says more)`;
}
