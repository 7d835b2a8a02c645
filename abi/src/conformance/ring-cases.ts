/** Rings: order, room, indices, wakes, and clients that are gone. */
import {
  ClientSlot,
  ClientState,
  Fixed,
  Opcode,
  PollEvent,
  ProcessRow,
  type SlotHandleData,
  SlotKind,
} from "../../ts/index.ts";
import { CaseFailure, type Peer, resultText } from "./peer.ts";
import type { Case, Trial } from "./trial.ts";

const ENTRIES = Fixed.RingEntries;
/** What finds room at once at least, whatever the way to the kernel. */
const AT_ONCE = ENTRIES - Fixed.RingEventRoom;
/** More requests that wait than rings have entries. */
const MANY = 3 * ENTRIES;
const WRAP_ENTRIES = 3 * ENTRIES;
/** How long one completion of many may take, in milliseconds. */
const PATIENCE_MS = 1000;

/** Publishes `count` requests at once while none is in flight, and takes the answers of all that found room. */
async function batch(peer: Peer, count: number): Promise<number> {
  const ids = await peer.submit(Array.from({ length: count }, () => peer.encode({ opcode: Opcode.Noop })));
  if (ids.length === 0) throw new CaseFailure(`no entry of ${count} found room, with nothing in flight`);
  for (const id of ids) await peer.answer(id);
  return ids.length;
}

/** Submits until the ring has no room, or `most` entries went in. */
async function fill(peer: Peer, most: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < most) {
    const entries = Array.from({ length: Math.min(16, most - ids.length) }, () => peer.encode({ opcode: Opcode.Noop }));
    const sent = await peer.submit(entries);
    ids.push(...sent);
    if (sent.length < entries.length) break;
  }
  return ids;
}

async function around(t: Trial): Promise<void> {
  for (let sent = 0; sent < WRAP_ENTRIES; ) sent += await batch(t.peer, 1 + (sent % 97));
}

/**
 * A word of the client's own slot, with nonsense in it for a while: the kernel does nothing then, and goes on when the word is
 * right again.
 */
async function nonsense(
  t: Trial,
  offset: number,
  read: (slot: ClientSlot) => number,
  values: readonly number[],
): Promise<void> {
  const { client } = t.peer;
  for (const add of values) {
    // Nothing is on its way when the word is written.
    await t.peer.ok({ opcode: Opcode.Noop });
    const before = await t.clientSlot(client);
    const right = read(before);
    await t.writeClient(client, offset, (right + add) >>> 0);
    for (let i = 0; i < 3; i++) await t.machine.wake();
    const { submissionHead, completionTail } = await t.clientSlot(client);
    await t.writeClient(client, offset, right);
    t.equal(submissionHead, before.submissionHead, `submission_head, while an index is off by ${add},`);
    t.equal(completionTail, before.completionTail, `completion_tail, while an index is off by ${add},`);
    await t.peer.ok({ opcode: Opcode.Noop });
  }
}

/** Slot words by their offsets. */
const { submissionTail, completionHead, state } = ClientSlot.OFFSET;

export const RING_CASES: readonly Case[] = [
  {
    family: "rings",
    name: "one request after the other, three times around",
    run: async (t) => {
      for (let i = 0; i < WRAP_ENTRIES; i++) await t.peer.ok({ opcode: Opcode.Noop });
    },
  },
  { family: "rings", name: "entries published in batches of all sizes", run: around },
  {
    family: "rings",
    name: "indices go past 2^32",
    needs: ["ring-start"],
    fresh: { ringStart: 2 ** 32 - ENTRIES - 100 },
    run: async (t) => {
      await around(t);
      if (!t.machine.features.has("memory")) return;
      const slot = await t.clientSlot(t.peer.client);
      t.check(slot.completionTail < 2 ** 31, `completion_tail is ${slot.completionTail}: it has not wrapped`);
      t.equal(slot.submissionHead, slot.submissionTail, "submission_head");
    },
  },
  {
    family: "rings",
    name: "a full submission ring: what found room is answered",
    run: async (t) => {
      const ids = await fill(t.peer, 4 * ENTRIES);
      t.check(ids.length >= AT_ONCE, `only ${ids.length} entries found room`);
      if (t.machine.features.has("memory"))
        t.check(ids.length <= 2 * ENTRIES, `${ids.length} entries found room in rings of ${ENTRIES}`);
      for (const id of ids) await t.peer.answer(id);
    },
  },
  {
    family: "rings",
    name: "a client that takes no completions is read no further",
    needs: ["memory"],
    run: async (t) => {
      const ids = await fill(t.peer, 4 * ENTRIES);
      await t.machine.wake();
      const slot = await t.clientSlot(t.peer.client);
      const untaken = (slot.completionTail - slot.completionHead) >>> 0;
      t.check(untaken <= ENTRIES, `${untaken} completions in a ring of ${ENTRIES}`);
      for (const id of ids) await t.peer.answer(id);
    },
  },
  {
    family: "rings",
    name: "completions taken one at a time keep their order and number",
    run: async (t) => {
      const ids = await fill(t.peer, ENTRIES);
      while (t.peer.inFlight > 0 && (await t.peer.take(PATIENCE_MS, 1)));
      t.equal(t.peer.inFlight, 0, "the number of requests without an answer");
      for (const id of ids) await t.peer.answer(id);
    },
  },
  {
    family: "rings",
    name: "wakes without a reason",
    run: async (t) => {
      for (let i = 0; i < 50; i++) await t.machine.wake();
      t.check(!(await t.peer.take(0)), "completions came for nothing");
      await t.peer.ok({ opcode: Opcode.Noop });
    },
  },
  {
    family: "rings",
    name: "opcodes that are no request's",
    needs: ["raw"],
    run: async (t) => {
      for (const opcode of [Opcode.None, Opcode.Reply, Opcode.UnsupportedSyscall, 63, 255, 0xffff]) {
        const id = t.peer.id();
        const entry = t.peer.encode({ opcode: Opcode.Noop }, id);
        new DataView(entry.buffer).setUint16(0, opcode, true);
        await t.peer.submit([entry]);
        const { result } = await t.peer.answer(id);
        t.equal(resultText(result), "EOPNOTSUPP", `the result of opcode ${opcode}`);
      }
    },
  },
  {
    family: "rings",
    name: "the highest request id",
    run: async (t) => {
      for (const id of [0xffffffff, 0x80000000]) {
        await t.peer.submit([t.peer.encode({ opcode: Opcode.Noop }, id)]);
        await t.peer.answer(id);
      }
    },
  },
  {
    family: "rings",
    name: "a submission tail that cannot be",
    needs: ["memory"],
    run: (t) => nonsense(t, submissionTail, (slot) => slot.submissionTail, [ENTRIES + 1, 1000, 2 ** 31, -1, -ENTRIES]),
  },
  {
    family: "rings",
    name: "a completion head that cannot be",
    needs: ["memory"],
    run: (t) => nonsense(t, completionHead, (slot) => slot.completionHead, [1, ENTRIES, 2 ** 31, -ENTRIES - 1]),
  },
  {
    family: "rings",
    name: "a client that never takes anything holds up no other",
    needs: ["clients"],
    run: async (t) => {
      const { peer } = await t.other();
      await fill(peer, 4 * ENTRIES);
      await around(t);
    },
  },
  {
    family: "rings",
    name: "a Cancel reaches its own client's requests only",
    needs: ["clients"],
    run: async (t) => {
      const { process, streams } = await t.process("echo");
      await t.start(process);
      t.after(() => t.end(process));
      const { peer } = await t.other();
      // One that waits and one that does not know of it, under one id.
      const id = 0x7000_0000;
      const ask = { opcode: Opcode.StreamPoll, ofd: streams[1], events: PollEvent.POLLIN } as const;
      await t.peer.submit([t.peer.encode(ask, id)]);
      await t.peer.ok({ opcode: Opcode.Noop });
      await peer.refused({ opcode: Opcode.Cancel, target: id }, "ENOENT");
      t.check(!(await t.peer.answered(id)), "another client's Cancel has ended the request");
      await t.peer.ok({ opcode: Opcode.Cancel, target: id });
      t.equal(resultText((await t.peer.answer(id)).result), "ECANCELED", "the result of its own client's Cancel");
    },
  },
  {
    family: "rings",
    name: "what waits takes nothing from what can be answered",
    run: async (t) => {
      const { process, streams } = await t.process("echo");
      await t.start(process);
      const polls = await waiting(t, streams[1], MANY);
      const [exit = 0] = await t.peer.send({ opcode: Opcode.WaitProcess, process });
      for (let i = 0; i < ENTRIES; i++) await t.peer.ok({ opcode: Opcode.Noop });
      await t.peer.ok({ opcode: Opcode.Processes, reply: await t.peer.room(64 * ProcessRow.SIZE), owner: 0 });
      t.equal(t.peer.inFlight, MANY + 1, "the number of requests that wait");
      // Each of them is cancelled alone.
      for (const id of polls.splice(0, 9)) {
        await t.peer.ok({ opcode: Opcode.Cancel, target: id });
        t.equal(resultText((await t.peer.answer(id)).result), "ECANCELED", "the result of the cancelled request");
      }
      // All become ready at once, more than the completion ring has room for.
      await t.peer.ok({ opcode: Opcode.KillProcess, pid: 0, signal: SIGKILL, process });
      t.equal((await t.peer.answer(exit)).value, BigInt(SIGKILL), "the wait status");
      for (const id of polls) {
        const { result } = await t.peer.answer(id);
        t.check((Number(result) & PollEvent.POLLHUP) !== 0, `StreamPoll answers ${resultText(result)}, not POLLHUP`);
      }
    },
  },
  {
    family: "rings",
    name: "more than may wait is refused with EAGAIN, and nothing else is",
    needs: ["memory"],
    run: async (t) => {
      const { streams } = await t.process("echo");
      const { capacity } = await t.table(SlotKind.PendingRequest);
      const polls = await waiting(t, streams[1], Math.floor(capacity / 2));
      await t.peer.refused({ opcode: Opcode.StreamPoll, ofd: streams[1], events: PollEvent.POLLIN }, "EAGAIN");
      await t.peer.ok({ opcode: Opcode.Noop });
      await t.peer.ok({ opcode: Opcode.StreamClose, ofd: streams[1] });
      for (const id of polls) t.equal(resultText((await t.peer.answer(id)).result), "EBADF", "the result");
    },
  },
  {
    family: "rings",
    name: "a client is detached with requests in flight; its slot serves the next one afresh",
    needs: ["clients"],
    run: async (t) => {
      const { streams } = await t.process("echo");
      const first = await t.other();
      await parked(t, first.peer, streams[1]);
      await t.peer.ok({ opcode: Opcode.DetachClient, client: first.handle });
      await t.peer.refused({ opcode: Opcode.DetachClient, client: first.handle }, "ESRCH");
      await afresh(t, first.handle.index);
    },
  },
  {
    family: "rings",
    name: "a client that says it is lost is cleared away",
    needs: ["clients", "memory"],
    run: async (t) => {
      const { streams } = await t.process("echo");
      const lost = await t.other();
      await parked(t, lost.peer, streams[1]);

      await t.writeClient(lost.handle.index, state, ClientState.Lost);
      await t.machine.wake();
      await t.until(
        "the lost client's slot is free",
        async () => (await t.clientSlot(lost.handle.index)).state === ClientState.Free,
      );
      await t.peer.refused({ opcode: Opcode.DetachClient, client: lost.handle }, "ESRCH");
      await afresh(t, lost.handle.index);
    },
  },
];

const SIGKILL = 9;

/** So many requests that wait, whatever room there is at once. */
async function waiting(t: Trial, ofd: SlotHandleData, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const entries = Array.from({ length: Math.min(64, count - ids.length) }, () =>
      t.peer.encode({ opcode: Opcode.StreamPoll, ofd, events: PollEvent.POLLIN }),
    );
    ids.push(...(await t.peer.submit(entries)));
    await t.peer.ok({ opcode: Opcode.Noop });
  }
  t.equal(t.peer.inFlight, count, "the number of requests that wait");
  return ids;
}

/** Some requests of a client that wait. */
async function parked(t: Trial, peer: Peer, ofd: { index: number; generation: number }): Promise<void> {
  for (let i = 0; i < 3; i++) await peer.send({ opcode: Opcode.StreamPoll, ofd, events: PollEvent.POLLIN });
  await peer.request({ opcode: Opcode.Noop });
  t.equal(peer.inFlight, 3, "the number of requests that wait");
}

/** The slot's next user sees nothing of the one before. */
async function afresh(t: Trial, index: number): Promise<void> {
  for (let i = 0; i < 64; i++) {
    const next = await t.other().catch(() => undefined);
    if (next === undefined) break;
    if (next.handle.index !== index) continue;
    for (let round = 0; round < 3; round++) await batch(next.peer, ENTRIES / 2);
    await next.peer.settle();
    return;
  }
  t.fail(`slot ${index} is given to nobody again`);
}
