/** What is the host's is not the guest's file: null devices, programs that are given as bytes, and what is left of them. */
import { Signal } from "@foreshore/abi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LogLevel, Runtime } from "./index.ts";
import { cat, hello, spin } from "./testing/guests.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe.each(["shared", "message"] as const)("a machine by %s", (transport) => {
  let machine: Runtime;
  const lines: [LogLevel, string][] = [];

  beforeEach(async () => {
    lines.length = 0;
    machine = await Runtime.create({ transport, harts: 2, memory: 128, log: (...line) => lines.push(line) });
    await machine.fs.mkdir("/bin", { recursive: true });
    await machine.fs.writeFile("/bin/cat", cat(), { mode: 0o755 });
    await machine.fs.writeFile("/bin/hello", hello("x\n"), { mode: 0o755 });
  });
  afterEach(() => machine.stop());

  /** All that lies in the tree, but for /proc and /sys. */
  async function tree(folder = ""): Promise<string[]> {
    const names: string[] = [];
    for (const { name, kind } of await machine.fs.readdir(folder === "" ? "/" : folder)) {
      const path = `${folder}/${name}`;
      if (path === "/proc" || path === "/sys") continue;
      names.push(path);
      if (kind === "directory") names.push(...(await tree(path)));
    }
    return names;
  }

  test("null is the machine's null device, whatever lies at /dev/null", async () => {
    const runs = async (): Promise<void> => {
      const process = await machine.spawn("/bin/hello", [], { stdin: "null", stderr: "null" });
      expect(text((await process.output()).stdout)).toBe("x\n");
      // It ends what is read, and takes what is written.
      const silent = await machine.spawn("/bin/cat", [], { stdin: "null", stdout: "null", stderr: "null" });
      expect(await silent.exit).toMatchObject({ code: 0 });
    };
    await runs();
    await machine.fs.unlink("/dev/null");
    await runs();
    await machine.fs.writeFile("/dev/null", "this is no end");
    await runs();
    await machine.fs.unlink("/dev/null");
    await machine.fs.symlink("/dev/null", "/dev/null");
    await runs();
    await machine.fs.unlink("/dev/null");
    await machine.fs.mkdir("/dev/null");
    await runs();
    await machine.fs.applyFileLayer([{ kind: "fifo", path: "/dev/null" }]);
    await runs();
  });

  test("a program given as bytes leaves nothing in the tree, and is shown as what it is", async () => {
    // Where programs once lay.
    await machine.fs.applyFileLayer([{ kind: "symlink", path: "/run/foreshore", target: "/nope" }]);
    const before = await tree();
    expect((await (await machine.spawn(hello("y\n", 5))).output()).code).toBe(5);
    const spinning = await machine.spawn(spin());
    expect(await machine.fs.readlink(`/proc/${spinning.pid}/exe`)).toBe("/memfd:program (deleted)");
    const row = (await machine.processes()).find(({ pid }) => pid === spinning.pid);
    expect(row?.command).toBe("program");
    expect(await tree()).toEqual(before);
    await spinning.kill(Signal.SIGKILL);
    await spinning.exit;
  });

  test("one that the machine has no room for is ENOSPC, and nothing of it is left", async () => {
    // A machine of a single worker does not show it.
    const free = async (): Promise<number | undefined> => (await machine.diagnostics()).live?.freeFrames;
    const tooLarge = new Uint8Array(200 << 20);
    await (await machine.spawn(hello())).output();
    // The first one has the memory grow.
    await expect(machine.spawn(tooLarge)).rejects.toMatchObject({ code: "ENOSPC", syscall: "spawn" });
    const before = [await tree(), await free()];
    await expect(machine.spawn(tooLarge)).rejects.toMatchObject({ code: "ENOSPC" });
    expect([await tree(), await free()]).toEqual(before);
    await expect(machine.spawn(new Uint8Array(100))).rejects.toMatchObject({ code: "ENOEXEC" });
    expect([await tree(), await free()]).toEqual(before);
    expect((await (await machine.spawn(hello("", 6))).output()).code).toBe(6);
    // A file of the tree, too: what fits of it stays, as write(2) leaves it.
    await expect(machine.fs.writeFile("/tmp/large", tooLarge)).rejects.toMatchObject({
      code: "ENOSPC",
    });
    await machine.fs.unlink("/tmp/large");
  });

  test("a large one comes in pieces", async () => {
    // Behind the program's end, where nobody looks: it is larger than the arena.
    const program = new Uint8Array(5 << 20);
    program.set(hello("large\n"));
    expect(text((await (await machine.spawn(program)).output()).stdout)).toBe("large\n");
  });

  test("an abort is heard while a program's bytes have yet to come, and leaves nothing", async () => {
    let asked = (): void => undefined;
    const reading = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const source = machine.addBlobSource({
      name: "silent source",
      read: () => {
        asked();
        return new Promise(() => undefined);
      },
    });
    await machine.fs.applyFileLayer([{ kind: "lazy", path: "/bin/lazy", mode: 0o755, source, size: 100_000 }]);
    const abort = new AbortController();
    const spawned = machine.spawn("/bin/lazy", [], { signal: abort.signal });
    await reading;
    await machine.noop();
    const why = new Error("changed my mind");
    abort.abort(why);
    await expect(spawned).rejects.toBe(why);
    await expect.poll(async () => (await machine.processes()).filter(({ pid }) => pid > 1).length).toBe(0);
  });

  test("an abort at any moment of spawn rejects it, or kills what runs; nothing is left", async () => {
    for (let moment = 0; moment < 60; moment++) {
      const abort = new AbortController();
      const spawned = machine.spawn(moment % 2 === 0 ? "/bin/cat" : cat(), [], { signal: abort.signal });
      for (let turn = 0; turn < moment; turn++) await Promise.resolve();
      if (moment > 20) await machine.noop();
      if (moment > 40) await machine.noop();
      abort.abort(new Error(`moment ${moment}`));
      const process = await spawned.catch((error: Error) => error);
      if (process instanceof Error) expect(process.message).toBe(`moment ${moment}`);
      else expect(await process.exit).toMatchObject({ signal: "SIGKILL" });
    }
    await expect.poll(async () => (await machine.processes()).filter(({ pid }) => pid > 1).length).toBe(0);
  });
});
