/** What the command line says of itself. */

export const USAGE = "usage: foreshore run [OPTION]… [--] PROGRAM [ARGUMENT]…   (foreshore --help says more)";

export const HELP = `foreshore: runs RISC-V (riscv64) Linux programs

usage: foreshore run [OPTION]… [--] PROGRAM [ARGUMENT]…
       foreshore shell --root DIR|TAR [OPTION]… [PROGRAM [ARGUMENT]…]
       foreshore --help | --version

PROGRAM is looked up in the machine's files: along its PATH, or as a path when
it has a slash. Without --root it is a file of the host instead, which the machine
gets at the same absolute path.

shell is run --tty of the machine's /bin/bash or /bin/sh, or of PROGRAM.

options of run and shell:
  --root DIR|TAR      files of the machine: a folder, or a tar archive that is not
                      compressed; read when touched, never written. Of several,
                      later ones lie over earlier ones
  --harts N           processors of the machine (default: as many as the host has)
  --memory MiB        memory of the machine, at most 4096
  --env NAME=VALUE    adds to the environment (repeatable)
  --cwd DIR           working directory (default /)
  -t, --tty           gives the program this terminal: keys, size, Ctrl-C and Ctrl-Z
                      are the machine's; without it, streams are pipes
  --timeout SECONDS   ends a program that has run for so long
  --strace            shows each system call on standard error: name, raw arguments, result
  --stats[=json]      shows at the end what the run took on standard error
  --help              shows this

exit code: the program's own; 128 + N when signal N ended it; 124 after --timeout;
125 when foreshore itself fails; 126 when PROGRAM cannot be executed; 127 when it is
not found. Ctrl-C and SIGTERM go to the program; the third in a row ends the machine.
`;
