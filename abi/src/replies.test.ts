import { describe, expect, test } from "vitest";
import { decodeReply, Errno, KernelWorkerReplyShape, Opcode } from "./index.ts";

const event = { result: 12n, value: 34n, value2: 56n, handle: { index: 7, generation: 9 } };

describe("decodeReply", () => {
  test("names the words of a reply", () => {
    expect(decodeReply(Opcode.ReadFile, event)).toEqual({
      ok: true,
      reply: { bytes: 12, size: 34n, changeSeq: 56n, inode: { index: 7, generation: 9 } },
    });
    expect(decodeReply(Opcode.Noop, event)).toEqual({ ok: true, reply: {} });
  });

  test("a negative result is an errno", () => {
    expect(decodeReply(Opcode.Stat, { ...event, result: -2n })).toEqual({ ok: false, errno: Errno.ENOENT });
  });

  test("an opcode that is no request has no reply", () => {
    expect(() => decodeReply(Opcode.Reply as never, event)).toThrow(RangeError);
  });
});

test("every request says how it may fail, by errors that there are", () => {
  const requests = Object.values(Opcode).filter((opcode) => opcode > 0 && opcode < Opcode.Reply);
  expect(
    Object.keys(KernelWorkerReplyShape)
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual(requests);
  for (const { errnos } of Object.values(KernelWorkerReplyShape)) {
    for (const errno of errnos) expect(Errno).toHaveProperty(errno);
  }
});
