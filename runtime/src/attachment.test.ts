/** Attachments: a machine used and watched by who only has its memory. In Node and in Chromium. */
import {
  AttachError,
  type Attachment,
  type Child,
  type Connection,
  connect,
  killProcess,
  Limit,
  processes,
  type RpcClient,
  SessionClosed,
  type SlotHandleData,
  spawn,
  streamRead,
  streamWrite,
  waitProcess,
} from "@foreshore/abi";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { MachineStopped, Runtime } from "./index.ts";
import { cat, hello, spin } from "./testing/guests.ts";

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

async function readAll(client: RpcClient, ofd: SlotHandleData): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const bytes = await streamRead(client, ofd);
    if (bytes.length === 0) return text;
    text += decoder.decode(bytes, { stream: true });
  }
}

/** Waits until `check` holds: for what the machine does by itself. */
async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 5));
}

let machine: Runtime;
const open: Connection[] = [];

beforeAll(async () => {
  machine = await Runtime.create({ harts: 2, memory: 256, transport: "shared" });
  await machine.fs.writeFile("/hello", hello(), { mode: 0o755 });
  await machine.fs.writeFile("/cat", cat(), { mode: 0o755 });
  await machine.fs.writeFile("/spin", spin(), { mode: 0o755 });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
});
afterAll(async () => {
  await machine?.stop();
});

/** As a posted message would arrive. */
async function posted(): Promise<Attachment> {
  return structuredClone<Attachment>(await machine.attachment());
}

async function connected(onEnd?: (error: Error) => void): Promise<Connection> {
  const connection = await connect(await posted(), onEnd === undefined ? {} : { onEnd });
  open.push(connection);
  return connection;
}

describe("a connection", () => {
  test("spawns, streams, signals and waits", async () => {
    const { client } = await connected();
    const child = await spawn(client, "/hello", [], { stdin: "null" });
    expect(child.pid).toBeGreaterThan(0);
    expect(await readAll(client, child.streams[1])).toBe("hello, world\n");
    expect(await waitProcess(client, child.process)).toMatchObject({ code: 0, signal: null });

    const copy = await spawn(client, "/cat");
    await streamWrite(client, copy.streams[0], new Uint8Array(200_000).fill(65).subarray(0, 100));
    expect((await streamRead(client, copy.streams[1])).length).toBe(100);
    await killProcess(client, copy, 15);
    expect(await waitProcess(client, copy.process)).toMatchObject({ signal: "SIGTERM" });
    for (const ofd of [...child.streams.slice(1), ...copy.streams]) await client.request.streamClose({ ofd });
    expect(await failure(client.request.streamClose({ ofd: copy.streams[0] }))).toMatchObject({ code: "EBADF" });
    expect(await failure(spawn(client, "/none"))).toMatchObject({ code: "ENOENT", path: "/none" });
  });

  test("shows rows of the machine", async () => {
    const session = await connected();
    const { client } = session;
    const child = await spawn(client, "/cat", [], { stderr: "null" });
    await streamWrite(client, child.streams[0], new Uint8Array(1000));
    await until(async () => {
      const { rows } = await session.rows("thread", { pid: child.pid });
      return rows[0]?.state === "blocked";
    });
    const { rows: status } = await session.rows("process", { pid: child.pid });
    expect(status).toMatchObject([{ pid: child.pid, ppid: 1, command: "cat", state: "running", threads: 1 }]);
    const { rows: threads } = await session.rows("thread", { pid: child.pid });
    expect(threads).toMatchObject([{ tid: child.pid, name: "cat", waitsFor: "Pipe" }]);

    const { rows: fds } = await session.rows("fd", { pid: child.pid });
    expect(fds.map(({ fd, closeOnExec }) => [fd, closeOnExec])).toEqual([
      [0, false],
      [1, false],
      [2, false],
    ]);
    const { rows: ofds } = await session.rows("ofd");
    const of = (fd: number) => ofds.find(({ handle }) => handle.index === fds[fd]?.ofd.index);
    // Its descriptor and its read(2), which waits.
    expect(of(0)).toMatchObject({ kind: "PipeRead", refs: 2, handle: fds[0]?.ofd });
    expect(of(1)).toMatchObject({ kind: "PipeWrite", path: `pipe:[${of(1)?.inode}]` });
    expect(of(2)).toMatchObject({ kind: "Device", path: "/dev/null" });
    const { rows: pipes } = await session.rows("pipe");
    const pipe = (fd: number) => pipes.find(({ inode }) => inode === of(fd)?.inode);
    expect(pipe(0)).toMatchObject({ bytes: 0, readers: 1, writers: 1, capacity: Limit.PipeBytes });
    expect(pipe(1)).toMatchObject({ bytes: 1000, readers: 1, writers: 1 });

    const { rows: maps } = await session.rows("vma", { pid: child.pid });
    expect(maps.map(({ path }) => path)).toContain("/cat");
    expect(maps.every(({ start, end, perms }) => start < end && /^[r-][w-][x-][ps]$/.test(perms))).toBe(true);
    const { rows: cache } = await session.rows("cache");
    expect(cache.find(({ path }) => path === "/cat")).toMatchObject({ pages: 1, dirty: 1 });
    const { rows: mounts } = await session.rows("mount");
    expect(mounts).toMatchObject([
      { path: "/", type: "tmpfs" },
      { path: "/proc", type: "proc", inode: 1 },
      { path: "/dev/pts", type: "devpts" },
      { path: "/sys", type: "sysfs" },
    ]);
    const { rows: harts } = await session.rows("hart");
    expect(harts.map(({ hart }) => hart)).toEqual([0, 1]);
    const { rows: memory } = await session.rows("memory");
    expect(memory[0]?.maxBytes).toBe(machine.memoryMiB * 2 ** 20);
    await killProcess(client, child, 9);
  });

  test("a hart's row names what it runs", async () => {
    const session = await connected();
    const child = await spawn(session.client, "/spin", [], { stdin: "null", stdout: "null", stderr: "null" });
    await until(async () => (await session.rows("hart")).rows.some(({ pid, tid }) => pid === child.pid && tid === pid));
    await killProcess(session.client, child, 9);
    await waitProcess(session.client, child.process);
  });

  test("that closes gives back its slot and all that it held", async () => {
    const session = await connected();
    const { client } = session;
    const { owner } = await client.request.createOwner({});
    const owned = await spawn(client, "/spin", [], { owner: owner.index });
    const waits = await spawn(client, "/cat");
    const registered: Child = await spawn(client, "/hello", [], { stdin: "null" });
    const pending = failure(streamRead(client, waits.streams[1]));
    const exit = failure(waitProcess(client, owned.process));
    const slots = (await machine.diagnostics()).live?.slots.find(({ kind }) => kind === "Owner")?.inUse ?? 0;
    await session.close();
    await session.close();
    expect(await pending).toBeInstanceOf(SessionClosed);
    expect(await exit).toBeInstanceOf(SessionClosed);
    expect(await failure(session.rows("process"))).toBeInstanceOf(SessionClosed);
    // cat has met the end of its input, hello was reaped by nobody's wait, the owner ended with its process.
    await until(async () => {
      const pids = (await machine.processes()).map(({ pid }) => pid);
      return ![owned.pid, waits.pid, registered.pid].some((pid) => pids.includes(pid));
    });
    await until(async () => {
      const { live } = await machine.diagnostics();
      return live?.slots.find(({ kind }) => kind === "Owner")?.inUse === slots - 1;
    });
    // Nothing leaks: as often as there are places, and more.
    for (let i = 0; i < Limit.Clients * 2; i++) await (await connect(await posted())).close();
  });

  test("hears that the machine's Runtime took its rings back", async () => {
    const attachment = await machine.attachment();
    const reported: Error[] = [];
    const session = await connect(structuredClone<Attachment>(attachment), { onEnd: (error) => reported.push(error) });
    const child = await spawn(session.client, "/cat");
    const pending = failure(streamRead(session.client, child.streams[1]));
    await attachment.detach();
    expect(await pending).toBeInstanceOf(SessionClosed);
    expect(await failure(processes(session.client))).toBeInstanceOf(SessionClosed);
    expect(reported).toHaveLength(1);
    await attachment.detach();
    await session.close();
    await until(async () => (await machine.processes()).every(({ pid }) => pid !== child.pid));
  });

  test("closes no descriptor of a guest, whatever handle it names", async () => {
    const session = await connected();
    const child = await spawn(session.client, "/cat");
    const { rows: fds } = await session.rows("fd", { pid: child.pid });
    const ofd = fds[0]?.ofd as SlotHandleData;
    expect(await failure(session.client.request.streamClose({ ofd }))).toMatchObject({ code: "EBADF" });
    expect(
      await failure(session.client.request.streamClose({ ofd: { ...ofd, generation: ofd.generation + 2 } })),
    ).toMatchObject({
      code: "EBADF",
    });
    await streamWrite(session.client, child.streams[0], Uint8Array.of(1, 2, 3));
    expect([...(await streamRead(session.client, child.streams[1]))]).toEqual([1, 2, 3]);
    await session.client.request.streamClose({ ofd: child.streams[0] });
    expect(await waitProcess(session.client, child.process)).toMatchObject({ code: 0 });
    expect(await failure(session.client.request.closeOwner({ owner: { index: 1, generation: 1 } }))).toMatchObject({
      code: "EPERM",
    });
  });
});

describe("refused", () => {
  test("an attachment that is in use, closed, of another ABI, or of no client", async () => {
    const attachment = await posted();
    const session = await connect(attachment);
    expect(await failure(connect(attachment))).toMatchObject({ name: "AttachError", kind: "used" });
    await session.close();
    expect(await failure(connect(attachment))).toMatchObject({ kind: "detached" });
    const other = await posted();
    expect(await failure(connect({ ...other, client: { index: 0, generation: 1 } }))).toMatchObject({ kind: "bounds" });
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
    expect(await failure(connect({ ...other, memory }))).toMatchObject({ kind: "none" });
    await (await connect(other)).close();
  });

  test("a client of another ABI names both versions, and gives its slot back", async () => {
    for (let i = 0; i < Limit.Clients * 2; i++) {
      const attachment = await posted();
      const generation = (): number =>
        Atomics.load(new Int32Array(attachment.memory.buffer), attachment.words.generation / 4);
      const before = generation();
      const foreign = await failure(connect({ ...attachment, abi: { ...attachment.abi, abiMajor: 7 } }));
      expect(foreign).toMatchObject({ kind: "abi" });
      expect(String(foreign)).toMatch(/speak ABI 0\.\d+ .*machine 7\.\d+/);
      await expect.poll(generation).not.toBe(before);
      // Once more is nothing: the slot may be another's.
      expect(await failure(connect({ ...attachment, abi: { ...attachment.abi, abiMajor: 7 } }))).toMatchObject({
        kind: "abi",
      });
    }
  });

  test("one of another ABI takes nothing from who is connected by the same attachment", async () => {
    const attachment = await posted();
    const session = await connect(attachment);
    const abi = { ...attachment.abi, abiMajor: 7 };
    expect(await failure(connect({ ...attachment, abi }))).toMatchObject({ kind: "abi" });
    await session.client.request.noop();
    expect((await session.rows("process")).rows.length).toBeGreaterThan(0);
    await session.close();
  });

  test("an attachment as an older Runtime posts it, without the words, is refused as well", async () => {
    const { words: _, ...older } = await posted();
    const abi = { ...older.abi, abiMajor: 7 };
    expect(await failure(connect({ ...older, abi } as Attachment))).toMatchObject({ kind: "abi" });
    await (await connect(older as Attachment)).close();
  });

  test("words that lie nowhere are left alone", async () => {
    const attachment = await posted();
    const abi = { ...attachment.abi, abiMajor: 7 };
    for (const address of [-4, 2, 2 ** 40, Number.NaN]) {
      const words = { generation: address, state: address, connected: address, doorbell: address };
      expect(await failure(connect({ ...attachment, abi, words }))).toMatchObject({ kind: "abi" });
    }
    await (await connect(attachment)).close();
  });

  test("more connections than there are clients, by name; one that closes makes room", async () => {
    const sessions: Connection[] = [];
    for (let i = 1; i < Limit.Clients; i++) sessions.push(await connected());
    const error = await failure(machine.attachment());
    expect(error).toBeInstanceOf(AttachError);
    expect(error).toMatchObject({ kind: "full" });
    expect(String(error)).toContain(String(Limit.Clients));
    await sessions[3]?.close();
    await (await connected()).close();
  });

  test("a machine of a single worker", async () => {
    const single = await Runtime.create({ memory: 64, transport: "message" });
    try {
      expect(await failure(single.attachment())).toMatchObject({ name: "AttachError", kind: "host" });
    } finally {
      await single.stop();
    }
  });
});

describe("a machine that ends", () => {
  test.each(["at once", "on its workers"])("is told as MachineStopped: %s", async (when) => {
    const ending = await Runtime.create({ harts: 2, memory: 64, transport: "shared" });
    await ending.fs.writeFile("/cat", cat(), { mode: 0o755 });
    if (when !== "at once")
      await until(() => ending.diagnostics().then(({ live }) => live?.harts[1]?.state !== "dead"));
    const reported: Error[] = [];
    const attachment = await ending.attachment();
    const session = await connect(structuredClone<Attachment>(attachment), { onEnd: (error) => reported.push(error) });
    const child = await spawn(session.client, "/cat");
    const pending = failure(streamRead(session.client, child.streams[1]));
    const unused = structuredClone<Attachment>(await ending.attachment());
    await ending.stop();
    expect(await pending).toBeInstanceOf(MachineStopped);
    expect(await failure(processes(session.client))).toBeInstanceOf(MachineStopped);
    expect(await failure(session.rows("process"))).toBeInstanceOf(MachineStopped);
    expect(reported).toHaveLength(1);
    expect(await failure(connect(unused))).toBeInstanceOf(MachineStopped);
    await session.close();
    expect(await failure(ending.attachment())).toBeInstanceOf(MachineStopped);
    await attachment.detach().catch((error: unknown) => expect(error).toBeInstanceOf(MachineStopped));
  });
});
