/**
 * A kernel gone mad: completion entries, indices and frames of any contents. The client goes on or fails with a MachineFailed, every
 * call is settled by a typed error in the end, and it writes nothing but its own words.
 */
import { expect, test } from "vitest";
import kept from "../../testdata/fuzz/rings.json" with { type: "json" };
import { ControlFrame, Fixed, Opcode } from "../../ts/index.ts";
import { FakeKernel } from "../testing/fake-kernel.ts";
import { type FuzzTarget, fuzz, fuzzTestMs, type Random } from "../testing/fuzz.ts";
import { MachineFailed, MachineStopped, RequestTimeout, SystemError } from "./errors.ts";
import { FrameTransport } from "./frame-transport.ts";
import { RpcClient } from "./rpc-client.ts";
import { SharedTransport } from "./shared-transport.ts";
import type { Transport } from "./transport.ts";

/** One thing that the kernel does: [what, words…]. */
type Step = readonly [kind: number, ...words: number[]];

interface Input {
  /** Value of the ring indices at first. */
  readonly start: number;
  /** Calls that are made: bytes of the arena that each wants. */
  readonly calls: readonly number[];
  readonly steps: readonly Step[];
}

/** What a kernel can do. The numbers are part of the kept inputs. */
const Kind = {
  /** A good reply to the request that was sent as number `words[0]`, with result words[1] and words[2]. */
  Reply: 0,
  /** An entry of any words. */
  Entry: 1,
  /** The completion tail moves on by so many. */
  Tail: 2,
  /** The completion tail is anything. */
  AnyTail: 3,
  /** The submission head is anything. */
  AnyHead: 4,
  /** Requests are taken. */
  Take: 5,
  /** Where frames are used: one of words[0] bytes, that says it is the reply to request words[1] with result words[2]. */
  Message: 6,
  /** A call is given up. */
  GiveUp: 7,
} as const;
const KINDS = Object.values(Kind).length;

const ENTRY_WORDS = Fixed.RingEntryBytes / 4;

const SEEDS: Input[] = [
  { start: 0, calls: [0, 8, 64], steps: [[Kind.Take], [Kind.Reply, 0, 5, 0], [Kind.Reply, 1, -2 >>> 0, 0xffff_ffff]] },
  { start: 0xffff_fff0, calls: [0], steps: [[Kind.Take], [Kind.Reply, 0, 0, 0], [Kind.Reply, 0, 0, 0]] },
  { start: 0, calls: [16], steps: [[Kind.AnyTail, 257]] },
  { start: 0, calls: [16], steps: [[Kind.AnyTail, 0xffff_ffff]] },
  { start: 0, calls: [16, 16], steps: [[Kind.Tail, 3]] },
  { start: 0, calls: [16], steps: [[Kind.AnyHead, 0x8000_0000], [Kind.Take]] },
  { start: 0, calls: [0], steps: [[Kind.Entry, Opcode.Reply, 77]] },
  { start: 0, calls: [0], steps: [[Kind.Entry, Opcode.BlobRequest, 0, 1, 2, 0, 0, 0xffff_0000, 0xffff_ffff]] },
  { start: 0, calls: [0], steps: [[Kind.Entry, 68, 0, 1, 0xffff_ffff]] },
  { start: 0, calls: [0], steps: [[Kind.Entry, Opcode.BlobRequest, 1]] },
  { start: 0, calls: [0], steps: [[Kind.Entry, 99]] },
  { start: 0, calls: [8, 8], steps: [[Kind.GiveUp, 0], [Kind.Take], [Kind.Reply, 0, 8, 0], [Kind.Reply, 2, 0, 0]] },
  { start: 0, calls: [8], steps: [[Kind.Message, 64, 511, 8]] },
  { start: 0, calls: [8], steps: [[Kind.Message, 63, 0, 0]] },
];

function mutate(random: Random, input: Input): Input {
  if (random.once(20)) return { ...input, start: random.value() };
  if (random.once(8)) {
    const calls = [...input.calls];
    if (calls.length < 8) calls.push(random.once(2) ? 0 : random.below(70_000));
    else calls.pop();
    return { ...input, calls };
  }
  const steps = [...input.steps];
  const at = steps.length === 0 ? 0 : random.below(steps.length);
  if (steps.length === 0 || (steps.length < 24 && random.once(2))) steps.splice(at, 0, step(random));
  else if (random.once(3)) steps.splice(at, 1);
  else if (random.once(2)) steps[at] = step(random);
  else {
    const [kind, ...words] = steps[at]!;
    words[random.below(words.length + 1)] = random.value();
    steps[at] = [kind, ...Array.from(words, (word) => word ?? 0)].slice(0, ENTRY_WORDS + 1) as unknown as Step;
  }
  return { ...input, steps };
}

function step(random: Random): Step {
  const kind = random.below(KINDS);
  switch (kind) {
    case Kind.Reply:
      return [kind, random.below(10), random.value(), random.once(2) ? 0 : random.value()];
    case Kind.Entry:
      return [
        kind,
        random.once(8) ? random.word() : random.pick([0, 1, ...Object.values(Opcode)]),
        random.once(2) ? 0 : random.value(),
        ...Array.from({ length: random.below(ENTRY_WORDS - 2) }, () => random.value()),
      ];
    case Kind.Message:
      return [kind, random.once(2) ? 64 * random.below(4) : random.below(200), 256 + random.below(8), random.value()];
    default:
      return [kind, random.value()];
  }
}

/** Lets what was settled come through. */
async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await undefined;
}

interface Side {
  readonly transport: Transport;
  /** Request ids in the order in which they were sent. */
  take(): number[];
  entry(words: readonly number[]): void;
  odd(kind: number, words: readonly number[]): void;
  wake(): void;
  /** @throws when what is not the client's was changed by it */
  check(): void;
}

function sharedSide({ start }: Input): Side {
  const kernel = new FakeKernel({ start });
  const { mem, slot } = kernel;
  const transport = new SharedTransport(mem, kernel.slotAddress, { useKick: true });
  let head = start >>> 0;
  let tail = start >>> 0;
  /** This kernel does not know any more what it has read. */
  let lost = false;
  return {
    transport,
    take: () => {
      if (lost) return [];
      const ids = kernel.takeAll().map((request) => request.requestId);
      head = slot.submissionHead;
      return ids;
    },
    entry: (words) => {
      const at = kernel.completionAddress(tail) >>> 2;
      mem.u32.fill(0, at, at + ENTRY_WORDS);
      mem.u32.set(words, at);
      tail = (tail + 1) >>> 0;
      slot.completionTail = tail;
    },
    odd: (kind, [word = 0]) => {
      if (kind === Kind.Tail) tail = (tail + (word % 300)) >>> 0;
      else if (kind === Kind.AnyTail) tail = word >>> 0;
      else if (kind === Kind.AnyHead) {
        head = word >>> 0;
        lost = true;
      }
      slot.completionTail = tail;
      slot.submissionHead = head;
    },
    wake: () => transport.kicked(),
    check: () => {
      expect([slot.completionTail, slot.submissionHead]).toEqual([tail, head]);
    },
  };
}

const ARENA = 65536;

function frameSide(): Side {
  const sent: number[] = [];
  const transport = new FrameTransport(ARENA, {
    // The request's id: behind the frame's header and the opcode.
    frame: (frame) => void sent.push(new Uint32Array(frame.buffer)[ControlFrame.SIZE / 4 + 1]!),
  });
  const receive = (length: number, words: readonly number[]): void => {
    const bytes = new Uint8Array(Math.max(length, Fixed.RingEntryBytes));
    new Uint32Array(bytes.buffer, 0, ENTRY_WORDS).set(words);
    transport.receive(bytes.subarray(0, length));
  };
  return {
    transport,
    take: () => sent.splice(0),
    entry: (words) => receive(Fixed.RingEntryBytes + ((words[2] ?? 0) & 0xffff), words),
    odd: (kind, [length = 0, id = 0, low = 0]) => {
      if (kind === Kind.Message) receive(length & 0xffff, [Opcode.Reply, id, low]);
    },
    wake: () => undefined,
    check: () => undefined,
  };
}

async function run(input: Input): Promise<string> {
  return `${await play(input, sharedSide(input))} | ${await play(input, frameSide())}`;
}

async function play(input: Input, side: Side): Promise<string> {
  const failures: Error[] = [];
  let events = 0;
  const client = new RpcClient(side.transport, {
    onEvent: () => events++,
    onFailure: (error) => failures.push(error),
  });
  const outcomes: string[] = [];
  const settled: Promise<void>[] = [];
  const givers: AbortController[] = [];
  for (const [number, bytes] of input.calls.entries()) {
    const giver = new AbortController();
    givers.push(giver);
    const call = client.call(
      {
        syscall: "fuzz",
        bytes,
        room: bytes,
        encode: (at) => ({
          opcode: Opcode.StreamRead,
          flags: 0,
          requestId: 0,
          ofd: { index: 1, generation: 1 },
          reply: { offset: at, length: bytes },
        }),
        decode: (result, _reply, at, arena) => arena.bytes(at, result).slice().length,
      },
      { signal: giver.signal },
    );
    const settle = (outcome: string): void => {
      outcomes[number] = outcome;
    };
    settled.push(
      call.then(
        (length) => settle(length <= bytes ? "value" : "too long"),
        (error: unknown) => settle(nameOf(error)),
      ),
    );
  }
  await turns();
  const ids: number[] = [];
  for (const [kind, ...words] of input.steps) {
    if (kind === Kind.Reply) {
      const [which = 0, low = 0, high = 0] = words;
      side.entry([Opcode.Reply, ids[which % Math.max(1, ids.length)] ?? 1, low, high]);
    } else if (kind === Kind.Entry) side.entry(words);
    else if (kind === Kind.Take) ids.push(...side.take());
    else if (kind === Kind.GiveUp) givers[(words[0] ?? 0) % Math.max(1, givers.length)]?.abort();
    else side.odd(kind, words);
    side.wake();
    await turns();
    if (client.inFlight < 0 || client.queued < 0 || client.arenaUsed > ARENA)
      throw new Error("the client has miscounted");
  }
  side.check();
  for (const failure of failures) {
    if (!(failure instanceof MachineFailed)) throw failure;
    if (failure.cause instanceof TypeError || failure.cause instanceof RangeError) throw failure.cause;
  }
  client.fail(new MachineStopped());
  await Promise.all(settled);
  if (outcomes.length !== input.calls.length || outcomes.includes("too long")) throw new Error(outcomes.join(" "));
  const failed = failures.map((error) => error.message.replace(/-?\d+/g, "#")).join();
  return `${outcomes.join(" ")} e${Math.min(events, 2)} ${failed}`;
}

/** The name of an error that a caller can tell. */
function nameOf(error: unknown): string {
  if (error instanceof SystemError) return "errno";
  const typed = [MachineFailed, MachineStopped, RequestTimeout, RangeError].some((type) => error instanceof type);
  const aborted = error instanceof DOMException && error.name === "AbortError";
  if (!typed && !aborted) throw error;
  return (error as Error).name;
}

const target: FuzzTarget<Input> = { name: "rings", corpus: [...SEEDS, ...(kept as unknown as Input[])], mutate, run };

test(
  "nonsense in rings and frames ends the client by a typed error, or does not touch it",
  async () => {
    const { executions, outcomes } = await fuzz(target);
    expect(executions).toBeGreaterThan(target.corpus.length);
    expect(outcomes).toBeGreaterThan(5);
  },
  fuzzTestMs,
);
