/** Changes are told to who waits for them, over rings and the control channel; nobody looks while nothing changes. */
import { changes, connect, portDuplex, ROW_KINDS, type RowKind, type Session } from "@foreshore/abi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RemoteMachine, Runtime } from "./index.ts";
import { cat } from "./testing/guests.ts";

const CAT = "/bin/cat";
const SIGKILL = 9;
const SIGCONT = 18;
const SIGSTOP = 19;

let machine: Runtime;

type Viewer = Pick<Session, "client" | "rows" | "close">;

async function attached(): Promise<Viewer> {
  return await connect(await machine.attachment());
}

async function remote(): Promise<Viewer> {
  const { port1, port2 } = new MessageChannel();
  machine.serveControl(portDuplex(port2));
  const far = await RemoteMachine.connect(portDuplex(port1));
  return { client: far.rpc, rows: far.rows, close: () => far.close() };
}

const WAYS = [
  ["an attachment", attached],
  ["a control connection", remote],
] as const;

/** What has come of `told` once all that was asked before has been answered: undefined while it waits. */
async function soFar<T>(told: Promise<T>): Promise<T | undefined> {
  let come: T | undefined;
  void told.then((value) => {
    come = value;
  });
  for (let i = 0; i < 20; i++) await machine.noop();
  return come;
}

/** Random numbers from a seed (xorshift32), in [0, below). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

describe.each([1, 4])("a machine of %i harts", (harts) => {
  beforeEach(async () => {
    machine = await Runtime.create({ harts, memory: 128, log: () => undefined });
    await machine.fs.mkdir("/bin", { recursive: true });
    await machine.fs.writeFile(CAT, cat(), { mode: 0o755 });
  });
  afterEach(() => machine.stop());

  describe.each(WAYS)("by %s", (_, open) => {
    let viewer: Viewer;
    beforeEach(async () => {
      viewer = await open();
    });
    afterEach(() => viewer.close());

    test("tells at once of all, then of what has changed, and of nothing while nothing changes", async () => {
      const kinds = ["process", "ofd"] as const;
      const told = changes(viewer.client, kinds);
      expect((await told.next()).value).toEqual(kinds);
      let next = told.next();
      // What boot left to be done may be told first.
      while ((await soFar(next)) !== undefined) next = told.next();
      await machine.fs.writeFile("/a-file", "a file, and no process");
      expect((await next).value).toEqual(["ofd"]);
      const process = await machine.spawn(CAT, [], { stdout: "null", stderr: "null" });
      const shown = async (): Promise<boolean> => {
        const { rows } = await viewer.rows("process");
        return rows.some(({ pid }) => pid === process.pid);
      };
      while (!(await shown())) await told.next();
      await process.kill(9);
      while (await shown()) await told.next();
      await process.exit;
      await told.return();
    });

    test("a viewer that looks only when it is told misses no change", async () => {
      const seed = 0x5eed + harts;
      const random = randomOf(seed);
      const files = new Map<string, number>();
      let looks = 0;
      let seen: (() => void) | undefined;
      let wanted = (_sizes: ReadonlyMap<string, number>): boolean => true;
      const end = new AbortController();
      const watching = (async () => {
        for await (const _ of changes(viewer.client, ["cache", "process"], { signal: end.signal })) {
          looks++;
          const { rows } = await viewer.rows("cache");
          const sizes = new Map(rows.map(({ path, size }) => [path, size]));
          if (wanted(sizes)) seen?.();
        }
      })();
      const rounds = 60;
      for (let i = 0; i < rounds; i++) {
        const name = `/file-${random(5)}`;
        const size = 1 + random(5000);
        files.set(name, size);
        const shown = new Promise<void>((resolve) => {
          wanted = (sizes) => [...files].every(([path, bytes]) => sizes.get(path) === bytes);
          seen = resolve;
        });
        await machine.fs.writeFile(name, new Uint8Array(size));
        if (random(4) === 0) await machine.noop();
        // A change that is not told shows as a test that does not end: the seed is in its name.
        await shown;
      }
      expect(looks).toBeGreaterThanOrEqual(1);
      end.abort(new Error(`seed ${seed} is through`));
      await expect(watching).rejects.toThrow("is through");
      await viewer.client.request.noop();
    });

    test("several viewers share a client, and one that ends leaves the others where they are", async () => {
      const kinds = ["process", "pipe"] as const;
      const all = [1, 2, 3].map(() => changes(viewer.client, kinds));
      for (const each of all) await each.next();
      let others = all.slice(1).map((each) => each.next());
      for (const [i, each] of all.slice(1).entries())
        while ((await soFar(others[i] as Promise<unknown>)) !== undefined) others = others.with(i, each.next());
      const waiting = all[0]?.next();
      expect(await all[0]?.return()).toEqual({ done: true, value: undefined });
      expect(await waiting).toEqual({ done: true, value: undefined });
      const late = changes(viewer.client, kinds);
      expect((await late.next()).done).toBe(false);
      expect(await soFar(Promise.race(others))).toBe(undefined);
      const process = await machine.spawn(CAT, [], { stdout: "null", stderr: "null" });
      for (const each of await Promise.all(others)) expect(each.done).toBe(false);
      await process.kill(9);
      await process.exit;
      for (const each of [...all, late]) await each.return();
    });

    test("rows of every kind are read anew when they are others", async () => {
      const end = new AbortController();
      const shown = new Map<RowKind, unknown>();
      const watch = async (kind: RowKind): Promise<void> => {
        for await (const _ of changes(viewer.client, [kind], { signal: end.signal }))
          shown.set(kind, (await viewer.rows(kind)).rows);
      };
      const watching = ROW_KINDS.map((kind) => watch(kind).catch((error: unknown) => error));
      /** Once nothing happens any more, whoever looks when it is told knows what there is. */
      const known = async (): Promise<void> => {
        for (const kind of ROW_KINDS)
          await expect
            .poll(async () => ({ kind, rows: (await viewer.rows(kind)).rows }), { timeout: 20_000 })
            .toEqual({
              kind,
              get rows() {
                return shown.get(kind);
              },
            });
      };
      await known();
      for (let i = 0; i < 4; i++) {
        const process = await machine.spawn(CAT, [], { stdout: "null", stderr: "null" });
        await known();
        await process.kill(SIGSTOP);
        await known();
        await process.kill(SIGCONT);
        await known();
        await process.kill(SIGKILL);
        await process.exit;
        await machine.fs.writeFile(`/file-${i % 2}`, new Uint8Array(5_000 * (i + 1)));
        await known();
      }
      end.abort(new Error("enough"));
      expect(await Promise.all(watching)).toEqual(ROW_KINDS.map(() => new Error("enough")));
    });

    test("a machine that stops ends it", async () => {
      const told = changes(viewer.client, ["mount"]);
      await told.next();
      const next = told.next();
      const ended = expect(next).rejects.toThrow();
      expect(await soFar(next.catch(() => undefined))).toBe(undefined);
      await machine.stop();
      await ended;
    });

    test("no kind of row is refused", async () => {
      await expect(changes(viewer.client, []).next()).rejects.toThrow(RangeError);
    });
  });
});
