/**
 * The frozen parts (`codegen/src/frozen.ts`), by offsets that are written out here: whoever speaks any version of this ABI finds
 * them there. A number in this file never changes.
 */
import { describe, expect, test } from "vitest";
import {
  Errno,
  encodeKernelWorkerOutbound,
  encodeKernelWorkerRequest,
  KernelInitRequest,
  Opcode,
  ReplyEvent,
} from "../ts/index.ts";
import { encodeHello, newFrame } from "./control/frames.ts";
import { Mem } from "./core/mem.ts";
import { FakeKernel } from "./testing/fake-kernel.ts";
import { sampleMachine } from "./testing/sample-machine.ts";
import { ABI } from "./version.ts";

/** Little endian, as all of the ABI. */
function words(bytes: Uint8Array): { u16(at: number): number; u32(at: number): number; u64(at: number): bigint } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    u16: (at) => view.getUint16(at, true),
    u32: (at) => view.getUint32(at, true),
    u64: (at) => view.getBigUint64(at, true),
  };
}

const OURS = [ABI.abiMajor, ABI.abiMinor, ABI.layoutHashLo, ABI.layoutHashHi];

describe("frozen", () => {
  test("the first words of the machine's header", () => {
    const { u16, u32 } = words(sampleMachine().bytes);
    expect(u32(4096)).toBe(0x52485346);
    expect([u16(4100), u16(4102), u32(4104), u32(4108)]).toEqual(OURS);
  });

  test("the hello of a control channel", () => {
    const bytes = encodeHello({ status: 1, arenaBytes: 0x1234 });
    const { u16, u32 } = words(bytes);
    expect(bytes).toHaveLength(64);
    expect(u32(0)).toBe(0x43435346);
    expect([u16(4), u16(6), u32(8), u32(12)]).toEqual(OURS);
    expect([u32(16), u32(20) > 0, u32(24)]).toEqual([1, true, 0x1234]);
  });

  test("the head of a frame", () => {
    const frame = newFrame(5, 24);
    const { u32 } = words(frame.u8);
    expect([u32(0), u32(4), u32(8), u32(12), frame.u8.length]).toEqual([24, 5, 0, 0, 40]);
  });

  test("the first request and its reply", () => {
    const mem = new Mem(new ArrayBuffer(128));
    const { u16, u32, u64 } = words(mem.u8);
    encodeKernelWorkerRequest(mem, 0, {
      opcode: Opcode.KernelInit,
      flags: 0,
      requestId: 7,
      ...ABI,
      reply: { offset: 0x100, length: 0x200 },
    });
    expect([u16(0), u16(2), u32(4)]).toEqual([2, 0, 7]);
    expect([u16(8), u16(10), u32(12), u32(16)]).toEqual(OURS);
    expect([u32(20), u32(24), KernelInitRequest.SIZE]).toEqual([0x100, 0x200, 64]);
    encodeKernelWorkerOutbound(mem, 64, {
      opcode: Opcode.Reply,
      flags: 0,
      requestId: 7,
      result: -BigInt(Errno.EPROTO),
      value: 0x10001n,
      value2: 0x0123456789abcdefn,
      handle: { index: 8, generation: 9 },
    });
    expect([u16(64), u16(66), u32(68)]).toEqual([64, 0, 7]);
    expect([BigInt.asIntN(64, u64(72)), u64(80), u64(88)]).toEqual([-71n, 0x10001n, 0x0123456789abcdefn]);
    expect([u32(96), u32(100), ReplyEvent.SIZE]).toEqual([8, 9, 64]);
  });

  test("an entry of a ring has 64 bytes", () => {
    const kernel = new FakeKernel();
    expect(kernel.completionAddress(1) - kernel.completionAddress(0)).toBe(64);
  });
});
