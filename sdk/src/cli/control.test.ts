/** `--control`: a machine of one command, used by others over a unix socket. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ControlHello, ControlStatus, encodeHello } from "@foreshore/abi";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { connectMachine, connectSocket, socketDuplex } from "../node/socket.ts";
import { parseCommand } from "./arguments.ts";

// A machine of few processors that is busy otherwise takes seconds to start one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ROOT = path.resolve(import.meta.dirname, "../../..");
const COMMAND = path.join(ROOT, "bin/foreshore");

let folder = "";
let root = "";
let socket = "";
const running: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "foreshore-control-"));
  root = path.join(folder, "root");
  socket = path.join(folder, "s");
  mkdirSync(root);
  const source = path.join(import.meta.dirname, "testdata/guest.c");
  execFileSync("riscv64-linux-gnu-gcc", ["-w", "-O1", "-static", "-o", path.join(root, "guest"), source]);
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  }
  rmSync(socket, { force: true });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

function start(args: readonly string[]): { child: ChildProcess; out: Buffer[]; result: Promise<Result> } {
  const child = spawn(COMMAND, args, { cwd: folder, stdio: "pipe" });
  running.push(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.on("error", () => {});
  const result = once(child, "close").then(([code]) => ({
    code: code as number | null,
    stdout: Buffer.concat(out),
    stderr: Buffer.concat(err).toString(),
  }));
  return { child, out, result };
}

async function foreshore(args: readonly string[], stdin?: Buffer): Promise<Result> {
  const { child, result } = start(args);
  child.stdin!.end(stdin);
  return await result;
}

/** A machine that waits for its standard input to end. */
async function machine(): Promise<ReturnType<typeof start>> {
  const started = start(["run", "--control", socket, "--harts", "2", "--root", root, "/guest", "cat"]);
  await expect.poll(() => existsSync(socket), { timeout: 20_000 }).toBe(true);
  await expect.poll(async () => (await foreshore(["ps", "--control", socket])).code, { timeout: 20_000 }).toBe(0);
  await expect
    .poll(async () => (await foreshore(["ps", "--control", socket])).stdout.toString(), { timeout: 20_000 })
    .toContain("guest");
  return started;
}

const sha = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const controlled = (command: string, ...args: string[]) => [command, "--control", socket, ...args];

describe("a machine with --control", () => {
  it("is listed, shown, signalled and given programs, and takes its socket away at the end", async () => {
    const host = await machine();
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    const table = (await foreshore(controlled("ps"))).stdout.toString().trimEnd().split("\n");
    expect(table[0]).toMatch(/^ *PID +PPID +STAT +THR +RSS +TIME +COMMAND$/);
    expect(table[1]).toMatch(/^ *1 +0 +S +1 +0 +00:00:00 init$/);
    expect(table[2]).toMatch(/^ *\d+ +1 +S +1 +\d+ +00:00:0\d guest$/);
    const [, row] = JSON.parse((await foreshore(controlled("ps", "--json"))).stdout.toString());
    expect(row).toMatchObject({ ppid: 1, state: "running", threads: 1, command: "guest" });
    const screen = (await foreshore(controlled("top"))).stdout.toString();
    expect(screen).toMatch(/^2 processes, 0 runnable, 0 zombies; \d of 2 harts busy\n/);
    expect(screen).not.toContain("\u001b");

    const gone = await foreshore(controlled("kill", "-KILL", "999"));
    expect([gone.code, gone.stderr]).toEqual([1, "foreshore: there is no process 999\n"]);
    const killed = await foreshore(controlled("kill", "-TERM", String(row.pid)));
    expect([killed.code, killed.stderr]).toEqual([0, ""]);
    expect((await host.result).code).toBe(143);
    expect(existsSync(socket)).toBe(false);
  });

  it("runs programs of others: their streams, byte for byte, and their exit codes", async () => {
    await machine();
    const [one, two] = [randomBytes(4 << 20), randomBytes(1 << 20)];
    const exec = (...args: string[]) => controlled("exec", "--", "/guest", ...args);
    const [first, second] = await Promise.all([foreshore(exec("cat"), one), foreshore(exec("cat"), two)]);
    expect([first.code, first.stderr, sha(first.stdout)]).toEqual([0, "", sha(one)]);
    expect([second.code, second.stderr, sha(second.stdout)]).toEqual([0, "", sha(two)]);
    expect((await foreshore(exec("exit", "7"))).code).toBe(7);
    expect((await foreshore(exec("segv"))).code).toBe(139);
    const missing = await foreshore(controlled("exec", "nosuch"));
    expect([missing.code, missing.stderr]).toEqual([127, "foreshore: nosuch: not found in the machine\n"]);
    const late = await foreshore(controlled("exec", "--timeout", "0.5", "/guest", "loop"));
    expect([late.code, late.stdout.toString()]).toEqual([124, "ready\n"]);
    const both = await foreshore(exec("both"));
    expect([both.stdout.length > 0, both.stderr.length > 0]).toEqual([true, true]);
  });

  it("forwards Ctrl-C, and hangs up on a program whose command is killed", async () => {
    await machine();
    const caught = start(controlled("exec", "/guest", "catch"));
    await expect.poll(() => Buffer.concat(caught.out).toString(), { timeout: 20_000 }).toContain("ready");
    caught.child.kill("SIGINT");
    const { code, stdout } = await caught.result;
    expect([code, stdout.toString()]).toEqual([expect.any(Number), expect.stringMatching(/^ready\n.*2/s)]);

    const looping = start(controlled("exec", "/guest", "loop"));
    await expect.poll(() => Buffer.concat(looping.out).toString(), { timeout: 20_000 }).toContain("ready");
    const count = async () => JSON.parse((await foreshore(controlled("ps", "--json"))).stdout.toString()).length;
    expect(await count()).toBe(3);
    looping.child.kill("SIGKILL");
    await expect.poll(count, { timeout: 20_000 }).toBe(2);
  });

  it("refuses what does not speak its version, and goes on", async () => {
    await machine();
    const duplex = socketDuplex(await connectSocket(socket));
    const skewed = encodeHello({ status: ControlStatus.Ok, arenaBytes: 0 });
    new DataView(skewed.buffer).setUint16(ControlHello.OFFSET.abiMajor, 77, true);
    await duplex.write(skewed);
    const answer = await duplex.read();
    expect(new DataView(answer!.buffer, answer!.byteOffset).getUint32(ControlHello.OFFSET.status, true)).toBe(
      ControlStatus.Version,
    );
    expect(await duplex.read()).toBeUndefined();
    expect((await foreshore(controlled("ps"))).code).toBe(0);
  });

  it("replaces a socket that nobody listens on, and no other", async () => {
    const first = await machine();
    const busy = await foreshore(["run", "--control", socket, "--root", root, "/guest", "exit", "3"]);
    expect([busy.code, busy.stderr]).toEqual([125, `foreshore: ${socket}: another machine listens there\n`]);
    first.child.kill("SIGKILL");
    await first.result;
    expect(existsSync(socket)).toBe(true);
    const dead = await foreshore(controlled("ps"));
    expect([dead.code, dead.stderr]).toEqual([125, `foreshore: ${socket}: nobody listens there any more\n`]);
    const again = await foreshore(["run", "--control", socket, "--root", root, "/guest", "exit", "3"]);
    expect([again.code, again.stderr]).toEqual([3, ""]);
    writeFileSync(socket, "a file");
    const file = await foreshore(["run", "--control", socket, "--root", root, "/guest", "exit", "3"]);
    expect([file.code, file.stderr]).toEqual([125, `foreshore: ${socket}: exists and is not a socket\n`]);
    const missing = path.join(folder, "no", "s");
    const nowhere = await foreshore(["run", "--control", missing, "--root", root, "/guest", "exit", "3"]);
    expect([nowhere.code, nowhere.stderr]).toEqual([125, `foreshore: ${missing}: its folder does not exist\n`]);
    const long = path.join(folder, "x".repeat(200));
    expect((await foreshore(["run", "--control", long, "--root", root, "/guest"])).code).toBe(125);
  });
});

describe("a socket that is no machine's", () => {
  it("is told in one sentence", async () => {
    const none = await foreshore(controlled("ps"));
    expect([none.code, none.stderr]).toEqual([125, `foreshore: ${socket}: there is no such socket\n`]);
    const server = createServer((peer) =>
      peer.end("220 mail.example ESMTP ready, and so on, for quite some more bytes\r\n"),
    );
    server.listen(socket);
    await once(server, "listening");
    await expect(connectMachine(socket)).rejects.toThrow(/does not speak Foreshore's control channel/);
    const other = createServer((peer) => {
      const hello = encodeHello({ status: ControlStatus.Ok, arenaBytes: 4096 });
      new DataView(hello.buffer).setUint16(ControlHello.OFFSET.abiMinor, 9, true);
      new DataView(hello.buffer).setUint32(ControlHello.OFFSET.layoutHashHi, 0xabcd1234, true);
      peer.end(hello);
    });
    server.close();
    other.listen(`${socket}2`);
    await once(other, "listening");
    const skewed = await foreshore(["kill", "--control", `${socket}2`, "1"]);
    other.close();
    expect([skewed.code, skewed.stderr]).toEqual([
      125,
      expect.stringMatching(/^foreshore: these packages speak ABI 0\.\d+ .* the machine 0\.9 \(layout abcd1234.*\n$/),
    ]);
  });
});

describe("the arguments", () => {
  it.each([
    [["ps"], /needs --control/],
    [["exec", "--control", "s"], /PROGRAM is missing/],
    [["exec", "--control", "s", "--root", "x", "ls"], /unknown option --root/],
    [["kill", "--control", "s"], /PID is missing/],
    [["kill", "--control", "s", "-NOSUCH", "1"], /-NOSUCH: must be a signal's name/],
    [["kill", "--control", "s", "x1"], /x1: must be a process id/],
    [["kill", "--control", "s", "0"], /0: must be a process id/],
    [["top", "--control"], /.+/],
  ])("%j is refused", (argv, why) => {
    expect(() => parseCommand(argv)).toThrow(why);
  });

  it("of kill are those of kill(1)", () => {
    const kill = (...argv: string[]) => parseCommand(["kill", ...argv]);
    expect(kill("--control", "s", "7")).toMatchObject({ signal: 15, pids: [7] });
    expect(kill("--control=s", "-9", "7", "8")).toMatchObject({ signal: 9, pids: [7, 8] });
    expect(kill("-HUP", "--control", "s", "--", "-7")).toMatchObject({ signal: 1, pids: [-7] });
    expect(kill("--control", "s", "-s", "SIGUSR1", "7")).toMatchObject({ signal: 10, pids: [7] });
    expect(kill("--control", "s", "-9", "-7")).toMatchObject({ signal: 9, pids: [-7] });
  });
});
