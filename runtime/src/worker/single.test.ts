/** The transport by frames against the worker's endpoint, over a real MessageChannel. */
import {
  ControlFrame,
  Errno,
  encodeKernelWorkerOutbound,
  FrameEndpoint,
  FrameTransport,
  MachineStopped,
  Mem,
  Opcode,
  RpcClient,
  type RpcFromKernel,
  RpcProtocolError,
  type RpcToKernel,
  SharedTransport,
  SystemError,
} from "@foreshore/abi";
import { FakeKernel, replyEntry } from "@foreshore/abi/testing";
import { afterEach, describe, expect, test } from "vitest";
import { BlobSources, bytesSource } from "../common/blobs.ts";
import { FileSystem } from "../common/fs.ts";

const cleanup: (() => void)[] = [];

afterEach(() => {
  for (const undo of cleanup.splice(0)) undo();
});

function setup() {
  const kernel = new FakeKernel();
  const channel = new MessageChannel();
  const rings = new SharedTransport(kernel.mem, kernel.slotAddress);
  const endpoint = new FrameEndpoint(rings, {
    frame: (frame) => channel.port2.postMessage({ type: "rpc", frame }, [frame.buffer]),
    failed: (error) => failures.push(error),
  });
  channel.port2.onmessage = (event: MessageEvent<RpcToKernel>) => {
    if (event.data.type === "rpc") {
      endpoint.request(event.data.frame.subarray(ControlFrame.SIZE));
      endpoint.flush();
    } else kernel.mem.u8.set(event.data.bytes, event.data.address);
  };
  const transport = new FrameTransport(rings.arenaBytes, {
    frame: (frame) => channel.port1.postMessage({ type: "rpc", frame }, [frame.buffer]),
    blob: (address, bytes) => channel.port1.postMessage({ type: "blob", address, bytes }, [bytes.buffer]),
  });
  channel.port1.onmessage = (event: MessageEvent<RpcFromKernel>) => {
    if (event.data.type === "rpc") transport.receive(event.data.frame.subarray(ControlFrame.SIZE));
  };
  const failures: Error[] = [];
  const lines: string[] = [];
  let blobs: BlobSources | undefined;
  const client: RpcClient = new RpcClient(transport, {
    onFailure: (error) => failures.push(error),
    onEvent: (event) => {
      if (event.opcode === Opcode.BlobRequest) void blobs?.serve(event);
    },
  });
  blobs = new BlobSources(client, (_level, text) => lines.push(text));
  const serve = (answer: Parameters<FakeKernel["serve"]>[0]): void => {
    const server = kernel.serve(answer);
    cleanup.push(() => server.stop());
  };
  cleanup.push(() => {
    client.fail(new MachineStopped());
    rings.close();
    channel.port1.close();
  });
  return { kernel, endpoint, transport, client, failures, lines, blobs, serve, port: channel.port2 };
}

describe("the transport by messages", () => {
  test("carries a request's spans to the kernel and the reply's bytes back", async () => {
    const { kernel, client, blobs, serve } = setup();
    const fs = new FileSystem(client, blobs);
    const stored = new Map<string, Uint8Array>();
    const text = (offset: number, length: number): string =>
      new TextDecoder().decode(kernel.arena(offset, length).slice());
    serve((request) => {
      if (request.opcode === Opcode.WriteFile) {
        stored.set(
          text(request.path.offset, request.path.length),
          kernel.arena(request.data.offset, request.data.length).slice(),
        );
        return { result: request.data.length };
      }
      if (request.opcode !== Opcode.ReadFile) return { result: -Errno.ENOSYS };
      const file = stored.get(text(request.path.offset, request.path.length));
      if (file === undefined) return { result: -Errno.ENOENT };
      const part = file.subarray(request.position, request.position + request.reply.length);
      kernel.arena(request.reply.offset, part.length).set(part);
      return { result: part.length, value: file.length };
    });
    await Promise.all([fs.writeFile("/a", "first"), fs.writeFile("/b", "second, longer"), fs.writeFile("/c", "")]);
    const read = await Promise.all(["/a", "/b", "/c"].map((path) => fs.readFile(path, { encoding: "utf8" })));
    expect(read).toEqual(["first", "second, longer", ""]);
    await expect(fs.readFile("/d")).rejects.toBeInstanceOf(SystemError);
    expect(client.arenaUsed).toBe(0);
  });

  test("keeps hundreds of calls apart", async () => {
    const { client, serve } = setup();
    serve((request) => ({ result: request.requestId % 1000 }));
    const ids: number[] = [];
    const calls = Array.from({ length: 600 }, (_, i) =>
      client.call({
        syscall: "noop",
        bytes: 0,
        encode: () => ({ opcode: Opcode.Noop, flags: 0, requestId: 0 }),
        decode: (result) => ids.push(result) && i,
      }),
    );
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 600 }, (_, i) => i));
    expect(ids).toHaveLength(600);
  });

  test("brings a blob's bytes to the kernel before it is told that they are there", async () => {
    const { kernel, blobs, serve } = setup();
    const id = blobs.add(bytesSource(Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff)));
    const address = kernel.completionAddress(0) - 2048;
    const filled = new Promise<{ token: number; result: number; bytes: number; seen: number[] }>((resolve) => {
      serve((request) => {
        if (request.opcode !== Opcode.BlobFilled) return {};
        resolve({
          token: request.token,
          result: request.result,
          bytes: request.bytes,
          seen: [...kernel.mem.u8.slice(address, address + 4)],
        });
        return {};
      });
    });
    kernel.push({
      opcode: Opcode.BlobRequest,
      flags: 0,
      requestId: 0,
      source: id,
      token: 42,
      position: 4998,
      address,
      length: 4,
    });
    // The source ends after two bytes: the kernel is told how many there are.
    expect(await filled).toEqual({ token: 42, result: 0, bytes: 2, seen: [4998 & 0xff, 4999 & 0xff, 0, 0] });
  });

  test("a source that fails gives EIO and one line", async () => {
    const { kernel, blobs, serve, lines } = setup();
    const id = blobs.add({
      name: "the broken source",
      read: () => Promise.reject(new Error("disk on fire")),
    });
    const results: number[] = [];
    const filled = new Promise<void>((resolve) => {
      serve((request) => {
        if (request.opcode === Opcode.BlobFilled && results.push(request.result) === 2) resolve();
        return {};
      });
    });
    for (const source of [id, id + 100]) {
      kernel.push({
        opcode: Opcode.BlobRequest,
        flags: 0,
        requestId: 0,
        source,
        token: source,
        position: 0,
        address: 4096,
        length: 4,
      });
    }
    await filled;
    expect(results).toEqual([Errno.EIO, Errno.EIO]);
    expect(lines).toHaveLength(2);
    const line = lines.find((text) => text.includes("the broken source"));
    expect(line).toContain("disk on fire");
    expect(line).toContain("EIO");
  });

  test("a message that no worker sends fails the client", async () => {
    const { client, failures, port } = setup();
    const call = client.call({
      syscall: "noop",
      bytes: 0,
      encode: () => ({ opcode: Opcode.Noop, flags: 0, requestId: 0 }),
      decode: () => undefined,
    });
    port.postMessage({ type: "rpc", frame: new Uint8Array(ControlFrame.SIZE + 63) });
    await expect(call).rejects.toBeInstanceOf(RpcProtocolError);
    expect(failures).toHaveLength(1);
  });

  test("a reply that is larger than its place fails the client", async () => {
    const { kernel, client, port } = setup();
    const call = client.call({
      syscall: "read",
      bytes: 16,
      encode: (at) => ({
        opcode: Opcode.StreamRead,
        flags: 0,
        requestId: 0,
        ofd: { index: 1, generation: 1 },
        reply: { offset: at, length: 16 },
      }),
      decode: () => undefined,
    });
    await expect.poll(() => kernel.waiting).toBe(1);
    const frame = new Mem(new ArrayBuffer(ControlFrame.SIZE + 64 + 32));
    encodeKernelWorkerOutbound(frame, ControlFrame.SIZE, replyEntry(kernel.take()!.requestId, { result: 32 }));
    port.postMessage({ type: "rpc", frame: frame.u8 });
    await expect(call).rejects.toBeInstanceOf(RpcProtocolError);
  });
});
