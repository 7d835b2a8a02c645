import { PassThrough, Readable, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { pumpIn, pumpOut, StdioError } from "./stdio.ts";

/** A guest's output: chunks on demand; remembers why it was cancelled. */
function output(chunks: Uint8Array[]) {
  const seen = { pulled: 0, cancelled: undefined as unknown };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[seen.pulled++];
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel(reason) {
        seen.cancelled = reason;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
}

describe("pumpOut", () => {
  it("copies bytes as they are", async () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const { stream } = output([all, new Uint8Array(0), all]);
    const to = new PassThrough();
    await pumpOut(stream, to, "standard output");
    to.end();
    expect(Buffer.concat(await to.toArray())).toEqual(Buffer.concat([all, all]));
  });

  it("takes the next chunk only when the host has taken the one before", async () => {
    const { stream, seen } = output(Array.from({ length: 10 }, () => new Uint8Array(10)));
    const waiting: (() => void)[] = [];
    const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void waiting.push(done) });
    const done = pumpOut(stream, slow, "standard output");
    for (let i = 1; i <= 10; i++) {
      while (waiting.length === 0) await new Promise(setImmediate);
      expect(seen.pulled).toBeLessThanOrEqual(i + 1);
      waiting.pop()!();
    }
    await done;
    expect(seen.pulled).toBe(11);
  });

  it("cancels the guest's stream quietly when the reader is gone", async () => {
    const { stream, seen } = output(Array.from({ length: 5 }, () => new Uint8Array(10)));
    const broken = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    const to = new Writable({ write: (_chunk, _encoding, done) => done(broken) });
    await pumpOut(stream, to, "standard output");
    expect(seen.cancelled).toBe(broken);
    const again = output([new Uint8Array(10)]);
    await pumpOut(again.stream, to, "standard output");
    expect(again.seen.cancelled).toMatchObject({ code: "ERR_STREAM_DESTROYED" });
  });

  it("reports other failures", async () => {
    const { stream, seen } = output([new Uint8Array(10)]);
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const to = new Writable({ write: (_chunk, _encoding, done) => done(full) });
    const pump = pumpOut(stream, to, "standard output");
    await expect(pump).rejects.toThrow(StdioError);
    await expect(pump).rejects.toThrow("standard output: ENOSPC: no space left on device, write");
    expect(seen.cancelled).toBe(full);
  });
});

describe("pumpIn", () => {
  function input() {
    const got: Uint8Array[] = [];
    const seen = { closed: false };
    let fail: (error: Error) => void = () => {};
    const stream = new WritableStream<Uint8Array>({
      start(controller) {
        fail = (error) => controller.error(error);
      },
      write: (chunk) => void got.push(chunk),
      close: () => {
        seen.closed = true;
      },
    });
    return { stream, got, seen, fail: (error: Error) => fail(error) };
  }

  it("copies everything, then closes", async () => {
    const { stream, got, seen } = input();
    await pumpIn(Readable.from([Buffer.from([0, 255]), Buffer.from("x")]), stream, new AbortController().signal);
    expect(Buffer.concat(got)).toEqual(Buffer.from([0, 255, 120]));
    expect(seen.closed).toBe(true);
  });

  it("ends when the guest closes its side, also while the host sends nothing", async () => {
    const { stream, fail } = input();
    const host = new PassThrough();
    const done = pumpIn(host, stream, new AbortController().signal);
    fail(new Error("EPIPE"));
    await done;
    expect(host.destroyed).toBe(true);
  });

  it("ends when it is told to", async () => {
    const { stream, seen } = input();
    const host = new PassThrough();
    const stop = new AbortController();
    const done = pumpIn(host, stream, stop.signal);
    stop.abort();
    await done;
    expect(host.destroyed).toBe(true);
    expect(seen.closed).toBe(true);
  });
});
