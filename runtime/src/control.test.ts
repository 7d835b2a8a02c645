/** The control channel over a MessagePort and over web streams, with a machine behind it: in Node and in a page. */
import {
  attach,
  ControlClient,
  ControlError,
  ControlFaultCode,
  ControlHello,
  ControlStatus,
  connect,
  type Duplex,
  encodeHello,
  FrameReader,
  fileRecords,
  handshake,
  LayerMore,
  Limit,
  memOf,
  memoryRows,
  packEntry,
  portDuplex,
  ROW_KINDS,
  streamDuplex,
} from "@foreshore/abi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RemoteMachine, Runtime } from "./index.ts";
import { cat, hello, spin } from "./testing/guests.ts";

let machine: Runtime;
const remotes: RemoteMachine[] = [];

beforeEach(async () => {
  machine = await Runtime.create({ memory: 128, harts: 2, log: () => undefined });
});

afterEach(async () => {
  for (const remote of remotes.splice(0)) await remote.close();
  await machine.stop();
});

function channel(): [Duplex, Duplex] {
  const { port1, port2 } = new MessageChannel();
  return [portDuplex(port1), portDuplex(port2)];
}

async function connected(): Promise<RemoteMachine> {
  const [ours, theirs] = channel();
  machine.serveControl(theirs);
  const remote = await RemoteMachine.connect(ours);
  remotes.push(remote);
  return remote;
}

/** Slots in use that a connection could leave behind. */
async function held(): Promise<Record<string, number>> {
  const { live } = await machine.diagnostics();
  const kinds = ["Ofd", "Pipe", "Process", "Thread", "PendingRequest", "Owner", "Tty", "WaitEntry"];
  return Object.fromEntries(live!.slots.filter(({ kind }) => kinds.includes(kind)).map((use) => [use.kind, use.inUse]));
}

async function install(): Promise<void> {
  await machine.fs.mkdir("/bin", { recursive: true });
  await machine.fs.writeFile("/bin/cat", cat(), { mode: 0o755 });
  await machine.fs.writeFile("/bin/hello", hello("over the channel\n", 3), { mode: 0o755 });
  await machine.fs.writeFile("/bin/spin", spin(), { mode: 0o755 });
}

describe("a remote machine", () => {
  test("has files, programs, processes and signals", async () => {
    await install();
    const remote = await connected();
    await remote.fs.writeFile("/tmp/note", "written from afar");
    expect(await machine.fs.readFile("/tmp/note", { encoding: "utf8" })).toBe("written from afar");
    const output = await (await remote.spawn("/bin/hello")).output();
    expect([new TextDecoder().decode(output.stdout), output.code]).toEqual(["over the channel\n", 3]);

    const spinning = await remote.spawn("/bin/spin");
    const rows = await remote.processes();
    const mine = rows.find(({ pid }) => pid === spinning.pid)!;
    expect(mine).toMatchObject({ command: "spin", state: "running", threads: 1, ppid: 1 });
    expect(mine.residentPages).toBeGreaterThan(0);
    await remote.kill(spinning.pid, 15);
    expect((await spinning.exit).signal).toBe("SIGTERM");
    await expect(remote.kill(spinning.pid, 15)).rejects.toMatchObject({ code: "ESRCH" });
  });

  test("carries a megabyte through a program unchanged, and two connections do not meet", async () => {
    await install();
    const [one, two] = [await connected(), await connected()];
    const inputs = [3, 5].map((seed) => Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * seed) >>> 3));
    const outputs = await Promise.all(
      [one, two].map(async (remote, i) => (await remote.spawn("/bin/cat", [], { stdin: inputs[i]! })).output()),
    );
    for (const [i, { stdout, code }] of outputs.entries()) {
      expect(code).toBe(0);
      expect(stdout.length).toBe(1 << 20);
      expect(stdout.every((byte, at) => byte === inputs[i]![at])).toBe(true);
    }
  });

  test("over web streams it is the same", async () => {
    const there = new TransformStream<Uint8Array, Uint8Array>();
    const back = new TransformStream<Uint8Array, Uint8Array>();
    machine.serveControl(streamDuplex(there.readable, back.writable));
    const remote = await RemoteMachine.connect(streamDuplex(back.readable, there.writable));
    remotes.push(remote);
    await remote.fs.writeFile("/tmp/streams", new Uint8Array(100_000));
    expect((await remote.fs.stat("/tmp/streams")).size).toBe(100_000);
  });

  test("shows the rows that are read from shared memory, of every kind", async () => {
    await install();
    const remote = await connected();
    const waiting = await remote.spawn("/bin/cat");
    const view = attach(machine.memory!);
    // Nobody has a socket here; test/outside.test.ts looks at those.
    const kinds = ROW_KINDS.filter((kind) => kind !== "socket");
    await expect.poll(() => memoryRows(view, "thread").rows.map(({ state }) => state)).toEqual(["blocked", "blocked"]);
    for (const kind of kinds) {
      await expect.poll(async () => (await remote.rows(kind)).rows).toEqual(memoryRows(view, kind).rows);
      expect(memoryRows(view, kind).rows.length, kind).toBeGreaterThan(0);
    }
    expect((await remote.rows("fd", { pid: waiting.pid })).rows).toHaveLength(3);
  });

  test("what it holds is given back when it goes in the middle of requests", async () => {
    await install();
    const before = await held();
    const remote = await connected();
    const waiting = await remote.spawn("/bin/cat");
    const terminal = await remote.spawn("/bin/cat", [], { stdio: "pty" });
    const reads = [waiting.stdout!.getReader().read(), terminal.terminal!.readable.getReader().read()];
    for (const read of reads) read.catch(() => undefined);
    await remote.rpc.request.createOwner({});
    expect((await held())["PendingRequest"]).toBeGreaterThan(before["PendingRequest"]!);
    await remote.close();
    await expect(waiting.exit).rejects.toThrow(/closed/);
    await expect.poll(held, { timeout: 20_000 }).toEqual(before);
  });

  test("who says nothing holds no place: many connect, and each is answered in its turn", async () => {
    const all: RemoteMachine[] = [];
    for (let i = 0; i < 3 * Limit.Clients; i++) all.push(await connected());
    for (let round = 0; round < 2; round++) {
      for (const [i, remote] of all.entries()) await remote.fs.writeFile(`/tmp/${i}`, `${round}`);
    }
    // So is an attachment, which needs a place of its own.
    const attached = await connect(await machine.attachment());
    await handshake(attached.client);
    await attached.close();
    // All at once: each waits for a place.
    const texts = all.map((remote, i) => remote.fs.readFile(`/tmp/${i}`, { encoding: "utf8" }));
    expect(await Promise.all(texts)).toEqual(all.map(() => "1"));
  });

  test("a layer that is half told is kept, however long its peer says nothing", async () => {
    const [half, ...others] = await Promise.all(Array.from({ length: 2 * Limit.Clients }, connected));
    const batch = (path: string, more: LayerMore) => {
      const records = fileRecords([packEntry({ kind: "file", path, data: "x" })]);
      return half!.rpc.request.applyFileLayer({ records, prefix: "", count: 1, more });
    };
    await batch("/tmp/first", LayerMore.Follow);
    for (const [i, other] of others.entries()) await other.fs.writeFile(`/tmp/other-${i}`, "y");
    await batch("/tmp/second", LayerMore.Last);
    expect(await machine.fs.readFile("/tmp/first", { encoding: "utf8" })).toBe("x");
    expect(await machine.fs.readFile("/tmp/second", { encoding: "utf8" })).toBe("x");
  });

  test("where all places are held by others a request is EAGAIN, until one is given back", async () => {
    await install();
    const all: RemoteMachine[] = [];
    for (let i = 1; i < Limit.Clients; i++) {
      const remote = await connected();
      await remote.spawn("/bin/cat");
      all.push(remote);
    }
    const late = await connected();
    await expect(late.fs.readFile("/bin/cat")).rejects.toMatchObject({ code: "EAGAIN" });
    await expect(machine.attachment()).rejects.toMatchObject({ kind: "full" });
    // Queries need no place.
    expect((await late.processes()).filter(({ pid }) => pid > 1)).toHaveLength(Limit.Clients - 1);
    await all[0]!.close();
    await expect
      .poll(
        () =>
          late.fs.readFile("/bin/cat").then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
  });

  test("of those who never say hello the oldest makes room", async () => {
    const silent = Array.from({ length: 33 }, () => {
      const [, theirs] = channel();
      return machine.serveControl(theirs);
    });
    expect(String(await silent[0]!.ended)).toMatch(/left before it said hello/);
    expect((await connected()).rpc.inFlight).toBe(0);
    for (const { close } of silent) await close();
  });

  test("a machine that stops says so to those who are connected", async () => {
    const remote = await connected();
    await machine.stop();
    expect(await remote.closed).toMatchObject({ code: "ERR_CONTROL", fault: ControlFaultCode.Stopped });
    await expect(remote.processes()).rejects.toBeInstanceOf(ControlError);
  });
});

describe("versions", () => {
  test("a peer of another layout is refused, and both sides name both versions", async () => {
    const [ours, theirs] = channel();
    const serving = machine.serveControl(theirs);
    const skewed = encodeHello({ status: ControlStatus.Ok, arenaBytes: 0 });
    new DataView(skewed.buffer).setUint32(ControlHello.OFFSET.layoutHashLo, 0x12345678, true);
    await ours.write(skewed);
    const answer = new ControlHello(memOf((await new FrameReader(ours).exactly(ControlHello.SIZE))!), 0);
    expect(answer.status).toBe(ControlStatus.Version);
    expect(String(await serving.ended)).toMatch(/these packages speak ABI .* the peer .*12345678/);
  });

  test.each<[string, number, number, RegExp]>([
    ["another magic", ControlHello.OFFSET.magic, 0x12345678, /does not speak Foreshore's control channel/],
    ["frames that are too short", ControlHello.OFFSET.frameBytes, 4096, /takes frames of 4096 bytes only/],
  ])("%s is no version: the machine says so", async (_, at, value, why) => {
    const [ours, theirs] = channel();
    const serving = machine.serveControl(theirs);
    const hello = encodeHello({ status: ControlStatus.Ok, arenaBytes: 0 });
    new DataView(hello.buffer).setUint32(at, value, true);
    await ours.write(hello);
    const answer = new ControlHello(memOf((await new FrameReader(ours).exactly(ControlHello.SIZE))!), 0);
    expect(answer.status).toBe(ControlStatus.Protocol);
    expect(await serving.ended).toMatchObject({ code: "ERR_CONTROL", status: ControlStatus.Protocol });
    expect(String(await serving.ended)).toMatch(why);
  });

  test("a machine of another version is refused by the client, which names both", async () => {
    const [ours, theirs] = channel();
    const opening = ControlClient.open(ours);
    await new FrameReader(theirs).exactly(ControlHello.SIZE);
    const skewed = encodeHello({ status: ControlStatus.Ok, arenaBytes: 4096 });
    new DataView(skewed.buffer).setUint16(ControlHello.OFFSET.abiMajor, 9, true);
    await theirs.write(skewed);
    await expect(opening).rejects.toThrow(/these packages speak ABI 0\..* the machine 9\./);
  });

  test("who speaks something else is told so", async () => {
    const [ours, theirs] = channel();
    const opening = ControlClient.open(ours);
    await theirs.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n".padEnd(64)));
    await expect(opening).rejects.toThrow(/does not speak Foreshore's control channel/);
  });
});
