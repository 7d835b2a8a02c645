/**
 * Programs that are looked at from outside: what viewers see of them, which of them goes when there is no memory left, and that
 * one which writes its core file can be killed.
 */
import { readFileSync } from "node:fs";
import { attach, memoryRows, portDuplex } from "@foreshore/abi";
import { bytesSource, RemoteMachine, Runtime } from "@foreshore/runtime";
import { describe, expect, test } from "vitest";
import { guest, missingTool } from "./guests/build.ts";
import { runForeshore } from "./oracle/foreshore.ts";

describe.skipIf(missingTool())("programs seen from outside", () => {
  test("viewers see all of a thousand descriptors, in shared memory and over a control channel", async () => {
    const last = 999; // a table of four slots
    const runtime = await Runtime.create({ harts: 2, memory: 128 });
    try {
      const program = readFileSync(await guest("outside"));
      const { pid, stdin, stdout, exit } = await runtime.spawn(program, ["descriptors", String(last)]);
      await stdout!.getReader().read();
      const want = Array.from({ length: last + 1 }, (_, fd) => ({ pid, fd, closeOnExec: fd > 2 && fd % 3 === 0 }));
      const { port1, port2 } = new MessageChannel();
      runtime.serveControl(portDuplex(port2));
      const remote = await RemoteMachine.connect(portDuplex(port1));
      for (const { rows } of [memoryRows(attach(runtime.memory!), "fd", { pid }), await remote.rows("fd", { pid })]) {
        expect(rows.map(({ ofd: _, ...row }) => row)).toEqual(want);
        expect(new Set(rows.slice(3).map(({ ofd }) => ofd.index))).toEqual(new Set([rows[0]!.ofd.index]));
      }
      await remote.close();
      await stdin!.close();
      expect((await exit).code).toBe(0);
    } finally {
      await runtime.stop();
    }
  });

  test("viewers see sockets of each kind, in shared memory and over a control channel", async () => {
    const runtime = await Runtime.create({ harts: 2, memory: 128 });
    try {
      const { stdin, stdout, exit } = await runtime.spawn(readFileSync(await guest("outside")), ["sockets"]);
      await stdout!.getReader().read();
      const { port1, port2 } = new MessageChannel();
      runtime.serveControl(portDuplex(port2));
      const remote = await RemoteMachine.connect(portDuplex(port1));
      const view = attach(runtime.memory!);
      const { rows } = memoryRows(view, "socket");
      expect((await remote.rows("socket")).rows).toEqual(rows);
      const shown = rows.map(({ family, type, phase, local, bytes, messages, waiting, backlog, inode }) =>
        [
          family,
          type,
          phase,
          local.replace(/:(3|4|5|6)\d{4}$/, ":any"),
          bytes,
          messages,
          waiting,
          backlog,
          inode === 0,
        ].join(" "),
      );
      expect(shown.sort()).toEqual([
        "AF_INET SOCK_DGRAM Idle 127.0.0.1:5353 16 2 0 0 false",
        "AF_INET SOCK_STREAM Connected 127.0.0.1:7000 0 0 0 0 false",
        "AF_INET SOCK_STREAM Connected 127.0.0.1:any 0 0 0 0 false",
        "AF_INET SOCK_STREAM Listening 127.0.0.1:7000 0 0 0 9 false",
        "AF_UNIX SOCK_SEQPACKET Connected  0 0 0 10 false",
        "AF_UNIX SOCK_SEQPACKET Connected  7 1 0 10 false",
        "AF_UNIX SOCK_STREAM Connected  0 0 0 10 false",
        "AF_UNIX SOCK_STREAM Connected listener 5 0 0 10 true",
        "AF_UNIX SOCK_STREAM Listening listener 0 0 1 5 false",
      ]);
      for (const { handle, peer, phase } of rows) {
        const other = rows.find((row) => row.handle.index === peer?.index);
        expect(other?.peer).toEqual(phase === "Connected" ? handle : undefined);
        expect(other?.handle).toEqual(peer);
      }
      const open = memoryRows(view, "ofd").rows.filter(({ kind }) => kind === "Socket");
      expect(open.map(({ path }) => path).sort()).toEqual(
        rows
          .filter(({ inode }) => inode !== 0)
          .map(({ inode }) => `socket:[${inode}]`)
          .sort(),
      );
      await remote.close();
      await stdin!.close();
      expect((await exit).code).toBe(0);
      expect(memoryRows(view, "socket").rows).toEqual([]);
    } finally {
      await runtime.stop();
    }
  });

  test("who writes a core file hears SIGKILL, and leaves nothing open", async () => {
    const runtime = await Runtime.create({ harts: 2, memory: 1024 });
    const open = async (): Promise<number> =>
      (await runtime.diagnostics()).live!.slots.find(({ kind }) => kind === "Ofd")!.inUse;
    try {
      const before = await open();
      const process = await runtime.spawn(readFileSync(await guest("outside")), ["dump", "384"], {
        stdin: "null",
        stderr: "null",
      });
      const output = process.stdout!.getReader();
      await output.read();
      await expect.poll(() => runtime.fs.stat("/core").then(({ size }) => size > 2 ** 20)).toBe(true);
      await process.kill("SIGKILL");
      // A host that stood still for all of the dump finds it done.
      const { status } = await process.exit;
      expect([9, 6 | 0x80]).toContain(status);
      await output.cancel();
      await expect.poll(open).toBe(before);
    } finally {
      await runtime.stop();
    }
  });

  test("a time-out in a page that has yet to come in is kept", async () => {
    const times = new Uint8Array(5 << 20);
    for (let at = 0; at < times.length; at += 1 << 20) new DataView(times.buffer).setInt32(at + 8, 1_000_000, true);
    const runtime = await Runtime.create({ harts: 1, memory: 64 });
    try {
      const source = runtime.addBlobSource(bytesSource(times));
      await runtime.fs.applyFileLayer([{ kind: "lazy", path: "/times", source, size: times.length }]);
      const program = readFileSync(await guest("outside"));
      const process = await runtime.spawn(program, ["waits", "/times"], { stdin: "null", stderr: "null" });
      expect(await new Response(process.stdout!).text()).toBe("5 waits have ended\n");
      expect((await process.exit).code).toBe(0);
    } finally {
      await runtime.stop();
    }
  });

  test.for([1, 4])("a program that waits for a lease is the one that its name meant, %i harts", async (harts) => {
    const run = await runForeshore({ harts, memory: 64 }, await guest("outside"), ["leased"]);
    expect({ code: run.code, stdout: run.stdout.toString() }).toEqual({ code: 0, stdout: "2\n" });
  });

  test.for([1, 4])("a vfork's child goes on when its parent is killed behind a signal, %i harts", async (harts) => {
    const run = await runForeshore({ harts, memory: 64 }, await guest("outside"), ["vforked"]);
    expect({ code: run.code, stdout: run.stdout.toString() }).toEqual({ code: 0, stdout: "parent 9\nchild 500\n" });
  });

  test.for([1, 4])("who offers itself goes when memory is used up, %i harts", { timeout: 120_000 }, async (harts) => {
    const run = await runForeshore({ harts, memory: 64 }, await guest("outside"), ["victim"]);
    expect({ code: run.code, stdout: run.stdout.toString() }).toEqual({ code: 0, stdout: "the other is killed\n" });
    expect(run.log.join("\n")).toContain("out of memory");
  });
});
