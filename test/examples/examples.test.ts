/** examples/top and examples/remote-shell: the same by a control socket and by an attachment. */
import { execFile, spawn as spawnHost } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import {
  type Attachment,
  attach,
  ClientSlot,
  clientAddress,
  connect,
  Mem,
  type Session,
  streamDuplex,
} from "@foreshore/abi";
import { type Process, Runtime } from "@foreshore/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { socketSession } from "../../examples/node/session.ts";
import { RemoteShell } from "../../examples/remote-shell/shell.ts";
import { Top, type TopView, textLines } from "../../examples/top/table.ts";
import { cat, hello, spin, windowSizes } from "../../runtime/src/testing/guests.ts";

const run = promisify(execFile);
const TOP = join(import.meta.dirname, "../../examples/top/node/main.ts");
const SHELL = join(import.meta.dirname, "../../examples/remote-shell/node/main.ts");

let machine: Runtime;
let server: Server;
let folder: string;
let socket: string;
let busy: Process;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "examples-"));
  socket = join(folder, "machine.sock");
  machine = await Runtime.create({ harts: 2, memory: 128 });
  server = createServer((connection) => {
    const { readable, writable } = Duplex.toWeb(connection);
    machine.serveControl(streamDuplex(readable as unknown as ReadableStream<Uint8Array>, writable));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  await machine.fs.mkdir("/bin", { recursive: true });
  await machine.fs.writeFile("/bin/cat", cat(), { mode: 0o755 });
  await machine.fs.writeFile("/bin/hello", hello("hello from afar\n", 42), { mode: 0o755 });
  await machine.fs.writeFile("/bin/spin", spin(), { mode: 0o755 });
  await machine.fs.writeFile("/bin/sizes", windowSizes(), { mode: 0o755 });
  busy = await machine.spawn("/bin/spin", [], { stdin: "null" });
});
afterAll(async () => {
  server?.close();
  await machine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function attached(): Promise<Attachment> {
  return { ...(await machine.attachment()) };
}

/** Runs an example as a worker thread that has an attachment. */
async function worker(
  file: string,
  argv: string[],
  input?: string,
): Promise<{ stdout: string; stderr: string; code: number }> {
  const workerData = { attachment: await attached() };
  const thread = new Worker(file, { argv, workerData, stdout: true, stderr: true, stdin: input !== undefined });
  thread.stdin?.end(input);
  const code = new Promise<number>((resolve, reject) => thread.on("exit", resolve).on("error", reject));
  const [stdout, stderr] = await Promise.all([text(thread.stdout), text(thread.stderr)]);
  return { stdout, stderr, code: await code };
}

const WAYS: readonly (readonly [string, () => Promise<Session>])[] = [
  ["by its control socket", () => socketSession(socket)],
  ["by an attachment", async () => await connect(await attached())],
];

describe("top", () => {
  test("shows the same over both ways", async () => {
    const views = [];
    for (const [, open] of WAYS) {
      const session = await open();
      const top = new Top(session);
      await top.next();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { columns, rows, header } = await top.next();
      await session.close();
      const row = rows.find((cells) => cells[0] === String(busy.pid)) ?? [];
      // One busy hart is one processor: the share is far from 0 on any host.
      expect(Number(row[3])).toBeGreaterThan(5);
      expect(header).toHaveLength(3);
      const moving = new Set(["%CPU", "TIME+"]);
      views.push(columns.map(({ title }, i) => [title, moving.has(title) ? "" : row[i]]));
    }
    expect(views[0]).toEqual(views[1]);
    expect(Object.fromEntries(views[0] ?? [])).toMatchObject({ PPID: "1", S: "R", THR: "1", FD: "3", COMMAND: "spin" });
  });

  test("looks when something changes, and not where nothing does", async () => {
    const quiet = await Runtime.create({ harts: 1, memory: 64 });
    const attachment = await quiet.attachment();
    const session = await connect({ ...attachment });
    try {
      await quiet.fs.writeFile("/cat", cat(), { mode: 0o755 });
      const { memory } = quiet;
      if (memory === undefined) throw new Error("the machine has no shared memory");
      const slot = new ClientSlot(new Mem(memory), clientAddress(attach(memory).header, attachment.client.index));
      const end = new AbortController();
      let shown: TopView | undefined;
      const looking = (async () => {
        for await (const view of new Top(session).looks(1, end.signal)) shown = view;
      })();
      // Its rows come from shared memory: only a viewer that waits for a change has a request in flight.
      await expect.poll(() => slot.inFlight).toBe(1);
      const { pid } = await quiet.spawn("/cat", [], { stdout: "null", stderr: "null" });
      await expect.poll(() => shown?.rows.map(([first]) => first)).toContain(String(pid));
      await expect.poll(() => slot.inFlight).toBe(1);
      end.abort();
      await looking;
    } finally {
      await session.close();
      await quiet.stop();
    }
  });

  test("fits its lines into the terminal, and lets no program's name command it", () => {
    const view = {
      header: ["one line"],
      columns: [
        { title: "PID", width: 5 },
        { title: "COMMAND", width: 0 },
      ],
      rows: [["7", "evil\x1b[2J\x9b2J"]],
      busy: false,
    };
    expect(textLines(view, 14, 10)).toEqual(["one line", "", "  PID COMMAND", "    7 evil?[2J"]);
    expect(textLines(view, 8, 3)).toEqual(["one line", "", "  PID CO"]);
  });

  test("is a program, and a worker", async () => {
    const command = await run(process.execPath, [TOP, socket, "--once"]);
    const thread = await worker(TOP, ["--once"]);
    for (const output of [command.stdout, thread.stdout]) {
      expect(output).toMatch(/^\d+ processes, [1-9]\d* threads that run/);
      expect(output).toMatch(new RegExp(`^ +${busy.pid} +1 R .* spin$`, "m"));
    }
    expect([command.stderr, thread.stderr, thread.code]).toEqual(["", "", 0]);
    for (const words of [[], ["--help"], [socket, "--twice"]]) {
      const refused = { code: 1, stderr: expect.stringContaining("usage: ") };
      await expect(run(process.execPath, [TOP, ...words])).rejects.toMatchObject(refused);
    }
  });
});

async function* once(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const one of texts) yield new TextEncoder().encode(one);
}

describe.each(WAYS)("remote-shell %s", (_, open) => {
  async function withSession(work: (session: Session) => Promise<void>): Promise<void> {
    const session = await open();
    try {
      await work(session);
    } finally {
      await session.close();
    }
  }

  test("streams what a program reads and writes, and tells its end", () =>
    withSession(async (session) => {
      let output = "";
      const write = (bytes: Uint8Array): void => {
        output += new TextDecoder().decode(bytes);
      };
      const streams = { input: once("a ", "megabyte ", "z".repeat(2 ** 20)), output: write, error: write };
      const shell = await RemoteShell.start(session, "/bin/cat", [], streams);
      expect(await shell.exit).toMatchObject({ code: 0, signal: null });
      expect(output.length).toBe(2 ** 20 + 11);
      await expect(RemoteShell.start(session, "/bin/none", [], streams)).rejects.toMatchObject({ code: "ENOENT" });
    }));

  test("sends signals", () =>
    withSession(async (session) => {
      const quiet = (): void => undefined;
      const shell = await RemoteShell.start(session, "/bin/spin", [], { input: once(), output: quiet, error: quiet });
      await shell.signal(10);
      expect(await shell.exit).toMatchObject({ signal: "SIGUSR1", signalNumber: 10 });
      await shell.signal(15);
    }));

  test("has a terminal that can be resized", () =>
    withSession(async (session) => {
      const output: number[] = [];
      let shell: RemoteShell | undefined;
      // The program writes a struct winsize at first and after each SIGWINCH.
      const sizes = await new Promise<number[]>((resolve, reject) => {
        const seen = (bytes: Uint8Array): void => {
          output.push(...bytes);
          if (output.length === 8) started.then(() => shell?.resize(132, 50)).catch(reject);
          if (output.length === 16) resolve(output);
        };
        const streams = { terminal: { cols: 80, rows: 24 }, input: once(), output: seen, error: seen };
        const started = RemoteShell.start(session, "/bin/sizes", [], streams).then((made) => {
          shell = made;
        });
        started.catch(reject);
      });
      expect([...new Uint16Array(Uint8Array.from(sizes).buffer)]).toEqual([24, 80, 0, 0, 50, 132, 0, 0]);
      await shell?.signal(9);
      expect(await shell?.exit).toMatchObject({ signal: "SIGKILL" });
    }));
});

describe("remote-shell", () => {
  test("is a program that ends as the one in the machine", async () => {
    await expect(run(process.execPath, [SHELL, socket, "/bin/hello"])).rejects.toMatchObject({
      code: 42,
      stdout: "hello from afar\n",
      stderr: "",
    });
    await expect(run(process.execPath, [SHELL, socket, "/bin/none"])).rejects.toMatchObject({ code: 125 });
    const child = spawnHost(process.execPath, [SHELL, socket, "/bin/cat"], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.write("there and back\n");
    const answer = await new Promise<string>((resolve) => child.stdout.once("data", (bytes) => resolve(String(bytes))));
    expect(answer).toBe("there and back\n");
    child.kill("SIGTERM");
    expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(128 + 15);
  });

  test("is a worker", async () => {
    expect(await worker(SHELL, ["/bin/cat"], "from the host")).toEqual({
      stdout: "from the host",
      stderr: "",
      code: 0,
    });
    expect(await worker(SHELL, ["/bin/hello"], "")).toMatchObject({ stdout: "hello from afar\n", code: 42 });
  });
});
