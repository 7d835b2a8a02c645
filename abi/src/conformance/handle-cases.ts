/** Handles: index and generation. A stale, invented or foreign one is refused, and never another's slot. */
import { Opcode, PollEvent, type SlotHandleData, SlotKind, StdioKind, ThreadSlot } from "../../ts/index.ts";
import type { Ask } from "./peer.ts";
import { type Case, memOf, type Trial } from "./trial.ts";

/** A kind of handle: how one is made and freed, and what answers a bad one. */
interface HandleKind {
  readonly name: string;
  readonly table: number;
  readonly errno: string;
  make(t: Trial): Promise<SlotHandleData>;
  /** A request that names it. */
  use(t: Trial, handle: SlotHandleData): Promise<Ask>;
  free(t: Trial, handle: SlotHandleData): Promise<void>;
}

const SIGKILL = 9;

async function endProcess(t: Trial, process: SlotHandleData): Promise<void> {
  await t.start(process);
  await t.wait(process);
}

const PROCESS = {
  table: SlotKind.Process,
  errno: "ESRCH",
  make: async (t: Trial) => (await t.process("exits")).process,
  free: endProcess,
} as const;

const OFD = {
  table: SlotKind.Ofd,
  errno: "EBADF",
  make: async (t: Trial) => (await t.process("echo")).streams[0],
  free: async (t: Trial, ofd: SlotHandleData) => void (await t.peer.ok({ opcode: Opcode.StreamClose, ofd })),
} as const;

const KINDS: readonly HandleKind[] = [
  {
    ...PROCESS,
    name: "StartProcess",
    use: async (_, process) => ({ opcode: Opcode.StartProcess, process }),
  },
  {
    ...PROCESS,
    name: "WaitProcess",
    use: async (_, process) => ({ opcode: Opcode.WaitProcess, process }),
  },
  {
    ...PROCESS,
    name: "KillProcess",
    use: async (_, process) => ({ opcode: Opcode.KillProcess, pid: 0, signal: SIGKILL, process }),
  },
  {
    ...OFD,
    name: "StreamWrite",
    use: async (t, ofd) => ({ opcode: Opcode.StreamWrite, ofd, data: await t.peer.place("x") }),
  },
  {
    ...OFD,
    name: "StreamRead",
    make: async (t) => (await t.process("echo")).streams[1],
    use: async (t, ofd) => ({ opcode: Opcode.StreamRead, ofd, reply: await t.peer.room(8) }),
  },
  {
    ...OFD,
    name: "StreamPoll",
    use: async (_, ofd) => ({ opcode: Opcode.StreamPoll, ofd, events: PollEvent.POLLOUT }),
  },
  { ...OFD, name: "StreamClose", use: async (_, ofd) => ({ opcode: Opcode.StreamClose, ofd }) },
  {
    ...OFD,
    name: "ResizeTerminal",
    make: async (t) => (await t.process("echo", { stdio: StdioKind.Pty })).streams[0],
    // Both streams of a terminal are its master.
    free: async (t, ofd) => {
      for (let end = 0; end < 2; end++) await t.peer.ok({ opcode: Opcode.StreamClose, ofd });
    },
    use: async (_, ofd) => ({ opcode: Opcode.ResizeTerminal, ofd, columns: 80, rows: 24 }),
  },
  {
    name: "CloseOwner",
    table: SlotKind.Owner,
    errno: "ESRCH",
    make: async (t) => (await t.peer.ok({ opcode: Opcode.CreateOwner, budget: 0 })).handle,
    use: async (_, owner) => ({ opcode: Opcode.CloseOwner, owner }),
    free: async (t, owner) => void (await t.peer.ok({ opcode: Opcode.CloseOwner, owner })),
  },
  {
    name: "DetachClient",
    table: SlotKind.Client,
    errno: "ESRCH",
    make: async (t) => {
      t.need("clients");
      return (await t.peer.ok({ opcode: Opcode.AttachClient })).handle;
    },
    use: async (_, client) => ({ opcode: Opcode.DetachClient, client }),
    free: async (t, client) => void (await t.peer.ok({ opcode: Opcode.DetachClient, client })),
  },
  {
    name: "ResumeBlockedSyscall",
    table: SlotKind.Thread,
    errno: "ESRCH",
    make: async (t) => {
      t.need("memory");
      const { process } = await t.process("exits");
      t.after(() => endProcess(t, process));
      const { base, stride, highWater } = await t.table(SlotKind.Thread);
      for (let index = 1; index < highWater; index++) {
        const slot = new ThreadSlot(memOf(await t.machine.read(base + index * stride, stride)), 0);
        const { generation } = slot.header;
        if (slot.state.process === process.index && (generation & 1) === 1) return { index, generation };
      }
      return t.fail("the new process has no thread in the table");
    },
    use: async (_, thread) => ({ opcode: Opcode.ResumeBlockedSyscall, thread, result: 0n }),
    free: async () => undefined,
  },
];

/** A handle that StreamRead and friends refuse whatever the table is. */
async function refused(t: Trial, kind: HandleKind, handle: SlotHandleData, errno = kind.errno): Promise<void> {
  await t.peer.refused(await kind.use(t, handle), errno);
}

/** Frees and makes until the index comes again. */
async function reuse(t: Trial, kind: HandleKind, old: SlotHandleData): Promise<SlotHandleData | undefined> {
  const others: SlotHandleData[] = [];
  let found: SlotHandleData | undefined;
  for (let i = 0; i < 64 && found === undefined; i++) {
    const next = await kind.make(t);
    if (next.index === old.index) found = next;
    else if (kind.table === SlotKind.Client || kind.table === SlotKind.Owner) await kind.free(t, next);
    else others.push(next);
  }
  for (const other of others) await kind.free(t, other);
  return found;
}

function casesOf(kind: HandleKind): Case[] {
  const named = (name: string, run: (t: Trial, good: SlotHandleData) => Promise<void>): Case => ({
    family: "handles",
    name: `${kind.name}: ${name}`,
    run: async (t) => {
      const good = await kind.make(t);
      await run(t, good);
    },
  });
  const list = [
    named("another generation of the slot", async (t, good) => {
      for (const add of [-2, -1, 1, 2, 0x40000000]) {
        if (good.generation + add >= 0) await refused(t, kind, { ...good, generation: good.generation + add });
      }
      await kind.free(t, good);
    }),
    named("generation 0", async (t, good) => {
      await refused(t, kind, { ...good, generation: 0 });
      await kind.free(t, good);
    }),
    named("an index beyond the table", async (t, good) => {
      const ends = t.machine.features.has("memory") ? [(await t.table(kind.table)).capacity] : [];
      for (const index of [...ends, 0x00ffffff, 0x7fffffff, 0xffffffff]) {
        await refused(t, kind, { index, generation: good.generation });
      }
      await kind.free(t, good);
    }),
    named("the handle of a slot of another table", async (t, good) => {
      // Handles do not say their table: one is taken that names nothing in this one.
      t.need("memory");
      let tried = 0;
      for (const other of KINDS) {
        if (other.table === kind.table || other.table === SlotKind.Thread) continue;
        if (other.table === SlotKind.Client && !t.machine.features.has("clients")) continue;
        const foreign = await other.make(t);
        const { capacity, highWater } = await t.table(kind.table);
        const here =
          foreign.index < Math.min(capacity, highWater) ? await t.slot(kind.table, foreign.index) : undefined;
        if (here?.u32[1] !== foreign.generation && !(kind.table === SlotKind.Client && foreign.index === 0)) {
          tried++;
          await refused(t, kind, foreign);
        }
        await other.free(t, foreign);
        if (tried > 2) break;
      }
      await kind.free(t, good);
      if (tried === 0) t.skip("every slot that could be made names one of this table, too");
    }),
  ];
  // Of a process in KillProcess, index 0 says that the pid counts; client 0 is refused as what it is.
  const zero = kind.name === "KillProcess" || kind.name === "DetachClient" ? "EINVAL" : kind.errno;
  list.push(
    named("index 0", async (t, good) => {
      await refused(t, kind, { index: 0, generation: good.generation }, zero);
      await refused(t, kind, { index: 0, generation: 0 }, zero);
      await kind.free(t, good);
    }),
  );
  if (kind.table !== SlotKind.Thread) {
    list.push(
      named("the handle of a slot that was freed, and then has another user", async (t, good) => {
        await kind.free(t, good);
        await refused(t, kind, good);
        const next = await reuse(t, kind, good);
        if (next === undefined) return; // the slot rests: nothing to be confused with
        t.check(next.generation !== good.generation, `slot ${good.index} has generation ${good.generation} again`);
        await refused(t, kind, good);
        // Its new user is unharmed.
        await kind.free(t, next);
      }),
    );
  }
  return list;
}

export const HANDLE_CASES: readonly Case[] = [
  ...KINDS.flatMap(casesOf),
  {
    family: "handles",
    name: "StreamWrite and StreamRead to the wrong end of a pipe",
    run: async (t) => {
      const { streams } = await t.process("echo");
      const data = await t.peer.place("x");
      await t.peer.refused({ opcode: Opcode.StreamWrite, ofd: streams[1], data }, "EBADF");
      const reply = await t.peer.room(8);
      await t.peer.refused({ opcode: Opcode.StreamRead, ofd: streams[0], reply }, "EBADF");
    },
  },
];
