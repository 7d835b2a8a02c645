/**
 * Every request that has a path, put to places that are the kernel's own (procfs, devices, mounts, the root) and to paths that hardly
 * are any: each is answered, with an errno that its opcode declares (`Peer` looks), and the machine goes on.
 */
import {
  AtFlag,
  FileRecordKind,
  Opcode,
  OpenFlag,
  opcodeName,
  RegisterProcessReply,
  RenameFlag,
  Stat,
  StdioKind,
} from "../../ts/index.ts";
import { OPCODES } from "./opcode-cases.ts";
import type { Ask } from "./peer.ts";
import { type Case, NOWHERE, type Trial } from "./trial.ts";

const PLACES = [
  ...["/", "//", "/..", ".", "", "/proc/.."],
  ...["/proc", "/proc/self", "/proc/self/fd", "/proc/version", "/proc/none", "/proc/sys/none"],
  ...[
    "/dev",
    "/dev/full",
    "/dev/full/",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/pts/none",
    "/dev/pts/ptmx",
    "/dev/fd",
    "/dev/fd/9",
  ],
];
const ROOM = 512;
/** Beyond any file. */
const FAR = 2 ** 52;

/** Requests about one place; a name of `other` is another one. */
const ASKS: Readonly<Record<string, (t: Trial, place: string, other: string) => Promise<Ask[]>>> = {
  async WriteFile(t, place) {
    const [path, data] = [await t.peer.place(place), await t.peer.place("data")];
    const flags = [
      0,
      OpenFlag.O_CREAT,
      OpenFlag.O_CREAT | OpenFlag.O_EXCL,
      OpenFlag.O_TRUNC | OpenFlag.O_APPEND,
      0xffffffff,
    ];
    return flags.flatMap((openFlags) =>
      [0, FAR].map((position) => ({ opcode: Opcode.WriteFile, path, data, position, openFlags, mode: 0o644 }) as const),
    );
  },
  async ReadFile(t, place) {
    const [path, reply] = [await t.peer.place(place), await t.peer.room(ROOM)];
    return [0, FAR].map((position) => ({ opcode: Opcode.ReadFile, path, reply, position }));
  },
  Readlink: async (t, place) => [
    { opcode: Opcode.Readlink, path: await t.peer.place(place), reply: await t.peer.room(ROOM) },
  ],
  async Stat(t, place) {
    const [path, reply] = [await t.peer.place(place), await t.peer.room(Stat.SIZE)];
    return [0, 1].map((follow) => ({ opcode: Opcode.Stat, path, reply, follow }));
  },
  async Readdir(t, place) {
    const [path, reply] = [await t.peer.place(place), await t.peer.room(ROOM)];
    return [0, 3, FAR].map((cookie) => ({ opcode: Opcode.Readdir, path, reply, cookie }));
  },
  async Mkdir(t, place) {
    const path = await t.peer.place(place);
    return [0, 1].map((parents) => ({ opcode: Opcode.Mkdir, path, mode: 0o755, parents }));
  },
  Symlink: async (t, place) => [
    { opcode: Opcode.Symlink, path: await t.peer.place(place), target: await t.peer.place("target") },
  ],
  async Unlink(t, place) {
    const path = await t.peer.place(place);
    return [0, AtFlag.AT_REMOVEDIR, 0xffffffff].map((atFlags) => ({ opcode: Opcode.Unlink, path, atFlags }));
  },
  async Rename(t, place, other) {
    const [path, newPath] = [await t.peer.place(place), await t.peer.place(other)];
    const flags = [0, RenameFlag.RENAME_NOREPLACE, RenameFlag.RENAME_EXCHANGE, 0xffffffff];
    return flags.flatMap((renameFlags) => [
      { opcode: Opcode.Rename, path, newPath, renameFlags },
      { opcode: Opcode.Rename, path: newPath, newPath: path, renameFlags },
    ]);
  },
  async RegisterProcess(t, place) {
    const [path, strings] = [await t.peer.place(place), await t.peer.place("a\0")];
    const stdio = StdioKind.Null;
    const reply = await t.peer.room(RegisterProcessReply.SIZE);
    const rest = { strings, cwd: NOWHERE, argc: 1, envc: 0, owner: 0, stdin: stdio, stdout: stdio, stderr: stdio };
    return [{ opcode: Opcode.RegisterProcess, path, ...rest, reply, columns: 80, rows: 24, program: 0 }];
  },
  WriteFiles: async (t, place, other) =>
    (await recordsOf(t, place, other)).map((records) => ({ opcode: Opcode.WriteFiles, records, count: 1 })),
  ApplyFileLayer: async (t, place, other) =>
    (await recordsOf(t, place, other)).map((records) => ({
      ...{ opcode: Opcode.ApplyFileLayer, records, prefix: NOWHERE },
      ...{ count: 1, more: 0 },
    })),
};

/** Records of every kind but LazyFile, whose bytes nobody would give. */
async function recordsOf(t: Trial, path: string, data: string) {
  const kinds = Object.values(FileRecordKind).filter((kind) => kind !== FileRecordKind.LazyFile);
  return await Promise.all(kinds.map((kind) => t.records({ path, kind, data })));
}

/** Requests whose cases say how they are made about any path. */
const ABOUT = Object.entries(OPCODES).flatMap(([opcode, { about }]): [string, (typeof ASKS)[string]][] =>
  about === undefined
    ? []
    : [[opcodeName(Number(opcode)), async (t, place) => [await about(t, await t.peer.place(place))]]],
);

export const PLACE_CASES: readonly Case[] = [...Object.entries(ASKS), ...ABOUT].map(([name, asks]) => ({
  family: "opcodes",
  name: `${name}: places of the kernel's own`,
  fresh: {},
  run: async (t) => {
    const file = await t.file("other");
    for (const place of PLACES) {
      for (const ask of await asks(t, place, file)) await t.peer.request(ask);
      for (const ask of await asks(t, file, place)) await t.peer.request(ask);
      await t.peer.settle();
    }
  },
}));
