/** A few RISC-V instructions (RV64I, unprivileged spec 20191213 chapter 24) and a static ELF around them. */
import { Elf64Ehdr, Elf64Phdr, Mem } from "@foreshore/abi";

/** Register numbers by ABI name. */
export const REG = {
  zero: 0,
  ra: 1,
  sp: 2,
  t0: 5,
  t1: 6,
  s0: 8,
  s1: 9,
  a0: 10,
  a1: 11,
  a2: 12,
  a3: 13,
  a4: 14,
  a7: 17,
  s2: 18,
  s3: 19,
} as const;

type Reg = (typeof REG)[keyof typeof REG];

const LOAD_ADDRESS = 0x10000;
const EM_RISCV = 243;

/** Code and data of one program; labels may be used before they are placed. */
export class Assembler {
  readonly #words: (number | (() => number))[] = [];
  readonly #labels = new Map<string, number>();
  readonly #data: { name: string; bytes: Uint8Array }[] = [];

  get #here(): number {
    return LOAD_ADDRESS + Elf64Ehdr.SIZE + Elf64Phdr.SIZE + this.#words.length * 4;
  }

  label(name: string): this {
    this.#labels.set(name, this.#here);
    return this;
  }

  /** Bytes behind the code, at a label. */
  data(name: string, bytes: Uint8Array | string): this {
    this.#data.push({ name, bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes });
    return this;
  }

  addi(rd: Reg, rs1: Reg, imm: number): this {
    return this.#i(0x13, 0, rd, rs1, imm);
  }

  add(rd: Reg, rs1: Reg, rs2: Reg): this {
    this.#words.push(word((rs2 << 20) | (rs1 << 15) | (rd << 7) | 0x33));
    return this;
  }

  /** rd = a 32-bit constant. */
  li(rd: Reg, value: number): this {
    return this.#lui(rd, () => value);
  }

  /** rd = address of a label. */
  la(rd: Reg, name: string): this {
    return this.#lui(rd, () => this.#address(name));
  }

  #lui(rd: Reg, value: () => number): this {
    // lui takes the rounded upper 20 bits, addi the signed rest.
    this.#words.push(() => word(((value() + 0x800) & 0xfffff000) | (rd << 7) | 0x37));
    this.#words.push(() => word(((value() & 0xfff) << 20) | (rd << 15) | (rd << 7) | 0x13));
    return this;
  }

  /** rd = the 64-bit word at rs1 + imm. */
  ld(rd: Reg, rs1: Reg, imm: number): this {
    return this.#i(0x03, 3, rd, rs1, imm);
  }

  lbu(rd: Reg, rs1: Reg, imm: number): this {
    return this.#i(0x03, 4, rd, rs1, imm);
  }

  #i(opcode: number, funct3: number, rd: Reg, rs1: Reg, imm: number): this {
    this.#words.push(word(((imm & 0xfff) << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode));
    return this;
  }

  beq(rs1: Reg, rs2: Reg, name: string): this {
    return this.#branch(0, rs1, rs2, name);
  }

  blt(rs1: Reg, rs2: Reg, name: string): this {
    return this.#branch(4, rs1, rs2, name);
  }

  #branch(funct3: number, rs1: Reg, rs2: Reg, name: string): this {
    const from = this.#here;
    this.#words.push(() => {
      const d = this.#address(name) - from;
      const imm = (bit(d, 12) << 31) | (bits(d, 5, 6) << 25) | (bits(d, 1, 4) << 8) | (bit(d, 11) << 7);
      return word(imm | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | 0x63);
    });
    return this;
  }

  j(name: string): this {
    const from = this.#here;
    this.#words.push(() => {
      const d = this.#address(name) - from;
      return word((bit(d, 20) << 31) | (bits(d, 1, 10) << 21) | (bit(d, 11) << 20) | (bits(d, 12, 8) << 12) | 0x6f);
    });
    return this;
  }

  /** System call `number` with the arguments that are in a0…. */
  syscall(number: number): this {
    this.li(REG.a7, number);
    this.#words.push(0x73);
    return this;
  }

  #address(name: string): number {
    const at = this.#labels.get(name);
    if (at === undefined) throw new Error(`no label ${name}`);
    return at;
  }

  /** A static ELF whose entry is the first instruction, with `spare` zeroed bytes at label `spare`. */
  elf(spare = 65536): Uint8Array {
    let end = this.#here;
    for (const { name, bytes } of this.#data) {
      this.#labels.set(name, end);
      end += (bytes.length + 7) & ~7;
    }
    this.#labels.set("spare", end);
    const size = end - LOAD_ADDRESS;
    const mem = new Mem(new ArrayBuffer((size + 7) & ~7));
    const code = Elf64Ehdr.SIZE + Elf64Phdr.SIZE;
    new Elf64Ehdr(mem, 0).setData({
      ident: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      type: 2,
      machine: EM_RISCV,
      version: 1,
      entry: BigInt(LOAD_ADDRESS + code),
      phoff: BigInt(Elf64Ehdr.SIZE),
      shoff: 0n,
      flags: 4,
      ehsize: Elf64Ehdr.SIZE,
      phentsize: Elf64Phdr.SIZE,
      phnum: 1,
      shentsize: 0,
      shnum: 0,
      shstrndx: 0,
    });
    new Elf64Phdr(mem, Elf64Ehdr.SIZE).setData({
      type: 1,
      flags: 7,
      offset: 0n,
      vaddr: BigInt(LOAD_ADDRESS),
      paddr: BigInt(LOAD_ADDRESS),
      filesz: BigInt(size),
      memsz: BigInt(size + spare),
      align: 4096n,
    });
    for (const [i, item] of this.#words.entries()) mem.u32[code / 4 + i] = typeof item === "number" ? item : item();
    for (const { name, bytes } of this.#data) mem.u8.set(bytes, this.#address(name) - LOAD_ADDRESS);
    return mem.u8.slice(0, size);
  }
}

const word = (value: number): number => value >>> 0;
const bit = (value: number, at: number): number => (value >>> at) & 1;
const bits = (value: number, at: number, count: number): number => (value >>> at) & (2 ** count - 1);
