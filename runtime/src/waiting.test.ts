/** Programs that say nothing while they are read and waited for: they take nothing from what can be answered. */
import {
  connect,
  type Duplex,
  killProcess,
  portDuplex,
  processes,
  type RpcClient,
  type Session,
  spawn,
  streamRead,
  streamWrite,
  waitProcess,
} from "@foreshore/abi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Process, RemoteMachine, Runtime } from "./index.ts";
import { cat } from "./testing/guests.ts";

/** More than rings have entries, and than an arena has pieces for reads. */
const MANY = 320;
const CAT = "/bin/cat";
const SIGKILL = 9;

let machine: Runtime;

/** Whatever is asked of a machine by its Runtime's own client. */
async function answers(all: readonly Process[]): Promise<void> {
  await machine.noop();
  expect((await machine.processes()).filter(({ pid }) => pid > 1).length).toBe(all.length);
  expect((await machine.diagnostics()).counters.rpcRequests).toBeGreaterThan(all.length);
  expect((await machine.fs.readFile(CAT)).length).toBeGreaterThan(100);
  const one = await machine.spawn(CAT, [], { stdin: "one more" });
  expect(new TextDecoder().decode((await one.output()).stdout)).toBe("one more");
}

describe.each(["shared", "message"] as const)("a machine by %s", (transport) => {
  beforeEach(async () => {
    machine = await Runtime.create({ transport, harts: 2, memory: 256, log: () => undefined });
    await machine.fs.mkdir("/bin", { recursive: true });
    await machine.fs.writeFile(CAT, cat(), { mode: 0o755 });
  });
  afterEach(() => machine.stop());

  test(`${MANY} programs whose ends are waited for leave room for all else`, async () => {
    const all: Process[] = [];
    for (let i = 0; i < MANY; i++) all.push(await machine.spawn(CAT, [], { stdout: "null", stderr: "null" }));
    await answers(all);
    await Promise.all(all.map((each) => each.kill(SIGKILL)));
    const ends = await Promise.all(all.map(({ exit }) => exit));
    expect(ends.every(({ signal }) => signal === "SIGKILL")).toBe(true);
    expect((await machine.processes()).filter(({ pid }) => pid > 1)).toEqual([]);
  });

  test(`${MANY} silent programs whose output is read leave room for all else, and each is heard when it speaks`, async () => {
    const all: Process[] = [];
    const outputs: Promise<{ stdout: Uint8Array }>[] = [];
    for (let i = 0; i < MANY; i++) {
      const process = await machine.spawn(CAT);
      all.push(process);
      outputs.push(process.output());
    }
    await answers(all);
    const said = all.map(async ({ stdin }, i) => {
      const writer = stdin!.getWriter();
      await writer.write(new TextEncoder().encode(`program ${i}`));
      await writer.close();
    });
    await Promise.all(said);
    const texts = (await Promise.all(outputs)).map(({ stdout }) => new TextDecoder().decode(stdout));
    expect(texts).toEqual(all.map((_, i) => `program ${i}`));
    expect((await machine.processes()).filter(({ pid }) => pid > 1)).toEqual([]);
  });

  test("writers that wait for their readers hold no room either, and lose nothing", async () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7) >>> 3);
    const all: Process[] = [];
    for (let i = 0; i < 40; i++) all.push(await machine.spawn(CAT));
    const fed = all.map(async ({ stdin }) => {
      const writer = stdin!.getWriter();
      await writer.write(bytes);
      await writer.close();
    });
    await answers(all);
    const outputs = await Promise.all(all.map((each) => each.output()));
    await Promise.all(fed);
    for (const { stdout } of outputs) {
      expect(stdout.length).toBe(bytes.length);
      expect(stdout.findIndex((byte, i) => byte !== bytes[i])).toBe(-1);
    }
  });
});

describe("clients beside the Runtime", () => {
  beforeEach(async () => {
    machine = await Runtime.create({ harts: 2, memory: 256, log: () => undefined });
    await machine.fs.mkdir("/bin", { recursive: true });
    await machine.fs.writeFile(CAT, cat(), { mode: 0o755 });
  });
  afterEach(() => machine.stop());

  function otherEnd(): Duplex {
    const { port1, port2 } = new MessageChannel();
    machine.serveControl(portDuplex(port2));
    return portDuplex(port1);
  }

  const clients: [string, () => Promise<{ client: RpcClient; close: Session["close"] }>][] = [
    [
      "an attachment",
      async () => {
        const session = await connect(await machine.attachment());
        return { client: session.client, close: () => session.close() };
      },
    ],
    [
      "a control connection",
      async () => {
        const remote = await RemoteMachine.connect(otherEnd());
        return { client: remote.rpc, close: () => remote.close() };
      },
    ],
  ];

  test.each(clients)("%s reads and awaits many silent programs, and is answered", async (_what, open) => {
    const { client, close } = await open();
    const all = [];
    for (let i = 0; i < MANY; i++) {
      const child = await spawn(client, CAT);
      const [stdin, stdout, stderr] = child.streams;
      const heard = Promise.all([streamRead(client, stdout), streamRead(client, stderr)]);
      all.push({ child, stdin, heard, exit: waitProcess(client, child.process) });
    }
    expect((await processes(client)).filter(({ pid }) => pid > 1).length).toBe(MANY);
    expect((await client.request.diagnostics()).payload.rpcRequests).toBeGreaterThan(MANY);
    for (const { stdin } of all) await streamWrite(client, stdin, Uint8Array.of(42));
    for (const { child } of all) await killProcess(client, child, SIGKILL);
    expect((await Promise.all(all.map(({ exit }) => exit))).every(({ signalNumber }) => signalNumber === SIGKILL)).toBe(
      true,
    );
    for (const [stdout, stderr] of await Promise.all(all.map(({ heard }) => heard))) {
      // A program that was killed before it ran again has said nothing.
      expect([0, 1]).toContain(stdout.length);
      expect(stderr.length).toBe(0);
    }
    await close();
  });
});
