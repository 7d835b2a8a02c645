import { Dirent64, Mem } from "@foreshore/abi";
import { expect, test } from "vitest";
import { RpcProtocolError } from "../client/errors.ts";
import { directoryItems } from "./stat.ts";

/** Records of the given lengths, each with a name of one letter. */
function records(...lengths: readonly number[]): Uint8Array {
  const mem = new Mem(new ArrayBuffer(Math.max(256, ...lengths)));
  let at = 0;
  for (const [i, reclen] of lengths.entries()) {
    const view = new Dirent64(mem, at);
    view.reclen = reclen;
    view.ino = BigInt(i + 1);
    mem.u8[at + Dirent64.OFFSET.name] = 0x61 + i;
    at += reclen;
  }
  return mem.u8.slice(0, at);
}

test("names of records, one behind the other", () => {
  const items = directoryItems(records(24, 32, 24));
  expect(items.map(({ name, ino }) => [name, ino])).toEqual([
    ["a", 1n],
    ["b", 2n],
    ["c", 3n],
  ]);
});

test.each<[string, Uint8Array]>([
  ["a length of 0", records(24).fill(0, Dirent64.OFFSET.reclen, Dirent64.OFFSET.type)],
  ["a length beyond the end", records(24, 64).subarray(0, 48)],
  ["a length that is no multiple of 8", records(28)],
  ["a tail that is no record", records(24, 24).subarray(0, 32)],
])("%s is refused", (_, bytes) => {
  expect(() => directoryItems(bytes)).toThrow(RpcProtocolError);
});
