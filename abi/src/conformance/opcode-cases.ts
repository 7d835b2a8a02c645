/** Every opcode of KernelWorkerRequest with a good, a bad and a cancelled call, and the errnos that it declares. */
import { type KernelWorkerRequest, Opcode } from "../../ts/index.ts";
import * as files from "./opcode-files.ts";
import * as machine from "./opcode-machine.ts";
import * as processes from "./opcode-processes.ts";
import { casesOf, type OpcodeTable } from "./opcode-table.ts";
import type { Case } from "./trial.ts";

/** A new opcode does not compile before it has its cases. */
export const OPCODES: OpcodeTable = {
  [Opcode.Noop]: machine.noop,
  [Opcode.KernelInit]: machine.kernelInit,
  [Opcode.WriteFile]: files.writeFile,
  [Opcode.WriteFiles]: files.writeFiles,
  [Opcode.ApplyFileLayer]: files.applyFileLayer,
  [Opcode.Symlink]: files.symlink,
  [Opcode.ReadFile]: files.readFile,
  [Opcode.Readlink]: files.readlink,
  [Opcode.Mkdir]: files.mkdir,
  [Opcode.Stat]: files.statFile,
  [Opcode.Readdir]: files.readdir,
  [Opcode.Unlink]: files.unlink,
  [Opcode.Rename]: files.rename,
  [Opcode.RegisterProcess]: processes.registerProcess,
  [Opcode.StartProcess]: processes.startProcess,
  [Opcode.WaitProcess]: processes.waitProcess,
  [Opcode.KillProcess]: processes.killProcess,
  [Opcode.StreamRead]: processes.streamRead,
  [Opcode.StreamWrite]: processes.streamWrite,
  [Opcode.StreamClose]: processes.streamClose,
  [Opcode.Cancel]: machine.cancel,
  [Opcode.BlobFilled]: files.blobFilled,
  [Opcode.ResumeBlockedSyscall]: processes.resumeBlockedSyscall,
  [Opcode.Processes]: machine.processes,
  [Opcode.Diagnostics]: machine.diagnostics,
  [Opcode.CreateOwner]: processes.createOwner,
  [Opcode.CloseOwner]: processes.closeOwner,
  [Opcode.AttachClient]: machine.attachClient,
  [Opcode.DetachClient]: machine.detachClient,
  [Opcode.Chmod]: files.chmod,
  [Opcode.SetTrace]: machine.setTrace,
  [Opcode.ResizeTerminal]: processes.resizeTerminal,
  [Opcode.StreamPoll]: processes.streamPoll,
  [Opcode.MakeMemfd]: processes.makeMemfd,
};

export const OPCODE_CASES: readonly Case[] = Object.entries(OPCODES).flatMap(([opcode, cases]) =>
  casesOf(Number(opcode) as KernelWorkerRequest["opcode"], cases),
);
