import { expect, test } from "vitest";
import {
  ControlFrameKind,
  ControlQuery,
  ControlRecord,
  ControlState,
  MachineHeader,
  SlotKind,
} from "../../ts/index.ts";
import { memOf } from "../core/mem.ts";
import { FakeKernel } from "../testing/fake-kernel.ts";
import { HEADER, newFrame } from "./frames.ts";
import { RecordSource } from "./records.ts";

test("the machine's header travels without the state of its random generator", () => {
  const { header, mem } = new FakeKernel();
  const secret = header.$base + MachineHeader.OFFSET.entropy;
  mem.u8.fill(0x5a, secret, secret + 8 * MachineHeader.LENGTH.entropy);
  header.hartCount = 3;
  header.counters.syscalls = 77;
  const query = newFrame(ControlFrameKind.Query, ControlQuery.SIZE);
  new ControlQuery(query, HEADER).setData({ id: 1, kind: SlotKind.None, filter: 0, from: 0, most: 0 });
  const answer = new RecordSource(header).answer(query.u8.slice(HEADER));
  expect([...answer].filter((byte) => byte === 0x5a)).toEqual([]);
  const record = answer.slice(HEADER + ControlState.SIZE + ControlRecord.SIZE);
  const copy = new MachineHeader(memOf(record), 0);
  expect(copy.hartCount).toBe(3);
  expect(copy.counters.syscalls).toBe(77);
});
