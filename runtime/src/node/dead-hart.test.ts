/** Workers of harts that end: a process dies, or the machine, and nothing else. */
import { Fixed, type HartSlot, HartState, MachineFailed, MachineHeader, Mem, SlotKind } from "@foreshore/abi";
import { afterEach, expect, test } from "vitest";
import { hartSlot } from "../common/hart-slot.ts";
import { MachineHost } from "../common/machine-host.ts";
import type { RuntimeOptions } from "../common/options.ts";
import type { HostWorker, Platform } from "../common/platform.ts";
import { Runtime } from "../index.ts";
import { cat, hello, spin } from "../testing/guests.ts";
import { nodePlatform } from "./platform.ts";

const machines: Runtime[] = [];
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.stop()));
});

interface Watched {
  readonly machine: Runtime;
  /** Workers in the order of their starts. */
  readonly workers: { readonly name: string; readonly host: HostWorker }[];
  readonly logs: string[];
  readonly failures: Error[];
  readonly header: MachineHeader;
  hart(index: number): HartSlot;
}

/** A machine whose workers the test can end; `gone` false: nobody vouches that they are gone, as in a browser. */
async function start(options: RuntimeOptions, gone = true): Promise<Watched> {
  const workers: Watched["workers"] = [];
  const logs: string[] = [];
  const failures: Error[] = [];
  const platform: Platform = {
    ...nodePlatform,
    startWorker: (url, name, events) => {
      const host = nodePlatform.startWorker(url, name, { ...events, ended: (error) => events.ended(error, gone) });
      workers.push({ name: name.replace("foreshore ", ""), host });
      return host;
    },
  };
  const host = await MachineHost.start(platform, {
    memory: 128,
    log: (_level, text) => logs.push(text),
    ...options,
  });
  const machine = new Runtime(host);
  void machine.ended.then((error) => error !== undefined && failures.push(error));
  machines.push(machine);
  const header = new MachineHeader(new Mem(machine.memory!), Fixed.HeaderAddress);
  const hart = (index: number): HartSlot => hartSlot(header.$mem, index);
  return { machine, workers, logs, failures, header, hart };
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await soon();
}

const inGuest = (slot: HartSlot): boolean => (slot.state & (2 ** Fixed.HartStateShift - 1)) === HartState.InGuest;

/** The hart that runs guest code again and again, seen while its worker runs. */
async function spinning(watched: Watched, harts: number): Promise<number> {
  for (;;) {
    for (let i = 0; i < harts; i++) {
      if (watched.workers.some((worker) => worker.name === `hart ${i}`) && inGuest(watched.hart(i))) return i;
    }
    await soon();
  }
}

const last = (watched: Watched, name: string): HostWorker =>
  watched.workers.filter((worker) => worker.name === name).at(-1)!.host;

/** Nobody: neither a hart nor the kernel worker. */
const TEST_HOLDS_LOCK = 1 << 20;

/** Ends a hart's worker while the test holds the machine lock, so that the worker surely does not. */
async function terminate(watched: Watched, hart: number): Promise<void> {
  const { header } = watched;
  const lock = header.lockIndex();
  await until(() => Atomics.compareExchange(header.$mem.u32, lock, 0, TEST_HOLDS_LOCK) === 0);
  await last(watched, `hart ${hart}`).terminate();
  Atomics.store(header.$mem.u32, lock, 0);
  Atomics.notify(header.$mem.i32, lock);
}

test("a worker that ends in guest code takes its process with it, and is replaced", async () => {
  const watched = await start({ harts: 2 });
  const { machine } = watched;
  const other = await machine.spawn(cat());
  const victim = await machine.spawn(spin());
  for (let round = 0; round < 3; round++) {
    const process = round === 0 ? victim : await machine.spawn(spin());
    const hart = await spinning(watched, 2);
    const before = watched.workers.length;
    await terminate(watched, hart);
    expect(await process.exit).toMatchObject({ code: null, signal: "SIGKILL" });
    await until(() => watched.workers.length === before + 1);
    await until(() => watched.hart(hart).state !== HartState.Dead);
  }
  // The other process never noticed, and programs run on both harts, the replaced ones too.
  const writer = other.stdin!.getWriter();
  await writer.write(new TextEncoder().encode("still here"));
  await writer.close();
  const { stdout, code } = await other.output();
  expect([new TextDecoder().decode(stdout), code]).toEqual(["still here", 0]);
  const runs = await Promise.all(
    Array.from({ length: 6 }, () => machine.spawn(hello("again")).then((p) => p.output())),
  );
  expect(runs.map((run) => [new TextDecoder().decode(run.stdout), run.code])).toEqual(
    Array.from({ length: 6 }, () => ["again", 0]),
  );
  expect(watched.failures).toEqual([]);
  expect(watched.logs.filter((text) => text.includes("is killed"))).toHaveLength(3);
  // All memory of the dead came back: nothing but the idle machine is left, and its process 1.
  expect((await machine.processes()).map(({ pid }) => pid)).toEqual([1]);
}, 60_000);

test("the only hart is replaced too", async () => {
  const watched = await start({ harts: 1 });
  const process = await watched.machine.spawn(spin());
  await spinning(watched, 1);
  await terminate(watched, 0);
  expect((await process.exit).signal).toBe("SIGKILL");
  expect((await (await watched.machine.spawn(hello("x", 7))).output()).code).toBe(7);
}, 60_000);

test("a worker that ends while it holds the machine lock ends the machine, with a type", async () => {
  const watched = await start({ harts: 2 });
  const { machine, header } = watched;
  const process = await machine.spawn(spin());
  const hart = await spinning(watched, 2);
  // The fault is injected where it cannot be provoked: the hart's name in the lock word, then its end.
  const lock = header.lockIndex();
  await until(() => Atomics.compareExchange(header.$mem.u32, lock, 0, hart + 1) === 0);
  const request = machine.noop();
  const failed = [process.exit, request].map((work) => work.catch((error: unknown) => error));
  await last(watched, `hart ${hart}`).terminate();
  for (const error of await Promise.all(failed)) {
    expect(error).toBeInstanceOf(MachineFailed);
    expect(String(error)).toMatch(/hart \d worker ended; it held the machine lock/);
  }
  await expect(machine.spawn(hello())).rejects.toBeInstanceOf(MachineFailed);
  expect(watched.failures).toHaveLength(1);
}, 60_000);

test("a hart whose worker may still run stays dead, and what it could write to is never used again", async () => {
  // One slice that never ends: between two the worker is in no guest, and there is nothing to keep out of use.
  const watched = await start({ harts: 2, budgetInsns: 2 ** 31 - 1 }, false);
  const { machine } = watched;
  const process = await machine.spawn(spin());
  const hart = await spinning(watched, 2);
  const before = watched.workers.length;
  await terminate(watched, hart);
  expect((await process.exit).signal).toBe("SIGKILL");
  expect((await (await machine.spawn(hello("x", 5))).output()).code).toBe(5);
  expect(watched.workers.length).toBe(before);
  expect(watched.hart(hart).state).toBe(HartState.Dead);
  // One address space is kept for ever.
  expect(watched.header.tables(SlotKind.AddressSpace).inUse).toBe(1);
  const next = await machine.spawn(spin());
  await spinning(watched, 2);
  await terminate(watched, 1 - hart);
  await expect(next.exit).rejects.toThrow(/no hart is left/);
}, 60_000);
