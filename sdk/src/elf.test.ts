import { Elf64Ehdr, Elf64Phdr } from "@foreshore/abi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeProgram, PROGRAM_HEAD } from "./elf.ts";

const encoder = new TextEncoder();

/** A small ELF file; fields set after the fact by `patch`. */
function elf(patch: (view: DataView, bytes: Uint8Array) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(400);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const ehdr = Elf64Ehdr.OFFSET;
  view.setUint16(ehdr.type, 2, true);
  view.setUint16(ehdr.machine, 243, true);
  view.setBigUint64(ehdr.phoff, 64n, true);
  view.setUint16(ehdr.phentsize, 56, true);
  view.setUint16(ehdr.phnum, 2, true);
  segment(view, 0, 1, 0, 400);
  segment(view, 1, 1, 0, 100);
  patch(view, bytes);
  return bytes;
}

function segment(view: DataView, index: number, type: number, offset: number, filesz: number): void {
  const at = 64 + index * Elf64Phdr.SIZE;
  view.setUint32(at + Elf64Phdr.OFFSET.type, type, true);
  view.setBigUint64(at + Elf64Phdr.OFFSET.offset, BigInt(offset), true);
  view.setBigUint64(at + Elf64Phdr.OFFSET.filesz, BigInt(filesz), true);
}

const describeAll = (bytes: Uint8Array) => describeProgram(bytes.subarray(0, PROGRAM_HEAD), bytes.length);

describe("describeProgram", () => {
  it("lets riscv64 programs and scripts through, with their interpreters", () => {
    expect(describeAll(elf())).toEqual({ runs: true, kind: "elf" });
    expect(describeAll(elf((view) => view.setUint16(Elf64Ehdr.OFFSET.type, 3, true)))).toMatchObject({ runs: true });
    const dynamic = elf((view, bytes) => {
      segment(view, 1, 3, 300, 12);
      bytes.set(encoder.encode("/lib/ld.so\0"), 300);
    });
    expect(describeAll(dynamic)).toEqual({ runs: true, kind: "elf", interpreter: "/lib/ld.so" });
    expect(describeAll(encoder.encode("#! /bin/sh -e\nx"))).toEqual({
      runs: true,
      kind: "script",
      interpreter: "/bin/sh",
    });
  });

  it.each([
    ["", "an empty file"],
    ["hello", "neither an ELF program nor a script with #!"],
    ["#!\n", "a script whose #! line names no interpreter"],
    ["MZ..", "a Windows or DOS program; Foreshore runs riscv64 Linux programs"],
    ["\0asm", "a WebAssembly module; Foreshore runs riscv64 Linux programs"],
    ["\x7fELF", "an ELF file that is cut off after 4 bytes"],
  ])("%j: %s", (text, why) => {
    expect(describeAll(encoder.encode(text))).toEqual({ runs: false, why });
  });

  it.each<[(view: DataView, bytes: Uint8Array) => void, string]>([
    [(v) => v.setUint16(18, 62, true), "ELF for x86-64; Foreshore runs riscv64"],
    [(v) => v.setUint16(18, 183, true), "ELF for ARM64; Foreshore runs riscv64"],
    [(v) => v.setUint16(18, 999, true), "ELF for machine 999; Foreshore runs riscv64"],
    [(_, b) => b.set([1], 4), "ELF for 32-bit RISC-V; Foreshore runs riscv64"],
    [
      (v, b) => {
        b.set([2], 5);
        v.setUint16(18, 22, false);
      },
      "ELF for s390x; Foreshore runs riscv64",
    ],
    [
      (v, b) => {
        b.set([2], 5);
        v.setUint16(18, 243, false);
      },
      "ELF for big-endian RISC-V; Foreshore runs riscv64",
    ],
    [(v) => v.setUint16(16, 1, true), "an object file that was not linked, not a program"],
    [(v) => v.setUint16(16, 4, true), "a core dump, not a program"],
    [(v) => v.setUint16(56, 0, true), "ELF without program headers, not a program"],
    [(v) => v.setBigUint64(32, 380n, true), "an ELF file that is cut off: its program headers end after its 400 bytes"],
    [(v) => v.setBigUint64(32, 2n ** 64n - 1n, true), "an ELF file that is cut off: its program headers end after"],
    [(v) => segment(v, 1, 1, 300, 200), "an ELF file that is cut off: segment 1 ends after its 400 bytes"],
  ])("says what is wrong: case %#", (patch, why) => {
    expect(describeAll(elf(patch))).toMatchObject({ runs: false, why: expect.stringContaining(why) });
  });

  it("says the same of a file that ends within its header", () => {
    const x86 = elf((view) => view.setUint16(18, 62, true));
    expect(describeProgram(x86.subarray(0, 20), 20)).toMatchObject({ why: "ELF for x86-64; Foreshore runs riscv64" });
    expect(describeProgram(elf().subarray(0, 63), 63)).toMatchObject({ why: expect.stringContaining("63 bytes") });
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), (noise, at) => {
        const bytes = elf((_, all) => all.set(noise.subarray(0, 400 - at), at));
        describeAll(bytes);
        describeAll(noise);
      }),
    );
  });
});
