/**
 * Hostile peers of the control channel: what they do costs their own connection and nothing else. Random frames come from
 * a seed that a failure names: FORESHORE_SEED=N replays it, FORESHORE_FUZZ_SECONDS=N goes on for so long.
 */
import {
  Control,
  ControlError,
  ControlFaultCode,
  ControlFrame,
  ControlFrameKind,
  ControlHello,
  ControlQuery,
  ControlState,
  ControlStatus,
  type Duplex,
  Errno,
  encodeHello,
  encodeKernelWorkerRequest,
  FrameReader,
  type KernelWorkerRequest,
  Mem,
  memOf,
  Opcode,
  portDuplex,
  SlotKind,
  spawn,
  streamPoll,
} from "@foreshore/abi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ControlConnection, RemoteMachine, Runtime } from "./index.ts";
import { cat } from "./testing/guests.ts";

let machine: Runtime;

beforeAll(async () => {
  machine = await Runtime.create({ memory: 128, harts: 2, log: () => undefined });
  await machine.fs.mkdir("/bin", { recursive: true });
  await machine.fs.writeFile("/bin/cat", cat(), { mode: 0o755 });
});

afterAll(() => machine.stop());

interface Peer {
  readonly duplex: Duplex;
  readonly serving: ControlConnection;
  readonly reader: FrameReader;
}

/** A peer that has said hello and been welcomed. */
async function peer(): Promise<Peer> {
  const { port1, port2 } = new MessageChannel();
  const serving = machine.serveControl(portDuplex(port2));
  const duplex = portDuplex(port1);
  const reader = new FrameReader(duplex);
  await duplex.write(encodeHello({ status: ControlStatus.Ok, arenaBytes: 0 }));
  const hello = await reader.exactly(ControlHello.SIZE);
  expect(new DataView(hello!.buffer).getUint32(ControlHello.OFFSET.status, true)).toBe(ControlStatus.Ok);
  return { duplex, serving, reader };
}

function frame(kind: number, body: Uint8Array, length = body.length): Uint8Array {
  const bytes = new Uint8Array(ControlFrame.SIZE + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(ControlFrame.OFFSET.length, length, true);
  view.setUint32(ControlFrame.OFFSET.kind, kind, true);
  bytes.set(body, ControlFrame.SIZE);
  return bytes;
}

function request(entry: KernelWorkerRequest, bytes = 0): Uint8Array {
  const mem = new Mem(new ArrayBuffer(64 + bytes));
  encodeKernelWorkerRequest(mem, 0, entry);
  return frame(ControlFrameKind.Request, mem.u8);
}

function query(kind: number, filter = 0, most = 0): Uint8Array {
  const mem = new Mem(new ArrayBuffer(ControlQuery.SIZE));
  new ControlQuery(mem, 0).setData({ id: 1, kind, filter, from: 0, most });
  return frame(ControlFrameKind.Query, mem.u8);
}

const noop = (requestId: number): KernelWorkerRequest => ({ opcode: Opcode.Noop, flags: 0, requestId });
const stat = (offset: number, length: number, reply = { offset: 0, length: 0 }): KernelWorkerRequest => ({
  ...{ opcode: Opcode.Stat, flags: 0, requestId: 7, follow: 0 },
  path: { offset, length },
  reply,
});

const KINDS = ["Ofd", "Pipe", "Process", "Thread", "PendingRequest", "Owner", "Tty", "WaitEntry"];
async function held(): Promise<Record<string, number>> {
  const { live } = await machine.diagnostics();
  return Object.fromEntries(live!.slots.filter(({ kind }) => KINDS.includes(kind)).map((use) => [use.kind, use.inUse]));
}

describe("a peer that does what it may not", () => {
  test.each<[string, Uint8Array, number, number, number]>([
    [
      "a frame longer than the limit",
      frame(ControlFrameKind.Request, new Uint8Array(8), 2 ** 31),
      ControlFaultCode.FrameLength,
      0,
      2 ** 31,
    ],
    [
      "a length that is no multiple of 8",
      frame(ControlFrameKind.Request, new Uint8Array(8), 7),
      ControlFaultCode.FrameLength,
      0,
      7,
    ],
    [
      "a request without an entry",
      frame(ControlFrameKind.Request, new Uint8Array(8)),
      ControlFaultCode.FrameLength,
      0,
      8,
    ],
    ["an unknown kind", frame(77, new Uint8Array(64)), ControlFaultCode.FrameKind, 0, 77],
    ["a kind of the machine's", frame(ControlFrameKind.Outbound, new Uint8Array(64)), ControlFaultCode.FrameKind, 0, 2],
    ["request id 0", request(noop(0)), ControlFaultCode.RequestId, 0, 0],
    ["a span outside the arena", request(stat(2 ** 32 - 8, 64), 64), ControlFaultCode.Span, 7, 2 ** 32 - 8],
    [
      "a reply outside the arena",
      request(stat(0, 8, { offset: 2 ** 31, length: 8 }), 8),
      ControlFaultCode.Span,
      7,
      2 ** 31,
    ],
    ["bytes that its spans do not name", request(stat(0, 8), 64), ControlFaultCode.FrameLength, 7, 128],
    ["a query of what has no records", query(SlotKind.Client), ControlFaultCode.Query, 1, SlotKind.Client],
    ["a filter of what has none", query(SlotKind.Pipe, 3), ControlFaultCode.Query, 1, 3],
    ["a query of another size", frame(ControlFrameKind.Query, new Uint8Array(8)), ControlFaultCode.FrameLength, 0, 8],
  ])("%s ends its connection with the reason, and says what it is about", async (_what, bytes, fault, id, value) => {
    const { duplex, serving, reader } = await peer();
    await duplex.write(bytes);
    const last = await reader.next();
    expect(last?.kind).toBe(ControlFrameKind.Fault);
    const said = new DataView(last!.bytes.buffer);
    expect([0, 4, 8].map((at) => said.getUint32(at, true))).toEqual([fault, id, value]);
    expect(await reader.next()).toBeUndefined();
    expect(await serving.ended).toMatchObject({ code: "ERR_CONTROL", fault, about: { id, value } });
    await machine.noop();
  });

  test("an opcode that this side does not know is answered EOPNOTSUPP, and the connection goes on", async () => {
    const { duplex, serving, reader } = await peer();
    const unknown = new Uint8Array(256).fill(0xee);
    new DataView(unknown.buffer).setUint32(4, 9, true);
    await duplex.write(frame(ControlFrameKind.Request, unknown));
    await duplex.write(request(noop(10)));
    const answers = [(await reader.next())!.bytes, (await reader.next())!.bytes].map(
      (bytes) => new DataView(bytes.buffer),
    );
    expect(answers.map((view) => [view.getUint32(4, true), view.getBigInt64(8, true)])).toEqual([
      [9, -BigInt(Errno.EOPNOTSUPP)],
      [10, 0n],
    ]);
    duplex.close();
    expect(await serving.ended).toBeUndefined();
  });

  test.each([1, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1])(
    "a query of at most %i bytes of a slot is answered",
    async (most) => {
      const { duplex, serving, reader } = await peer();
      await duplex.write(query(SlotKind.Hart, 0, most));
      const { kind, bytes } = (await reader.next())!;
      expect(kind).toBe(ControlFrameKind.State);
      expect(new ControlState(memOf(bytes), 0).count).toBe(2);
      duplex.close();
      expect(await serving.ended).toBeUndefined();
    },
  );

  test("requests that are the host's, or name what others made, are refused and cost nothing", async () => {
    // Nothing of it may be left for the tests that count.
    const child = await machine.spawn("/bin/cat", [], { stdout: "null", stderr: "null" });
    const { duplex, serving, reader } = await peer();
    const header = { flags: 0 };
    const client = { index: 2, generation: 1 };
    expect((await machine.processes()).map(({ pid }) => pid)).toEqual([1, child.pid]);
    const requests: KernelWorkerRequest[] = [
      { ...header, opcode: Opcode.AttachClient, requestId: 1 },
      { ...header, opcode: Opcode.DetachClient, requestId: 2, client },
      { ...header, opcode: Opcode.BlobFilled, requestId: 3, token: 1, result: 0, bytes: 1 },
      { ...header, opcode: Opcode.StreamClose, requestId: 4, ofd: { index: 1, generation: 1 } },
      { ...header, opcode: Opcode.WaitProcess, requestId: 5, process: { index: 1, generation: 1 } },
      { ...header, opcode: Opcode.CloseOwner, requestId: 6, owner: { index: 1, generation: 1 } },
    ];
    for (const entry of requests) await duplex.write(request(entry));
    for (const { requestId } of requests) {
      const { bytes } = (await reader.next())!;
      const view = new DataView(bytes.buffer);
      expect(view.getUint32(4, true)).toBe(requestId);
      expect(view.getBigInt64(8, true)).toBeLessThan(0n);
    }
    duplex.close();
    expect(await serving.ended).toBeUndefined();
    await child.kill();
    await child.exit;
    await expect.poll(async () => (await held())["Ofd"]).toBe(0);
  });

  test.each(["what is sent", "another reply"])(
    "%s over a reply under way ends it: replies tell whose handles are whose",
    async (what) => {
      const before = await held();
      const { port1, port2 } = new MessageChannel();
      const serving = machine.serveControl(portDuplex(port2));
      const remote = await RemoteMachine.connect(portDuplex(port1));
      const source = machine.addBlobSource({ name: "silent source", read: () => new Promise(() => undefined) });
      await machine.fs.applyFileLayer([{ kind: "lazy", path: `/silent/${source}`, source, size: 10 }]);
      const path = new TextEncoder().encode(`/silent/${source}`);
      const ask = (encode: (at: number) => KernelWorkerRequest) =>
        remote.rpc.call({ syscall: "test", bytes: 64, encode, decode: () => undefined });
      let taken = 0;
      const waiting = ask((at) => {
        taken = at;
        remote.rpc.arena.bytes(at + 8, path.length).set(path);
        const place = { path: { offset: at + 8, length: path.length }, reply: { offset: at, length: 8 } };
        return { opcode: Opcode.ReadFile, flags: 0, requestId: 0, ...place, position: 0 };
      });
      const over = ask((at) =>
        what === "what is sent" ? stat(taken + 4, 8) : stat(at, 8, { offset: taken + 4, length: 8 }),
      );
      const outcomes = Promise.allSettled([waiting, over]);
      expect(await serving.ended).toMatchObject({ code: "ERR_CONTROL", fault: ControlFaultCode.Span });
      expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      await expect.poll(held, { timeout: 20_000 }).toEqual(before);
    },
  );

  test("what is in flight when a peer goes is given back, and a flood ends no more than its connection", async () => {
    const before = await held();
    const { port1, port2 } = new MessageChannel();
    const serving = machine.serveControl(portDuplex(port2));
    const remote = await RemoteMachine.connect(portDuplex(port1));
    const { streams } = await spawn(remote.rpc, "/bin/cat");
    const many = 2000;
    const calls = Array.from({ length: many }, () => streamPoll(remote.rpc, streams[1], "read"));
    const outcomes = Promise.allSettled(calls);
    await expect.poll(async () => (await held())["PendingRequest"]).toBeGreaterThanOrEqual(many);
    await remote.close();
    expect((await outcomes).every(({ status }) => status === "rejected")).toBe(true);
    expect(await serving.ended).toBeUndefined();
    await expect.poll(held, { timeout: 20_000 }).toEqual(before);

    const flood = await peer();
    const opened = await RemoteMachine.connect(otherEnd());
    for (let id = 1; id <= Control.RequestsAndPrompt + 20; id++) {
      await flood.duplex.write(request({ opcode: Opcode.Cancel, flags: 0, requestId: id, target: 999_999 }));
    }
    // Cancels are answered at once, so that no flood of them is too much; the connection lives or was ended, the machine lives.
    flood.duplex.close();
    const end = await flood.serving.ended;
    expect(end === undefined || (end as ControlError).fault === ControlFaultCode.InFlight).toBe(true);
    expect((await opened.processes()).map(({ pid }) => pid)).toEqual([1]);
    await opened.close();
  });

  test("who floods without reading is held up, in bounded memory, and does not hold up others", async () => {
    const { port1, port2 } = new MessageChannel();
    let unread = 0;
    let held = 0;
    // A stream whose reader never takes anything: writes never finish.
    const stuck: Duplex = {
      ...portDuplex(port2),
      write: (bytes) => {
        held += bytes.length;
        return new Promise(() => undefined);
      },
    };
    const serving = machine.serveControl(stuck);
    const duplex = portDuplex(port1);
    await duplex.write(encodeHello({ status: ControlStatus.Ok, arenaBytes: 0 }));
    const flood = (async () => {
      for (; unread < 5000; unread++) await duplex.write(query(SlotKind.None));
    })();
    flood.catch(() => undefined);
    const other = await RemoteMachine.connect(otherEnd());
    for (let i = 0; i < 20; i++) await other.fs.writeFile("/tmp/other", `${i}`);
    expect(held).toBeLessThan(2 << 20);
    await other.close();
    await serving.close();
    duplex.close();
    await flood.catch(() => undefined);
    await machine.noop();
  });
});

function otherEnd(): Duplex {
  const { port1, port2 } = new MessageChannel();
  machine.serveControl(portDuplex(port2));
  return portDuplex(port1);
}

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const env = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env ?? {};
const FIRST_SEED = Number(env["FORESHORE_SEED"] ?? 1);
const SECONDS = Number(env["FORESHORE_FUZZ_SECONDS"] ?? 0);
const RUNS = env["FORESHORE_SEED"] === undefined ? 40 : 1;

/** Frames that are nearly right: good ones of which a few words were changed, cut at any place. */
function mutated(next: () => number): Uint8Array {
  const opcodes = Object.values(Opcode).filter((opcode) => opcode < Opcode.Reply);
  const entry = new Uint8Array(64 + (next() % 4) * 8);
  const view = new DataView(entry.buffer);
  view.setUint16(0, opcodes[next() % opcodes.length]!, true);
  view.setUint32(4, next() % 64, true);
  for (let at = 8; at < 64; at += 4) {
    const choice = next() % 8;
    view.setUint32(at, choice < 5 ? 0 : choice === 5 ? next() % 64 : choice === 6 ? (next() % 32) * 8 : next(), true);
  }
  const good =
    next() % 3 === 0
      ? query(next() % 28, next() % 3, next() % 4 === 0 ? next() : 0)
      : frame(ControlFrameKind.Request, entry);
  if (next() % 10 === 0) new DataView(good.buffer).setUint32((next() % 4) * 4, next(), true);
  return next() % 25 === 0 ? good.subarray(0, next() % good.length) : good;
}

describe("random frames", () => {
  test("cost their own connections only, whatever they are", { timeout: 60_000 + SECONDS * 1000 }, async () => {
    const before = await held();
    const until = performance.now() + SECONDS * 1000;
    let runs = 0;
    let frames = 0;
    for (let seed = FIRST_SEED; runs < RUNS || performance.now() < until; seed++, runs++) {
      const next = random(seed);
      const { duplex, serving } = await peer();
      const drain = (async () => {
        while ((await duplex.read()) !== undefined);
      })();
      try {
        for (let i = next() % 60; i > 0; i--, frames++) await duplex.write(mutated(next));
      } catch {
        // Cut off, as it should be.
      }
      // A turn, so that some of it is under way when the peer goes.
      if (next() % 2 === 0) await machine.noop();
      duplex.close();
      const end = await serving.ended;
      await drain;
      expect(end === undefined || end instanceof ControlError, `seed ${seed}: ${end}`).toBe(true);
      await machine.noop();
    }
    await expect.poll(held, { timeout: 20_000 }).toEqual(before);
    if (SECONDS > 0) console.log(`fuzz control: ${frames} frames, ${runs} connections in ${SECONDS} s`);
    expect(runs).toBeGreaterThanOrEqual(RUNS);
  });
});
