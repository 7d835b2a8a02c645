/** Which program the command line means, and why it would not run: before it is started. */

import { access, constants, stat } from "node:fs/promises";
import path from "node:path";
import { type FileSystem, SystemError } from "@foreshore/runtime";
import { describeProgram, PROGRAM_HEAD } from "../elf.ts";
import type { LayerSource } from "../layers/entry.ts";
import { accessFile, errorCode, fileLayer, reason } from "../node/host-file.ts";
import { ExitCode } from "./exit-code.ts";

/** The program cannot be started: one sentence, and the exit code that says so. */
export class ProgramError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.name = "ProgramError";
    this.exitCode = exitCode;
  }
}

/** A machine here or elsewhere. */
export interface HasFiles {
  readonly fs: FileSystem;
}

/** Any execute bit. */
const EXECUTE = 0o111;

/**
 * A program of the host as a layer that holds only it.
 * @param program as the user wrote it
 * @returns its path in the machine, the absolute one on the host
 * @throws ProgramError
 */
export async function hostProgram(program: string): Promise<{ at: string; layer: LayerSource }> {
  const at = path.resolve(program);
  try {
    const info = await stat(at);
    if (info.isDirectory()) throw new ProgramError(`${program}: is a directory`, ExitCode.NotExecutable);
    if (!info.isFile()) throw new ProgramError(`${program}: not a regular file`, ExitCode.NotExecutable);
    await access(at, constants.R_OK);
    if ((info.mode & EXECUTE) === 0) {
      throw new ProgramError(`${program}: not executable (chmod +x makes it so)`, ExitCode.NotExecutable);
    }
  } catch (error) {
    if (error instanceof ProgramError) throw error;
    const missing = errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR";
    throw new ProgramError(
      `${program}: ${reason(error)}${missing && !program.includes("/") ? " (without --root, PROGRAM is a file of the host)" : ""}`,
      missing ? ExitCode.NotFound : ExitCode.NotExecutable,
    );
  }
  const file = accessFile(at);
  try {
    const head = await file.read(0, PROGRAM_HEAD);
    const interpreter = requireProgram(program, head, file.size);
    if (interpreter !== undefined) {
      throw new ProgramError(
        `${program}: needs ${interpreter}, which the machine has only with a --root`,
        ExitCode.NotFound,
      );
    }
  } finally {
    await file.close?.();
  }
  return { at, layer: fileLayer(at, at) };
}

/**
 * A program of the machine's own files.
 * @param program a path when it has a slash, else a name in the directories of `searchPath`
 * @returns its absolute path in the machine
 * @throws ProgramError
 */
export async function guestProgram(
  machine: HasFiles,
  program: string,
  cwd: string,
  searchPath: string,
): Promise<string> {
  const candidates = program.includes("/")
    ? [path.posix.resolve(cwd, program)]
    : searchPath.split(":").map((folder) => path.posix.resolve(cwd, folder, program));
  let refused: ProgramError | undefined;
  for (const candidate of candidates) {
    try {
      const info = await machine.fs.stat(candidate);
      if (info.kind === "directory") {
        refused ??= new ProgramError(`${program}: is a directory`, ExitCode.NotExecutable);
      } else if (info.kind !== "file") {
        refused ??= new ProgramError(`${program}: not a regular file`, ExitCode.NotExecutable);
      } else if ((info.mode & EXECUTE) === 0) {
        refused ??= new ProgramError(`${candidate}: permission denied`, ExitCode.NotExecutable);
      } else {
        await checkGuestProgram(machine, candidate, info.size);
        return candidate;
      }
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.code === "ENOENT" || error.code === "ENOTDIR") continue;
      refused ??= new ProgramError(`${candidate}: ${reason(error)}`, ExitCode.NotExecutable);
    }
  }
  throw refused ?? new ProgramError(`${program}: not found in the machine`, ExitCode.NotFound);
}

const SHELLS = ["/bin/bash", "/bin/sh"];

/**
 * The shell that a machine has.
 * @throws ProgramError
 */
export async function guestShell(machine: HasFiles): Promise<string> {
  for (const shell of SHELLS) {
    if (await machine.fs.exists(shell)) return await guestProgram(machine, shell, "/", "");
  }
  throw new ProgramError(`the machine has no shell (${SHELLS.join(", ")})`, ExitCode.NotFound);
}

async function checkGuestProgram(machine: HasFiles, file: string, size: number): Promise<void> {
  const head = await machine.fs.readFileRange(file, 0, Math.min(size, PROGRAM_HEAD));
  const interpreter = requireProgram(file, head, size);
  if (interpreter === undefined || (await machine.fs.exists(interpreter))) return;
  throw new ProgramError(`${file}: needs ${interpreter}, which is not in the machine`, ExitCode.NotFound);
}

/** @returns the interpreter that the program needs */
function requireProgram(name: string, head: Uint8Array, size: number): string | undefined {
  const program = describeProgram(head, size);
  if (!program.runs) throw new ProgramError(`${name}: ${program.why}`, ExitCode.NotExecutable);
  return program.interpreter;
}
