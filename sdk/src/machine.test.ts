import { MachineStopped, Runtime, SystemError } from "@foreshore/runtime";
import { describe, expect, test } from "vitest";
import { hello, printArguments } from "../../runtime/src/testing/guests.ts";
import { DEFAULT_ENV } from "./index.ts";
import { type LayerEntry, LayerError, type LayerSource } from "./layers/entry.ts";
import { Machine, type MachineOptions } from "./machine.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

const create = (options: MachineOptions): Promise<Machine> =>
  Machine.create({ harts: 1, memory: 64, log: () => {}, ...options });

interface Watched extends LayerSource {
  closed: number;
}

function watched(name: string, entries: () => Iterable<LayerEntry> | AsyncIterable<LayerEntry>): Watched {
  const layer: Watched = {
    name,
    entries,
    notes: () => [`${name} has a note`],
    close: () => {
      layer.closed++;
    },
    closed: 0,
  };
  return layer;
}

const file = (name: string, path: string, data: string | Uint8Array): Watched =>
  watched(name, () => [{ path, data, mode: 0o755 }]);

describe("a machine", () => {
  test("is a Runtime with the files of its layers, the later over the earlier", async () => {
    const layers = [
      file("first", "/note", "one"),
      file("second", "/note", "two"),
      file("third", "/hello", hello("hi", 3)),
    ];
    const notes: string[] = [];
    const machine = await create({ layers, note: (note) => notes.push(note) });
    expect(machine).toBeInstanceOf(Runtime);
    expect(machine.state).toBe("running");
    expect(await machine.fs.readFile("/note", { encoding: "utf8" })).toBe("two");
    const { stdout, code } = await machine.run("/hello");
    expect([text(stdout), code]).toEqual(["hi", 3]);
    await machine.addLayer(file("fourth", "/note", "four"), { prefix: "/below" });
    expect(await machine.fs.readFile("/below/note", { encoding: "utf8" })).toBe("four");
    expect(notes).toEqual(["first", "second", "third", "fourth"].map((name) => `${name} has a note`));
    expect(layers.map(({ closed }) => closed)).toEqual([0, 0, 0]);
    await machine.stop();
    expect(layers.map(({ closed }) => closed)).toEqual([1, 1, 1]);
    expect(await machine.ended).toBeUndefined();
    const late = file("late", "/late", "");
    expect(await failure(machine.addLayer(late))).toBeInstanceOf(MachineStopped);
    expect(late.closed).toBe(1);
    expect(await failure(machine.run("/hello"))).toBeInstanceOf(MachineStopped);
  });

  test("runs programs with the environment that every Runtime gives, or the one that is given", async () => {
    await using machine = await create({});
    const said = async (env?: Record<string, string>): Promise<string[]> =>
      text((await machine.run(printArguments(), [], { env })).stdout)
        .trimEnd()
        .split("\n")
        .slice(1);
    expect(await said()).toEqual(Object.entries(DEFAULT_ENV).map(([name, value]) => `${name}=${value}`));
    expect(await said({ ONLY: "this" })).toEqual(["ONLY=this"]);
    expect(await failure(machine.kill(-12345, 15))).toMatchObject({ name: "SystemError", code: "ESRCH" });
    expect(await failure(machine.run("/absent"))).toBeInstanceOf(SystemError);
  });
});

describe("a start that fails closes every layer, once", () => {
  test("when the machine is refused", async () => {
    const layers = [file("first", "/a", ""), file("second", "/b", "")];
    expect(await failure(create({ harts: 0, layers }))).toBeInstanceOf(RangeError);
    expect(layers.map(({ closed }) => closed)).toEqual([1, 1]);
  });

  test("when a layer cannot be used", async () => {
    const layers = [file("first", "/a", ""), file("bad", "../b", ""), file("third", "/c", "")];
    expect(await failure(create({ layers }))).toBeInstanceOf(LayerError);
    expect(layers.map(({ closed }) => closed)).toEqual([1, 1, 1]);
  });

  test("when it is aborted while a layer has yet to come", async () => {
    const abort = new AbortController();
    const reason = new Error("no longer wanted");
    const asked = Promise.withResolvers<void>();
    const come = Promise.withResolvers<void>();
    const slow = watched("slow", async function* () {
      asked.resolve();
      await come.promise;
      yield { path: "/slow", data: "" };
    });
    const layers = [file("first", "/a", ""), slow, file("third", "/c", "")];
    const started = failure(create({ layers, signal: abort.signal }));
    await asked.promise;
    abort.abort(reason);
    expect(await started).toBe(reason);
    expect(layers.map(({ closed }) => closed)).toEqual([1, 0, 1]);
    const closed = Promise.withResolvers<void>();
    slow.close = () => closed.resolve();
    come.resolve();
    await closed.promise;
  });
});
