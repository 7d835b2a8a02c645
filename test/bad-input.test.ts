/** What a machine does with programs that are none, and with programs that misbehave (issue 3, "Bad input"). */
import { readFileSync } from "node:fs";
import { Runtime, SystemError } from "@foreshore/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { guest, missingTool } from "./guests/build.ts";

const EM_X86_64 = 62;
const EM_RISCV = 243;
const BASE = 0x400000n;
const PAGE = 4096n;

interface Segment {
  vaddr: bigint;
  offset?: bigint;
  filesz?: bigint;
  memsz?: bigint;
}

/** An ELF file with these segments, whose code is li a7,93; li a0,42; ecall. */
function elf(segments: Segment[], change: (view: DataView) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(2 * Number(PAGE));
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, EM_RISCV, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BASE + PAGE, true); // entry
  view.setBigUint64(32, 64n, true); // program headers
  view.setUint32(48, 5, true); // RVC, double-float ABI
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  for (const [i, segment] of segments.entries()) {
    const at = 64 + i * 56;
    const size = BigInt(bytes.length);
    view.setUint32(at, 1, true); // PT_LOAD
    view.setUint32(at + 4, 5, true); // R and X
    view.setBigUint64(at + 8, segment.offset ?? 0n, true);
    view.setBigUint64(at + 16, BigInt.asUintN(64, segment.vaddr), true);
    view.setBigUint64(at + 32, segment.filesz ?? size, true);
    view.setBigUint64(at + 40, segment.memsz ?? segment.filesz ?? size, true);
    view.setBigUint64(at + 48, PAGE, true);
  }
  for (const [i, word] of [0x05d00893, 0x02a00513, 0x00000073].entries())
    view.setUint32(Number(PAGE) + 4 * i, word, true);
  change(view);
  return bytes;
}

const whole: Segment = { vaddr: BASE };
const refused: [string, Uint8Array, string[]][] = [
  ["an empty file", new Uint8Array(0), ["ENOEXEC"]],
  ["text", new TextEncoder().encode("this is no program\n"), ["ENOEXEC"]],
  ["an ELF header cut off", elf([whole]).subarray(0, 40), ["ENOEXEC"]],
  ["program headers cut off", elf([whole]).subarray(0, 80), ["ENOEXEC"]],
  ["a program for x86-64", elf([whole], (v) => v.setUint16(18, EM_X86_64, true)), ["ENOEXEC"]],
  ["a 32-bit program", elf([whole], (v) => v.setUint8(4, 1)), ["ENOEXEC"]],
  ["an object file", elf([whole], (v) => v.setUint16(16, 1, true)), ["ENOEXEC"]],
  ["overlapping segments", elf([whole, { vaddr: BASE + PAGE, filesz: PAGE }]), ["ENOEXEC", "ENOMEM"]],
  ["a segment that wraps", elf([{ vaddr: -PAGE }]), ["ENOEXEC", "ENOMEM"]],
  ["a segment whose size wraps", elf([{ vaddr: BASE, memsz: BigInt.asUintN(64, -BASE) }]), ["ENOEXEC", "ENOMEM"]],
  ["an absurdly large segment", elf([{ vaddr: BASE, memsz: 1n << 60n }]), ["ENOEXEC", "ENOMEM"]],
];

describe.skipIf(missingTool())("bad input", () => {
  let runtime: Runtime;
  beforeEach(async () => {
    runtime = await Runtime.create({ harts: 2, memory: 256, log: () => {} });
    await runtime.fs.mkdir("/tmp", { recursive: true });
    await runtime.fs.mkdir("/bin", { recursive: true });
  });
  afterEach(async () => {
    await runtime.stop();
  });

  const wild = async () => new Uint8Array(readFileSync(await guest("wild")));
  const elapsed = async (work: Promise<unknown>) => {
    const from = performance.now();
    await work;
    return performance.now() - from;
  };

  test("the image that the bad ones are made of is right", async () => {
    expect((await (await runtime.spawn(elf([whole]))).exit).code).toBe(42);
  });

  for (const [what, bytes, codes] of refused) {
    test(`${what} is refused, and the machine goes on`, async () => {
      const error = await runtime.spawn(bytes).then(
        () => null,
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(SystemError);
      expect(codes).toContain((error as SystemError).code);
      expect((await (await runtime.spawn(elf([whole]))).exit).code).toBe(42);
    });
  }

  test.for([
    ["null", "SIGSEGV", 11],
    ["load", "SIGSEGV", 11],
    ["jump", "SIGSEGV", 11],
    ["code", "SIGSEGV", 11],
    ["illegal", "SIGILL", 4],
    ["abort", "SIGABRT", 6],
  ] as const)("%s ends that process only, by %s", async ([how, signal, signalNumber]) => {
    const program = await wild();
    const other = await runtime.spawn(program, ["cat"]);
    expect(await (await runtime.spawn(program, [how])).exit).toMatchObject({ code: null, signal, signalNumber });
    const writer = other.stdin!.getWriter();
    await writer.write(new TextEncoder().encode("still here"));
    await writer.close();
    const output = await other.output();
    expect(new TextDecoder().decode(output.stdout)).toBe("still here");
    expect(output.code).toBe(0);
  });

  test("an endless loop can be killed, and does not keep stop() from ending within a second", async () => {
    const program = await wild();
    const spinning = await Promise.all([1, 2, 3].map(() => runtime.spawn(program, ["loop"])));
    expect(await elapsed(runtime.noop())).toBeLessThan(1000);
    await spinning[0]!.kill("SIGKILL");
    expect((await spinning[0]!.exit).signal).toBe("SIGKILL");
    expect(await elapsed(runtime.stop())).toBeLessThan(1000);
  });

  test("a flood of output stops at the pipe, and the host stays responsive", async () => {
    const flood = await runtime.spawn(await wild(), ["flood"]);
    const reader = flood.stdout!.getReader();
    const first = await reader.read();
    expect(first.value!.every((byte) => byte === 0x79)).toBe(true);
    expect(await elapsed(runtime.noop())).toBeLessThan(1000);
    // Nobody reads any more: what the guest has written must not pile up on this side.
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 200; i++) await runtime.noop();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
    await flood.kill("SIGKILL");
    expect((await flood.exit).signal).toBe("SIGKILL");
  });

  test("a fork bomb meets EAGAIN or ENOMEM; afterwards programs start as before", async () => {
    const bomb = await runtime.spawn(await guestBytes("stress_fork"), [], {
      env: { FILL_TABLE: "1" },
      cwd: "/tmp",
    });
    let slowest = 0;
    let ended = false;
    const output = bomb.output().finally(() => {
      ended = true;
    });
    while (!ended) slowest = Math.max(slowest, await elapsed(runtime.noop()));
    const { stdout, code } = await output;
    expect(new TextDecoder().decode(stdout)).not.toContain("FAIL");
    expect(code).toBe(0);
    expect(slowest).toBeLessThan(1000);
    expect((await (await runtime.spawn(elf([whole]))).exit).code).toBe(42);
  });

  test("a memory hog gets ENOMEM or is killed; its memory comes back", async () => {
    const hog = await runtime.spawn(await guestBytes("stress_hog"), ["everything"], {
      env: { HOG_MIB: "64" },
      cwd: "/tmp",
    });
    const { stdout, code } = await hog.output();
    expect(new TextDecoder().decode(stdout)).toBe("ok everything.ended\nok everything.released\n");
    expect(code).toBe(0);
    expect((await (await runtime.spawn(elf([whole]))).exit).code).toBe(42);
  });
});

async function guestBytes(name: string): Promise<Uint8Array> {
  return new Uint8Array(readFileSync(await guest(name)));
}
