/**
 * What a program file is, by its first bytes: for messages before a
 * program runs. The kernel decides by itself what it runs; this only says why
 * it would refuse, in words.
 *
 * Sources: elf(5), uapi linux/elf.h and linux/elf-em.h, execve(2).
 */

import { Elf64Ehdr, Elf64Phdr, ElfIdent, ElfMachine, ElfSegment, ElfType } from "@foreshore/abi";

/** As much of a program as `describeProgram` wants to see, in bytes. */
export const PROGRAM_HEAD = 4096;

export type Program =
  /** Can be handed to the kernel. `interpreter`: what a dynamic program or a script needs besides itself. */
  | { runs: true; kind: "elf" | "script"; interpreter?: string }
  /** `why` completes "NAME: …". */
  | { runs: false; why: string };

const RUNS = "Foreshore runs riscv64";

/** e_machine values that people meet (linux/elf-em.h), as they name them. */
const MACHINES: Readonly<Record<number, string>> = {
  2: "SPARC",
  3: "x86 (32-bit)",
  4: "m68k",
  8: "MIPS",
  20: "PowerPC",
  21: "PowerPC 64",
  22: "s390x",
  40: "ARM (32-bit)",
  42: "SuperH",
  43: "SPARC V9",
  50: "Itanium",
  62: "x86-64",
  183: "ARM64",
  247: "BPF",
  258: "LoongArch",
};

/** e_type values that are no programs. */
const NO_PROGRAMS: Readonly<Record<number, string>> = { 1: "an object file that was not linked", 4: "a core dump" };

/** First bytes of other things that people try to run. */
const OTHERS: readonly [number[], string][] = [
  [[0x4d, 0x5a], "a Windows or DOS program"],
  [[0x00, 0x61, 0x73, 0x6d], "a WebAssembly module"],
  [[0xcf, 0xfa, 0xed, 0xfe], "a macOS program"],
  [[0xce, 0xfa, 0xed, 0xfe], "a macOS program"],
  [[0xca, 0xfe, 0xba, 0xbe], "a macOS program or a Java class"],
  [[0x1f, 0x8b], "a gzip file"],
  [[0x50, 0x4b, 0x03, 0x04], "a zip file"],
];

/**
 * @param head the file's first PROGRAM_HEAD bytes, all of it when it has fewer
 * @param size bytes of the whole file
 */
export function describeProgram(head: Uint8Array, size: number): Program {
  const starts = (magic: readonly number[]) => magic.every((byte, i) => head[i] === byte);
  if (size === 0) return { runs: false, why: "an empty file" };
  if (starts([0x23, 0x21])) return describeScript(head);
  if (!starts([0x7f, 0x45, 0x4c, 0x46])) {
    const other = OTHERS.find(([magic]) => starts(magic));
    return {
      runs: false,
      why: other === undefined ? "neither an ELF program nor a script with #!" : `${other[1]}; ${RUNS} Linux programs`,
    };
  }
  // The kind of ELF file is said even of one that is cut off after it.
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const ehdr = Elf64Ehdr.OFFSET;
  if (head.length < ehdr.machine + 2) return { runs: false, why: `an ELF file that is cut off after ${size} bytes` };
  const is64 = head[4] === ElfIdent.ELFCLASS64;
  const little = head[5] === ElfIdent.ELFDATA2LSB;
  const machine = view.getUint16(ehdr.machine, little);
  if (machine !== ElfMachine.EM_RISCV) {
    return { runs: false, why: `ELF for ${MACHINES[machine] ?? `machine ${machine}`}; ${RUNS}` };
  }
  if (!is64) return { runs: false, why: `ELF for 32-bit RISC-V; ${RUNS}` };
  if (!little) return { runs: false, why: `ELF for big-endian RISC-V; ${RUNS}` };
  if (head.length < Elf64Ehdr.SIZE) return { runs: false, why: `an ELF file that is cut off after ${size} bytes` };
  const type = view.getUint16(ehdr.type, true);
  if (type !== ElfType.ET_EXEC && type !== ElfType.ET_DYN) {
    return { runs: false, why: `${NO_PROGRAMS[type] ?? `ELF of type ${type}`}, not a program` };
  }
  return describeSegments(view, head, size);
}

function describeSegments(view: DataView, head: Uint8Array, size: number): Program {
  const ehdr = Elf64Ehdr.OFFSET;
  const phdr = Elf64Phdr.OFFSET;
  const phoff = Number(view.getBigUint64(ehdr.phoff, true));
  const phnum = view.getUint16(ehdr.phnum, true);
  if (phnum === 0) return { runs: false, why: "ELF without program headers, not a program" };
  if (phoff + phnum * Elf64Phdr.SIZE > size) {
    return { runs: false, why: `an ELF file that is cut off: its program headers end after its ${size} bytes` };
  }
  let interpreter: string | undefined;
  for (let i = 0; i < phnum; i++) {
    const at = phoff + i * Elf64Phdr.SIZE;
    if (at + Elf64Phdr.SIZE > head.length) break;
    const offset = Number(view.getBigUint64(at + phdr.offset, true));
    const filesz = Number(view.getBigUint64(at + phdr.filesz, true));
    if (offset + filesz > size) {
      return { runs: false, why: `an ELF file that is cut off: segment ${i} ends after its ${size} bytes` };
    }
    if (view.getUint32(at + phdr.type, true) === ElfSegment.PT_INTERP && offset + filesz <= head.length) {
      interpreter = textOf(head.subarray(offset, offset + filesz));
    }
  }
  return { runs: true, kind: "elf", ...(interpreter === undefined ? {} : { interpreter }) };
}

/** `#!interpreter [argument]`, as execve(2) reads it. */
function describeScript(head: Uint8Array): Program {
  const end = head.indexOf(0x0a);
  const line = textOf(head.subarray(2, end < 0 ? head.length : end)).trim();
  const interpreter = line.split(/[ \t]/, 1)[0] ?? "";
  if (interpreter === "") return { runs: false, why: "a script whose #! line names no interpreter" };
  return { runs: true, kind: "script", interpreter };
}

/** Bytes up to the first NUL as text. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
