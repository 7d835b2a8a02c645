import { afterEach, describe, expect, test, vi } from "vitest";
import { ClientSleep, Errno, Fixed, type KernelWorkerOutbound, Opcode } from "../../ts/index.ts";
import { FakeKernel, type FakeKernelOptions, replyEntry } from "../testing/fake-kernel.ts";
import { MachineStopped, RequestTimeout, RpcProtocolError, SystemError } from "./errors.ts";
import { type CallSpec, RpcClient } from "./rpc-client.ts";
import { SharedTransport } from "./shared-transport.ts";

const open: { stop(): void }[] = [];
const clients: RpcClient[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.stop();
  for (const client of clients.splice(0)) client.fail(new MachineStopped());
});

interface Setup {
  kernel: FakeKernel;
  client: RpcClient;
  events: KernelWorkerOutbound[];
  failures: Error[];
  transport: SharedTransport;
  held: string[];
}

function setup(options: FakeKernelOptions & { useKick?: boolean } = {}): Setup {
  const kernel = new FakeKernel(options);
  const transport = new SharedTransport(kernel.mem, kernel.slotAddress, { useKick: options.useKick ?? false });
  const events: KernelWorkerOutbound[] = [];
  const failures: Error[] = [];
  const held: string[] = [];
  const client = new RpcClient(transport, {
    onEvent: (event) => events.push(event),
    onFailure: (error) => failures.push(error),
    keepAlive: { ref: () => held.push("ref"), unref: () => held.push("unref"), close: () => held.push("close") },
  });
  clients.push(client);
  return { kernel, client, events, failures, transport, held };
}

const noop: CallSpec<number> = {
  syscall: "noop",
  bytes: 0,
  encode: () => ({ opcode: Opcode.Noop, flags: 0, requestId: 0 }),
  decode: (result) => result,
};

/** Reads `length` bytes; the kernel answers with what it put into the span. */
function read(length: number): CallSpec<Uint8Array> {
  return {
    syscall: "read",
    bytes: length,
    room: length,
    encode: (at) => ({
      opcode: Opcode.StreamRead,
      flags: 0,
      requestId: 0,
      ofd: { index: 1, generation: 1 },
      reply: { offset: at, length },
    }),
    decode: (result, _reply, at, arena) => arena.bytes(at, result).slice(),
  };
}

/** Waits for what a notify brings about: how soon its promise settles is up to the engine. */
const settled = (client: RpcClient): Promise<void> => vi.waitFor(() => expect(client.inFlight).toBe(0));

/** Lets timers and microtasks run. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("requests", () => {
  test("an id per request, replies in any order", async () => {
    const { kernel, client } = setup();
    const calls = [client.call(noop), client.call(noop), client.call(noop)];
    const requests = kernel.takeAll();
    expect(requests.map((request) => request.opcode)).toEqual([Opcode.Noop, Opcode.Noop, Opcode.Noop]);
    expect(new Set(requests.map((request) => request.requestId)).size).toBe(3);
    expect(requests.every((request) => request.requestId !== 0)).toBe(true);
    for (const [i, request] of requests.entries()) kernel.push(replyEntry(request.requestId, { result: i }));
    kernel.wake();
    expect(await Promise.all(calls)).toEqual([0, 1, 2]);

    const late = client.call(noop);
    const early = client.call(noop);
    const [first, second] = kernel.takeAll();
    kernel.reply(second!.requestId, { result: 2 });
    expect(await early).toBe(2);
    kernel.reply(first!.requestId, { result: 1 });
    expect(await late).toBe(1);
    expect(client.inFlight).toBe(0);
  });

  test("one doorbell for a batch, one notify only when the kernel sleeps", async () => {
    const { kernel, client } = setup();
    const notify = vi.spyOn(Atomics, "notify");
    const before = kernel.header.kernelDoorbell;
    for (let i = 0; i < 64; i++) client.call(noop).catch(() => undefined);
    await Promise.resolve();
    expect(kernel.waiting).toBe(64);
    expect(kernel.header.kernelDoorbell).toBe(before + 1);
    expect(notify).not.toHaveBeenCalled();
    kernel.header.kernelSleeping = 1;
    client.call(noop).catch(() => undefined);
    await Promise.resolve();
    expect(notify).toHaveBeenCalledTimes(1);
    notify.mockRestore();
  });

  test("indices wrap around 2^32", async () => {
    const { kernel, client } = setup({ start: 2 ** 32 - 5 });
    open.push(kernel.serve((request) => ({ result: request.requestId & 7 })));
    for (let round = 0; round < 4; round++) {
      const results = await Promise.all(Array.from({ length: 3 }, () => client.call(noop)));
      expect(results.every((result) => result < 8)).toBe(true);
    }
    expect(kernel.slot.submissionTail).toBeLessThan(100);
    expect(kernel.slot.completionHead).toBe(kernel.slot.completionTail);
  });

  test("a thousand calls at once: back-pressure, every one answered once, in order of admission", async () => {
    const { kernel, client } = setup();
    const order: number[] = [];
    const calls = Array.from({ length: 1000 }, (_, i) =>
      client.call({
        ...noop,
        decode: () => order.push(i),
      }),
    );
    expect(client.inFlight).toBeLessThanOrEqual(Fixed.RingEntries);
    expect(client.inFlight + client.queued).toBe(1000);
    open.push(kernel.serve(() => ({})));
    await Promise.all(calls);
    expect(order).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(client.inFlight).toBe(0);
    expect(client.queued).toBe(0);
  });

  test("an arena that is full holds calls back until bytes are given back", async () => {
    const { kernel, client } = setup({ arenaBytes: 4096 });
    const calls = Array.from({ length: 10 }, () => client.call(read(1536)));
    expect(client.inFlight).toBe(2);
    expect(client.queued).toBe(8);
    open.push(
      kernel.serve((request) => {
        if (request.opcode !== Opcode.StreamRead) return undefined;
        kernel.arena(request.reply.offset, request.reply.length).fill(7);
        return { result: request.reply.length };
      }),
    );
    for (const bytes of await Promise.all(calls)) expect(bytes).toEqual(new Uint8Array(1536).fill(7));
    expect(client.arenaUsed).toBe(0);
    await expect(client.call(read(5000))).rejects.toThrow(RangeError);
  });

  test("a negative result is a SystemError with code, errno, syscall and path", async () => {
    const { kernel, client } = setup();
    const call = client.call({ ...noop, syscall: "open", path: "/no/such" });
    kernel.reply(kernel.take()!.requestId, { result: -Errno.ENOENT });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: "ENOENT", errno: Errno.ENOENT, syscall: "open", path: "/no/such" });
    expect(String(error)).toContain("no such file or directory, open '/no/such'");
  });

  test("an encode that throws rejects its call and gives its bytes back", async () => {
    const { client } = setup();
    const bad: CallSpec<number> = {
      ...noop,
      bytes: 100,
      encode: () => {
        throw new TypeError("no");
      },
    };
    await expect(client.call(bad)).rejects.toThrow("no");
    expect(client.arenaUsed).toBe(0);
    expect(client.inFlight).toBe(0);
  });

  test("the host is kept alive exactly while calls wait", async () => {
    const { kernel, client, held } = setup();
    const call = client.call(noop);
    client.call(noop).catch(() => undefined);
    expect(held).toEqual(["ref"]);
    for (const request of kernel.takeAll()) kernel.reply(request.requestId);
    await call;
    await settled(client);
    expect(held.at(-1)).toBe("unref");
    expect(held.filter((what) => what === "ref")).toHaveLength(1);
  });
});

describe("waking", () => {
  test("spurious wakes are harmless", async () => {
    const { kernel, client } = setup();
    const call = client.call(noop);
    for (let i = 0; i < 5; i++) {
      Atomics.notify(kernel.mem.i32, kernel.slot.completionTailIndex());
      await turn();
    }
    kernel.reply(kernel.take()!.requestId, { result: 9 });
    expect(await call).toBe(9);
  });

  test("a completion that lands while the client goes to sleep is not slept through", async () => {
    const { kernel, client } = setup();
    const call = client.call(noop);
    const request = kernel.take()!;
    await turn();
    // As a kernel that did not yet see clientSleeping: no notify.
    kernel.push(replyEntry(request.requestId, { result: 3 }));
    const later = client.call(noop);
    Atomics.notify(kernel.mem.i32, kernel.slot.completionTailIndex());
    expect(await call).toBe(3);
    kernel.reply(kernel.take()!.requestId, { result: 4 });
    expect(await later).toBe(4);
  });

  test("without waitAsync the client asks for a kick and is woken by it", async () => {
    const { kernel, client, transport } = setup({ useKick: true });
    const call = client.call(noop);
    expect(kernel.slot.clientSleeping).toBe(ClientSleep.WantsKick);
    kernel.push(replyEntry(kernel.take()!.requestId, { result: 5 }));
    transport.kicked();
    expect(await call).toBe(5);
    // Asleep again, and a kick without reason changes nothing.
    transport.kicked();
    expect(kernel.slot.clientSleeping).toBe(ClientSleep.WantsKick);
  });

  test("events reach the owner, between replies", async () => {
    const { kernel, client, events } = setup();
    const call = client.call(noop);
    kernel.push({
      opcode: Opcode.BlobRequest,
      flags: 0,
      requestId: 0,
      source: 1,
      token: 2,
      position: 4096,
      address: 8192,
      length: 100,
    });
    kernel.reply(kernel.take()!.requestId);
    await call;
    expect(events).toMatchObject([
      { opcode: Opcode.BlobRequest, source: 1, token: 2, position: 4096, address: 8192, length: 100 },
    ]);
  });
});

describe("giving up", () => {
  test("an aborted call rejects with the reason, is cancelled, and keeps its bytes until the kernel answers", async () => {
    const { kernel, client } = setup();
    const abort = new AbortController();
    const call = client.call(read(1000), { signal: abort.signal });
    const request = kernel.take()!;
    abort.abort(new Error("changed my mind"));
    await expect(call).rejects.toThrow("changed my mind");
    expect(client.arenaUsed).toBe(1024);
    const cancel = kernel.take()!;
    expect(cancel).toMatchObject({ opcode: Opcode.Cancel, target: request.requestId });
    kernel.reply(request.requestId, { result: -Errno.ECANCELED });
    kernel.reply(cancel.requestId);
    await settled(client);
    expect(client.arenaUsed).toBe(0);
  });

  test("an answer that overtakes the cancel is no error", async () => {
    const { kernel, client, failures } = setup();
    const abort = new AbortController();
    const call = client.call(noop, { signal: abort.signal });
    const request = kernel.take()!;
    abort.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
    kernel.reply(request.requestId, { result: 1 });
    kernel.reply(kernel.take()!.requestId, { result: -Errno.ENOENT });
    await settled(client);
    expect(failures).toEqual([]);
  });

  test("a signal that is aborted already sends nothing", async () => {
    const { kernel, client } = setup();
    await expect(client.call(noop, { signal: AbortSignal.abort(new Error("early")) })).rejects.toThrow("early");
    expect(kernel.waiting).toBe(0);
  });

  test("a queued call that is given up is never sent", async () => {
    const { kernel, client } = setup({ arenaBytes: 1024 });
    const first = client.call(read(768));
    const abort = new AbortController();
    const second = client.call(read(768), { signal: abort.signal });
    const third = client.call(noop);
    abort.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    const request = kernel.take()!;
    kernel.reply(request.requestId, { result: 0 });
    await first;
    await vi.waitFor(() => expect(kernel.waiting).toBe(1));
    const after = kernel.takeAll();
    expect(after.map((entry) => entry.opcode)).toEqual([Opcode.Noop]);
    kernel.reply(after[0]!.requestId);
    await third;
  });

  test("a deadline rejects, cancels, and does not fire after an answer", async () => {
    const { kernel, client } = setup();
    const call = client.call(noop, { timeoutMs: 5 });
    await expect(call).rejects.toBeInstanceOf(RequestTimeout);
    const [request, cancel] = kernel.takeAll();
    expect(cancel).toMatchObject({ opcode: Opcode.Cancel, target: request!.requestId });
    const quick = client.call(noop, { timeoutMs: 10_000 });
    kernel.reply(kernel.take()!.requestId, { result: 8 });
    expect(await quick).toBe(8);
  });

  test("what the kernel answers at once passes a client whose ring is read and whose arena is taken", async () => {
    const { kernel, client } = setup({ arenaBytes: 4096 });
    const abort = new AbortController();
    for (let i = 0; i < 400; i++) client.call(read(1024), { signal: abort.signal }).catch(() => undefined);
    const requests = kernel.takeAll();
    expect(requests).toHaveLength(3);
    // It has arena bytes of its own.
    const prompt = client.call({ ...read(1024), prompt: true });
    const entry = kernel.take()!;
    kernel.reply(entry.requestId, { result: 77 });
    expect(await prompt).toHaveLength(77);
    abort.abort();
  });

  test("requests that wait take no place: a ring is full only until it is read", async () => {
    const { kernel, client } = setup();
    const calls = Array.from({ length: 2000 }, () => client.call(noop));
    const waiting: number[] = [];
    const serving = kernel.serve(({ requestId }) => void waiting.push(requestId));
    await expect.poll(() => waiting.length).toBe(2000);
    serving.stop();
    expect(client.queued).toBe(0);
    const prompt = client.call({ ...noop, prompt: true });
    kernel.reply(kernel.take()!.requestId, { result: 5 });
    expect(await prompt).toBe(5);
    for (const requestId of waiting) {
      if (kernel.completions === Fixed.RingEntries) await expect.poll(() => kernel.completions).toBe(0);
      kernel.reply(requestId);
    }
    await Promise.all(calls);
  });

  test("more than can wait for room is refused with EAGAIN", async () => {
    const { client } = setup({ arenaBytes: 1024 });
    // The first has the arena, and 16,384 wait for it.
    const calls = Array.from({ length: 16_386 }, () => client.call(read(768)));
    const outcomes = Promise.allSettled(calls);
    await expect(calls.at(-1)).rejects.toMatchObject({ code: "EAGAIN", syscall: "read" });
    const over = new MachineStopped();
    client.fail(over);
    const refused = (await outcomes).filter((outcome) => outcome.status === "rejected" && outcome.reason !== over);
    expect(refused).toHaveLength(1);
  });

  test("what a request has made whose caller has given up is taken back, once", async () => {
    const { kernel, client } = setup();
    const undone: number[] = [];
    const spec: CallSpec<number> = { ...noop, undo: (value) => void undone.push(value) };
    const abort = new AbortController();
    const late = client.call(spec, { signal: abort.signal });
    const request = kernel.take()!;
    abort.abort(new Error("too late"));
    await expect(late).rejects.toThrow("too late");
    kernel.reply(request.requestId, { result: 42 });
    kernel.reply(kernel.take()!.requestId, { result: -Errno.ENOENT });
    await settled(client);
    expect(undone).toEqual([42]);
    // Not what failed, nor what somebody has got.
    const good = client.call(spec);
    kernel.reply(kernel.take()!.requestId, { result: 43 });
    expect(await good).toBe(43);
    const cancelled = new AbortController();
    const gone = client.call(spec, { signal: cancelled.signal });
    const entry = kernel.take()!;
    cancelled.abort(new Error("in time"));
    await expect(gone).rejects.toThrow("in time");
    kernel.reply(entry.requestId, { result: -Errno.ECANCELED });
    kernel.reply(kernel.take()!.requestId);
    await settled(client);
    expect(undone).toEqual([42]);
  });
});

describe("a peer that breaks the rules", () => {
  const hostile: [string, (kernel: FakeKernel, id: number) => void][] = [
    ["a reply to an id that was never given", (kernel, id) => kernel.push(replyEntry((id + 256) >>> 0))],
    ["a reply to id 0", (kernel) => kernel.push(replyEntry(0))],
    [
      "the same reply twice",
      (kernel, id) => {
        kernel.push(replyEntry(id));
        kernel.push(replyEntry(id));
      },
    ],
    [
      "an unknown opcode",
      (kernel, id) => {
        kernel.push(replyEntry(id));
        kernel.mem.u16[kernel.completionAddress(kernel.slot.completionTail - 1) >>> 1] = 999;
      },
    ],
    [
      "a request as an event",
      (kernel) => {
        kernel.push(replyEntry(0));
        kernel.mem.u16[kernel.completionAddress(kernel.slot.completionTail - 1) >>> 1] = Opcode.Noop;
      },
    ],
    [
      "an event with a request id",
      (kernel, id) =>
        kernel.push({
          opcode: Opcode.BlobRequest,
          flags: 0,
          requestId: id,
          source: 0,
          token: 0,
          position: 0,
          address: 0,
          length: 0,
        }),
    ],
    ["a result that is no errno", (kernel, id) => kernel.push(replyEntry(id, { result: -5000 }))],
    [
      "a tail that runs ahead of the ring",
      (kernel) => {
        kernel.slot.completionTail = (kernel.slot.completionTail + Fixed.RingEntries + 1) >>> 0;
      },
    ],
    [
      "a tail that runs backwards",
      (kernel) => {
        kernel.slot.completionTail = (kernel.slot.completionTail - 1) >>> 0;
      },
    ],
  ];

  test.each(hostile)("%s fails the client, and every call with it", async (_name, attack) => {
    const { kernel, client, failures } = setup();
    const calls = [client.call(noop), client.call(noop)];
    const outcome = Promise.allSettled(calls);
    await turn();
    const [request] = kernel.takeAll();
    attack(kernel, request!.requestId);
    Atomics.notify(kernel.mem.i32, kernel.slot.completionTailIndex());
    const settled = await outcome;
    expect(settled.at(-1)).toMatchObject({ status: "rejected", reason: expect.any(RpcProtocolError) });
    expect(failures).toHaveLength(1);
    await expect(client.call(noop)).rejects.toBeInstanceOf(RpcProtocolError);
  });

  test("a reply longer than its span fails the client", async () => {
    const { kernel, client } = setup();
    const call = client.call(read(64));
    kernel.reply(kernel.take()!.requestId, { result: 65 });
    await expect(call).rejects.toBeInstanceOf(RpcProtocolError);
    await expect(client.call(noop)).rejects.toBeInstanceOf(RpcProtocolError);
  });

  test("a machine that ends rejects what is in flight, what is queued and what comes later", async () => {
    const { client, held } = setup();
    const calls = Array.from({ length: 300 }, () => client.call(noop));
    client.fail(new MachineStopped());
    for (const settled of await Promise.allSettled(calls)) {
      expect(settled).toMatchObject({ status: "rejected", reason: expect.any(MachineStopped) });
    }
    await expect(client.call(noop)).rejects.toBeInstanceOf(MachineStopped);
    expect(held.at(-1)).toBe("close");
  });

  test("slot fields that lie outside the memory are refused when the client opens", () => {
    const kernel = new FakeKernel();
    kernel.slot.arenaBytes = 2 ** 31;
    expect(() => new SharedTransport(kernel.mem, kernel.slotAddress)).toThrow(RangeError);
  });
});
