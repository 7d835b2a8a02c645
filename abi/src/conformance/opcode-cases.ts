/** Every opcode of KernelWorkerRequest with a good, a bad and a cancelled call, and the errnos that it declares. */
import { type KernelWorkerRequest, Opcode } from "../../ts/index.ts";
import * as files from "./opcode-files.ts";
import * as machine from "./opcode-machine.ts";
import * as processes from "./opcode-processes.ts";
import { casesOf, type OpcodeCases, type OpcodeTable } from "./opcode-table.ts";
import type { Case } from "./trial.ts";

/** Each area exports the cases of an opcode under its name; a new opcode does not compile before it has some. */
const TABLE: OpcodeTable = { ...files, ...machine, ...processes };

type Request = KernelWorkerRequest["opcode"];

export const OPCODES = Object.fromEntries(
  Object.entries(Opcode).flatMap(([name, opcode]) => {
    const cases = TABLE[`${name[0]?.toLowerCase()}${name.slice(1)}` as keyof OpcodeTable];
    return cases === undefined ? [] : [[opcode, cases]];
  }),
) as { readonly [O in Request]: OpcodeCases };

export const OPCODE_CASES: readonly Case[] = Object.entries(OPCODES).flatMap(([opcode, cases]) =>
  casesOf(Number(opcode) as Request, cases),
);
