/** Opcodes of the machine itself: handshake, rings, tables of processes, counters. */
import {
  AbiVersion,
  Errno,
  LayoutHashHi,
  LayoutHashLo,
  MachineCounters,
  Opcode,
  PollEvent,
  ProcessRow,
  ProcessRunState,
  readKernelRuntimeState,
  SlotKind,
} from "../../ts/index.ts";
import { fixedText } from "../slot-rows.ts";
import {
  BY_CANCEL,
  byControl,
  byHost,
  cancelWaiting,
  FULL,
  NOBODY,
  type OpcodeCases,
  outside,
} from "./opcode-table.ts";
import { type Ask, type Peer, resultText } from "./peer.ts";
import { memOf, type Trial } from "./trial.ts";

/** Room for a KernelRuntimeState. */
const STATE_BYTES = 8192;

export type Hello = Extract<Ask, { opcode: typeof Opcode.KernelInit }>;

/** The first request of a client of this ABI. */
export async function hello(peer: Peer): Promise<Hello> {
  return {
    opcode: Opcode.KernelInit,
    abiMajor: AbiVersion.Major,
    abiMinor: AbiVersion.Minor,
    layoutHashLo: LayoutHashLo,
    layoutHashHi: LayoutHashHi,
    reply: await peer.room(STATE_BYTES),
  };
}

export const noop: OpcodeCases = {
  good: async () => ({ opcode: Opcode.Noop }),
  check: async (t, { result }) => t.equal(result, 0n, "the result"),
  bad: async (t) => {
    // Nothing of it can be refused: what lies in its reserved words is nobody's business.
    const id = t.peer.id();
    const entry = t.peer.encode({ opcode: Opcode.Noop }, id).fill(0xff, 8);
    await t.peer.submit([entry]);
    t.equal((await t.peer.answer(id)).result, 0n, "the result");
  },
  errnos: {},
};

export const kernelInit: OpcodeCases = {
  good: (t) => hello(t.peer),
  async check(t, reply, ask) {
    if (ask.opcode !== Opcode.KernelInit) return;
    t.check(reply.result > 0n, "the reply has no table");
    // Throws what the verifier found.
    const state = readKernelRuntimeState(await t.peer.bytes(ask.reply, Number(reply.result)));
    t.equal(state.abiMajor, AbiVersion.Major, "the table's major version");
    t.equal(state.layoutHash, reply.value2, "the table's layout hash");
    t.equal(state.client, t.peer.client, "the client slot that the table names");
    const { harts = 0, clients = 0, memoryPages = 0, memoryMaxPages = 0 } = state;
    t.check(harts >= 1 && clients >= 1, `the table names ${harts} harts and ${clients} clients`);
    t.check(memoryPages <= memoryMaxPages, `the table's memory has ${memoryPages} of ${memoryMaxPages} pages`);
  },
  bad: "EPROTO",
  errnos: {
    EPROTO: async (t) => ({ ...(await hello(t.peer)), layoutHashLo: ~LayoutHashLo >>> 0, layoutHashHi: 0x12345678 }),
    EINVAL: async (t) => ({ ...(await hello(t.peer)), reply: outside(t) }),
    EOVERFLOW: async (t) => ({ ...(await hello(t.peer)), reply: await t.peer.room(16) }),
  },
};

export const cancel: OpcodeCases = {
  good: async (t) => {
    const { process, streams } = await t.process("echo");
    await t.start(process);
    const [id = 0] = await t.peer.send({ opcode: Opcode.StreamPoll, ofd: streams[1], events: PollEvent.POLLIN });
    t.after(async () => {
      t.equal((await t.peer.answer(id)).result, BigInt(-Errno.ECANCELED), "the result of the cancelled StreamPoll");
      await t.end(process);
    });
    return { opcode: Opcode.Cancel, target: id };
  },
  // A cancelled Cancel is one that was answered before.
  bad: "ENOENT",
  errnos: { ENOENT: async () => ({ opcode: Opcode.Cancel, target: 0x7ffffffe }) },
};

export const processes: OpcodeCases = {
  good: async (t) => {
    const { process } = await t.process("echo");
    await t.start(process);
    t.after(() => t.end(process));
    return { opcode: Opcode.Processes, reply: await t.peer.room(64 * ProcessRow.SIZE), owner: 0 };
  },
  async check(t, { result, value }, ask) {
    if (ask.opcode !== Opcode.Processes) return;
    t.equal(Number(result) % ProcessRow.SIZE, 0, "the rest of the result by a row's size");
    t.check(value >= BigInt(Number(result) / ProcessRow.SIZE), "fewer processes than rows");
    const mem = memOf(await t.peer.bytes(ask.reply));
    const names: string[] = [];
    for (let at = 0; at < Number(result); at += ProcessRow.SIZE) {
      const { comm } = new ProcessRow(mem, at).toData();
      names.push(fixedText(Uint8Array.from(comm)));
    }
    t.check(names.includes("echo"), `no row is called echo: ${names.join()}`);
    const { handle: owner } = await t.peer.ok({ opcode: Opcode.CreateOwner, budget: 0 });
    t.after(() => t.peer.ok({ opcode: Opcode.CloseOwner, owner }));
    const made = await t.process("echo", { owner: owner.index });
    await t.start(made.process);
    const own = await t.peer.ok({ ...ask, owner: owner.index });
    t.equal(Number(own.result), ProcessRow.SIZE, "the bytes of an owner's only row");
    t.equal(own.value, 1n, "the number of its processes");
    const row = new ProcessRow(memOf(await t.peer.bytes(ask.reply, ProcessRow.SIZE)), 0).toData();
    t.equal(row.handle.index, made.process.index, "the row's process");
    t.equal(row.handle.generation, made.process.generation, "its generation");
    t.equal(row.pid, made.pid, "its pid");
    t.equal(row.pgid, made.pid, "its group");
    t.equal(row.sid, made.pid, "its session");
    t.check(row.ppid <= 1, `its parent is ${row.ppid}, neither the machine's first process nor the host`);
    t.equal(row.state, ProcessRunState.Running, "its state");
    t.equal(row.threads, 1, "its threads");
    t.equal(row.fds, 3, "its descriptors");
    t.equal(fixedText(Uint8Array.from(row.comm)), "echo", "its name");
  },
  bad: "EINVAL",
  errnos: { EINVAL: async (t) => ({ opcode: Opcode.Processes, reply: outside(t), owner: 0 }) },
};

export const diagnostics: OpcodeCases = {
  good: async (t) => ({ opcode: Opcode.Diagnostics, reply: await t.peer.room(MachineCounters.SIZE) }),
  async check(t, { result }, ask) {
    if (ask.opcode !== Opcode.Diagnostics) return;
    t.equal(Number(result), MachineCounters.SIZE, "the result");
    const before = new MachineCounters(memOf(await t.peer.bytes(ask.reply)), 0).toData();
    await t.peer.ok(ask);
    const after = new MachineCounters(memOf(await t.peer.bytes(ask.reply)), 0).toData();
    t.check(after.rpcRequests > before.rpcRequests, "the count of requests does not grow");
    if (!t.machine.features.has("memory")) return;
    // Requests are made by looking; all else is still once no guest runs.
    const still = (counters: MachineCounters): string =>
      JSON.stringify({ ...counters.toData(), rpcRequests: 0 }, (_, value) =>
        typeof value === "bigint" ? `${value}` : value,
      );
    await t.until("the reply's counters are those of the header", async () => {
      await t.peer.ok(ask);
      const reply = new MachineCounters(memOf(await t.peer.bytes(ask.reply)), 0);
      return still(reply) === still((await t.header()).counters);
    });
  },
  bad: "EINVAL",
  errnos: {
    EINVAL: async (t) => ({ opcode: Opcode.Diagnostics, reply: await t.peer.room(MachineCounters.SIZE - 8) }),
  },
};

export const attachClient: OpcodeCases = {
  good: async (t) => {
    t.need("clients");
    return { opcode: Opcode.AttachClient };
  },
  async check(t, { handle }) {
    t.check(handle.index !== t.peer.client, "the new client has the slot of the one that asked");
    await t.peer.ok({ opcode: Opcode.DetachClient, client: handle });
  },
  bad: "ENOSPC",
  errnos: {
    ENOSPC: async (t) => {
      t.never("control");
      for (let i = 0; i < 1000; i++) {
        const { result, handle } = await t.peer.request({ opcode: Opcode.AttachClient });
        if (result < 0n) break;
        t.after(() => t.peer.ok({ opcode: Opcode.DetachClient, client: handle }));
      }
      return { opcode: Opcode.AttachClient };
    },
    EPERM: byControl({ opcode: Opcode.AttachClient }),
  },
};

export const detachClient: OpcodeCases = {
  good: async (t) => {
    t.need("clients");
    const { handle } = await t.peer.ok({ opcode: Opcode.AttachClient });
    return { opcode: Opcode.DetachClient, client: handle };
  },
  check: async (t, _, ask) => {
    await t.peer.refused(ask, "ESRCH");
  },
  bad: "ESRCH",
  errnos: {
    EINVAL: byHost({ opcode: Opcode.DetachClient, client: { index: 0, generation: 1 } }),
    ESRCH: byHost({ opcode: Opcode.DetachClient, client: NOBODY }),
    EPERM: byControl({ opcode: Opcode.DetachClient, client: NOBODY }),
  },
};

const watch = (kinds: number, since = 0): Ask => ({ opcode: Opcode.WatchChanges, kinds, since });
const PROCESS = 2 ** SlotKind.Process;
const MOUNT = 2 ** SlotKind.Mount;

/** The number from which on nothing has changed in a table. */
async function seen(t: Trial, kinds: number): Promise<number> {
  return Number((await t.peer.ok(watch(kinds))).value2);
}

export const watchChanges: OpcodeCases = {
  good: async () => watch(PROCESS + MOUNT),
  async check(t, { value, value2 }) {
    t.equal(Number(value), PROCESS + MOUNT, "the kinds of an answer to since 0");
    t.check(value2 > 0n, "the first change number is 0");
    const since = await seen(t, PROCESS + MOUNT);
    t.check(BigInt(since) > value2, "the change number does not grow with each answer");
    const [id = 0] = await t.peer.send(watch(PROCESS + MOUNT, since));
    const { process } = await t.process("exits");
    const told = await t.peer.answer(id);
    t.equal(resultText(told.result), "0", "the result once a process was made");
    t.equal(Number(told.value), PROCESS, "the kinds once a process was made");
    t.check(told.value2 > BigInt(since), "the change number of a change is that before it");
    // Another viewer of the same client, which knows less, is told the same.
    const late = await t.peer.ok(watch(PROCESS, since));
    t.equal(Number(late.value), PROCESS, "the kinds told to a second viewer");
    // A number that no machine has given yet is answered as 0 is.
    const strange = await t.peer.ok(watch(MOUNT, 2 ** 52));
    t.equal(Number(strange.value), MOUNT, "the kinds told for a number that was never given");
    await t.start(process);
    await t.wait(process);
    // Another client has numbers of the same count, and is told the same.
    if (!t.machine.features.has("clients")) return;
    const { peer } = await t.other();
    const [far = 0] = await peer.send(watch(PROCESS, Number((await peer.ok(watch(PROCESS))).value2)));
    const { process: another } = await t.process("exits");
    t.equal(Number((await peer.answer(far)).value), PROCESS, "the kinds told to a second client");
    await t.start(another);
    await t.wait(another);
  },
  bad: "EINVAL",
  cancelled: async (t) => {
    // A change of another table is none.
    await cancelWaiting(t, watch(MOUNT, await seen(t, MOUNT)), async () => {
      const { process } = await t.process("exits");
      await t.start(process);
      await t.wait(process);
    });
  },
  errnos: {
    EINVAL: async (t) => {
      for (const kind of [SlotKind.None, SlotKind.WaitEntry, SlotKind.PendingRequest, 52])
        await t.peer.refused(watch(2 ** kind), "EINVAL");
      await t.peer.refused(watch(0), "EINVAL");
      return watch(MOUNT + 2 ** 52);
    },
    ENOMEM: FULL,
    ECANCELED: BY_CANCEL,
  },
};

export const setTrace: OpcodeCases = {
  good: async (t) => {
    t.after(() => t.peer.ok({ opcode: Opcode.SetTrace, syscalls: 0 }));
    return { opcode: Opcode.SetTrace, syscalls: 1 };
  },
  bad: async (t) => {
    // Nothing of it can be refused either: all but 0 is on.
    await t.peer.ok({ opcode: Opcode.SetTrace, syscalls: 0xffffffff });
    await t.peer.ok({ opcode: Opcode.SetTrace, syscalls: 0 });
  },
  errnos: {},
};
