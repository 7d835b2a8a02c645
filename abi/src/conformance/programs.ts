/** Two guest programs of a few instructions each (RV64I, unprivileged spec 20191213 chapter 24), as static ELF files. */
import { Elf64Ehdr, Elf64Phdr, Syscall } from "../../ts/index.ts";
import { Mem } from "../core/mem.ts";

const [zero, sp, a0, a1, a2, a7] = [0, 2, 10, 11, 12, 17];
const LOAD_ADDRESS = 0x10000;
const EM_RISCV = 243;
const ET_EXEC = 2;
const [PT_LOAD, PT_INTERP] = [1, 3];
const [PF_X, PF_W, PF_R] = [1, 2, 4];
const PAGE = 4096;

const addi = (rd: number, rs: number, imm: number): number => ((imm << 20) | (rs << 15) | (rd << 7) | 0x13) >>> 0;
const li = (rd: number, value: number): number => addi(rd, zero, value);
const ecall = 0x73;

/** beq (0), blt (4), bge (5): `offset` in bytes from the branch itself. */
function branch(kind: number, rs1: number, rs2: number, offset: number): number {
  const [high, low] = [
    ((offset >> 12) & 1) * 64 + ((offset >> 5) & 63),
    ((offset >> 1) & 15) * 2 + ((offset >> 11) & 1),
  ];
  return ((high << 25) | (rs2 << 20) | (rs1 << 15) | (kind << 12) | (low << 7) | 0x63) >>> 0;
}

/** Ends with `code`. */
export function exits(code: number): Uint8Array {
  return elf([li(a0, code), li(a7, Syscall.SYS_exit_group), ecall]);
}

/** What `counts` adds when there is a second-to-last word of its stack: a variable behind two arguments. */
export const COUNTS_ENV = 16;

/** Ends with the number of its arguments, and COUNTS_ENV more where the word behind two arguments and their end is none. */
export function counts(): Uint8Array {
  return elf([
    0x00013503, // ld a0, 0(sp): argc
    0x02013583, // ld a1, 32(sp): envp[0] behind two arguments
    0x00b035b3, // snez a1, a1
    0x00459593, // slli a1, a1, 4
    0x00b50533, // add a0, a0, a1
    li(a7, Syscall.SYS_exit_group),
    ecall,
  ]);
}

/** The status that `echoes` ends with. */
export const ECHO_CODE = 7;

/** Copies standard input to standard output until its end, then ends with ECHO_CODE. */
export function echoes(): Uint8Array {
  const room = 512;
  return elf([
    addi(sp, sp, -room),
    li(a0, 0), // again: read(0, sp, room)
    addi(a1, sp, 0),
    li(a2, room),
    li(a7, Syscall.SYS_read),
    ecall,
    branch(5, zero, a0, 24), // bge zero, a0: end
    addi(a2, a0, 0),
    li(a0, 1),
    li(a7, Syscall.SYS_write),
    ecall,
    branch(0, zero, zero, -40), // beq zero, zero: again
    li(a0, ECHO_CODE), // end
    li(a7, Syscall.SYS_exit_group),
    ecall,
  ]);
}

/** A program that wants to be started by the one at `path`. */
export function interpreted(path: string): Uint8Array {
  return elf([ecall], path);
}

/** A program whose file ends before its data do. */
export function cutOff(): Uint8Array {
  const bytes = exits(0);
  const mem = new Mem(new ArrayBuffer(bytes.length));
  mem.u8.set(bytes);
  const segment = new Elf64Phdr(mem, Elf64Ehdr.SIZE);
  const { filesz } = segment.toData();
  segment.setData({
    ...segment.toData(),
    flags: PF_R | PF_W,
    filesz: filesz + 2n * BigInt(PAGE),
    memsz: 3n * BigInt(PAGE),
  });
  return new Uint8Array(mem.u8);
}

function elf(words: readonly number[], interpreter?: string): Uint8Array {
  const name = interpreter === undefined ? new Uint8Array(0) : new TextEncoder().encode(`${interpreter}\0`);
  const phnum = interpreter === undefined ? 1 : 2;
  const start = Elf64Ehdr.SIZE + phnum * Elf64Phdr.SIZE;
  const end = start + words.length * 4;
  const mem = new Mem(new ArrayBuffer(Math.ceil((end + name.length) / 4) * 4));
  const ident = new Uint8Array(16);
  ident.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  new Elf64Ehdr(mem, 0).setData({
    ident,
    type: ET_EXEC,
    machine: EM_RISCV,
    version: 1,
    entry: BigInt(LOAD_ADDRESS + start),
    phoff: BigInt(Elf64Ehdr.SIZE),
    shoff: 0n,
    flags: 0,
    ehsize: Elf64Ehdr.SIZE,
    phentsize: Elf64Phdr.SIZE,
    phnum,
    shentsize: 0,
    shnum: 0,
    shstrndx: 0,
  });
  const size = BigInt(mem.u8.length);
  new Elf64Phdr(mem, Elf64Ehdr.SIZE).setData({
    type: PT_LOAD,
    flags: PF_X | PF_R,
    offset: 0n,
    vaddr: BigInt(LOAD_ADDRESS),
    paddr: BigInt(LOAD_ADDRESS),
    filesz: size,
    memsz: size,
    align: BigInt(PAGE),
  });
  if (interpreter !== undefined) {
    const bytes = BigInt(name.length);
    const at = { offset: BigInt(end), vaddr: BigInt(LOAD_ADDRESS + end), paddr: BigInt(LOAD_ADDRESS + end) };
    const segment = { type: PT_INTERP, flags: PF_R, ...at, filesz: bytes, memsz: bytes, align: 1n };
    new Elf64Phdr(mem, Elf64Ehdr.SIZE + Elf64Phdr.SIZE).setData(segment);
    mem.u8.set(name, end);
  }
  const code = new DataView(mem.buffer, start);
  for (const [i, word] of words.entries()) code.setUint32(i * 4, word, true);
  return new Uint8Array(mem.u8);
}
