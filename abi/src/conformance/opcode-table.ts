/** What is tried of each opcode, and how. */
import {
  type ArenaSpanData,
  Errno,
  type KernelWorkerRequest,
  Opcode,
  opcodeName,
  type SlotHandleData,
} from "../../ts/index.ts";
import { type Ask, type Reply, resultText } from "./peer.ts";
import type { Case, Trial } from "./trial.ts";

/** Makes what the request needs; what it answers itself it has also judged. */
export type Provoke = (trial: Trial) => Promise<Ask | undefined>;

export interface OpcodeCases {
  /** A request that succeeds. */
  good(trial: Trial): Promise<Ask>;
  /** Judges the good request's reply and tidies up behind it. */
  check?(trial: Trial, reply: Reply, ask: Ask): Promise<void>;
  /** The errno of `errnos` that stands for the bad call; a function where nothing can be refused. */
  readonly bad: string | ((trial: Trial) => Promise<void>);
  /** A request that certainly waits; absent: one that never does, or may. */
  readonly cancelled?: (trial: Trial) => Promise<void>;
  /** Every errno that the opcode declares: how it is provoked, or why it is not. */
  readonly errnos: Readonly<Record<string, Provoke | string>>;
  /** The request about another path: it is then put to the places that are the kernel's own, too. */
  readonly about?: (trial: Trial, path: ArenaSpanData) => Promise<Ask>;
}

/** Reasons for an errno that no case provokes. */
export const FULL = "only a machine that is full answers so";
export const BY_CANCEL = "the cancelled case has it";

/** The cases of every request, under the name of its opcode. */
export type OpcodeTable = {
  readonly [N in keyof typeof Opcode as (typeof Opcode)[N] extends KernelWorkerRequest["opcode"]
    ? Uncapitalize<N>
    : never]: OpcodeCases;
};

/** A span that lies in no arena. */
export function outside(t: Trial): ArenaSpanData {
  t.need("raw");
  return { offset: 0x70000000, length: 8 };
}

/** A handle that names nothing: an index far beyond any table. */
export const NOBODY: SlotHandleData = { index: 0x7fffffff, generation: 1 };

/** A request that a machine behind a control channel refuses with EPERM. */
export function byControl(ask: Ask): Provoke {
  return async (t) => {
    t.need("control");
    return ask;
  };
}

/** A request that is a host's: no control channel lets it through. */
export function byHost(ask: Ask): Provoke {
  return async (t) => {
    t.never("control");
    return ask;
  };
}

/** The errnos of a path, for requests that have one. */
export function pathErrnos(make: (trial: Trial, path: ArenaSpanData) => Promise<Ask>): Record<string, Provoke> {
  return {
    ENOENT: async (t) => make(t, await t.path("missing/name")),
    ENOTDIR: async (t) => {
      await t.file("plain");
      return make(t, await t.path("plain/name"));
    },
    ELOOP: async (t) => {
      await t.symlink("one", "two");
      await t.symlink("two", "one");
      return make(t, await t.path("one/name"));
    },
    ENAMETOOLONG: async (t) => make(t, await t.path("n".repeat(256))),
    EINVAL: (t) => make(t, outside(t)),
  };
}

/** Sends a request that waits, then cancels it. `waiting` says when it waits for certain. */
export async function cancelWaiting(t: Trial, ask: Ask, waiting?: (id: number) => Promise<unknown>): Promise<void> {
  const { peer } = t;
  const [id = 0] = await peer.send(ask);
  if (waiting !== undefined) await waiting(id);
  await peer.ok({ opcode: Opcode.Noop });
  t.check(!(await peer.answered(id)), `${opcodeName(ask.opcode)} does not wait`);
  const cancel = await peer.request({ opcode: Opcode.Cancel, target: id });
  t.equal(resultText(cancel.result), "0", "the result of Cancel");
  t.equal(
    resultText((await peer.answer(id)).result),
    "ECANCELED",
    `the result of the cancelled ${opcodeName(ask.opcode)}`,
  );
}

/** A request and its Cancel published together: whichever is first, both answers say the same, once. */
async function cancelAtOnce(t: Trial, cases: OpcodeCases): Promise<void> {
  const { peer } = t;
  const ask = await cases.good(t);
  const id = peer.id();
  const ids = await peer.submit([peer.encode(ask, id), peer.encode({ opcode: Opcode.Cancel, target: id })]);
  t.equal(ids.length, 2, "the number of entries that found room");
  const reply = await peer.answer(id);
  const cancel = resultText((await peer.answer(ids[1] ?? 0)).result);
  if (resultText(reply.result) === "ECANCELED") {
    t.equal(cancel, "0", "Cancel of a request that answers ECANCELED");
    return;
  }
  t.check(reply.result >= 0n, `${opcodeName(ask.opcode)} answers ${resultText(reply.result)}`);
  t.equal(cancel, "ENOENT", "Cancel of a request that was answered");
  await cases.check?.(t, reply, ask);
}

async function provoke(t: Trial, how: Provoke, errno: string): Promise<void> {
  const ask = await how(t);
  if (ask !== undefined) await t.peer.refused(ask, errno);
}

/** The cases of one opcode. */
export function casesOf(opcode: KernelWorkerRequest["opcode"], cases: OpcodeCases): Case[] {
  const name = opcodeName(opcode);
  const { bad } = cases;
  const how = typeof bad === "string" ? cases.errnos[bad] : undefined;
  const list: Case[] = [
    {
      family: "opcodes",
      name: `${name}: good`,
      run: async (t) => {
        const ask = await cases.good(t);
        const reply = await t.peer.ok(ask);
        await cases.check?.(t, reply, ask);
      },
    },
    {
      family: "opcodes",
      name: `${name}: bad`,
      run: async (t) => {
        if (typeof bad === "function") await bad(t);
        else if (typeof how === "function") await provoke(t, how, bad);
        else throw new TypeError(`${name} has no case for ${bad}`);
      },
    },
    {
      family: "opcodes",
      name: `${name}: cancelled`,
      run: (t) => cases.cancelled?.(t) ?? cancelAtOnce(t, cases),
    },
  ];
  for (const [errno, way] of Object.entries(cases.errnos)) {
    if (typeof way === "string" || errno === bad) continue;
    list.push({ family: "opcodes", name: `${name}: ${errno}`, run: (t) => provoke(t, way, errno) });
  }
  return list;
}

/** A number of Errno for what a case sends. */
export const EIO: number = Errno.EIO;
