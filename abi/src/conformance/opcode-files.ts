/** Opcodes of files and folders. */
import {
  type ArenaSpanData,
  AtFlag,
  Dirent64,
  DirentType,
  FileRecordKind,
  InodeSlot,
  LayerMore,
  Opcode,
  OpenFlag,
  RenameFlag,
  SlotKind,
  Stat,
} from "../../ts/index.ts";
import { byControl, byHost, cancelWaiting, EIO, FULL, type OpcodeCases, outside, pathErrnos } from "./opcode-table.ts";
import type { Ask } from "./peer.ts";
import { exits } from "./programs.ts";
import { memOf, NOWHERE, type RecordOf, type Trial } from "./trial.ts";

const CREATE = OpenFlag.O_CREAT | OpenFlag.O_TRUNC;
const PAGE = 4096;
const ROOT_ONLY = "the host is root and may";

async function write(t: Trial, path: ArenaSpanData, openFlags: number = CREATE): Promise<Ask> {
  const data = await t.peer.place("contents");
  return { opcode: Opcode.WriteFile, path, data, position: 0, openFlags, mode: 0o640 };
}

async function read(t: Trial, path: ArenaSpanData, length = 64, position = 0) {
  return { opcode: Opcode.ReadFile, path, reply: await t.peer.room(length), position } as const satisfies Ask;
}

/** Reads a file of the case and compares. */
async function contains(t: Trial, name: string, want: string): Promise<void> {
  const ask = await read(t, await t.path(name), want.length + 16);
  const { result } = await t.peer.ok(ask);
  t.equal(await t.peer.text(ask.reply, Number(result)), want, `${name}'s contents`);
}

/** The stat of a file of the case. */
async function stat(t: Trial, name: string, follow = 0) {
  const ask = { opcode: Opcode.Stat, path: await t.path(name), reply: await t.peer.room(Stat.SIZE), follow } as const;
  const { result } = await t.peer.ok(ask);
  t.equal(Number(result), Stat.SIZE, "Stat's result");
  return new Stat(memOf(await t.peer.bytes(ask.reply)), 0).toData();
}

async function gone(t: Trial, name: string): Promise<void> {
  const path = await t.path(name);
  await t.peer.refused({ opcode: Opcode.Stat, path, reply: await t.peer.room(Stat.SIZE), follow: 0 }, "ENOENT");
}

export const writeFile: OpcodeCases = {
  good: async (t) => write(t, await t.path("new")),
  async check(t, { result }) {
    t.equal(result, 8n, "the count of bytes written");
    await contains(t, "new", "contents");
    t.equal((await stat(t, "new")).mode & 0o777, 0o640, "the mode");
  },
  bad: "EINVAL",
  errnos: {
    ...pathErrnos((t, path) => write(t, path)),
    EISDIR: async (t) => {
      await t.directory("d");
      return await write(t, await t.path("d"));
    },
    EEXIST: async (t) => {
      await t.file("there");
      return await write(t, await t.path("there"), OpenFlag.O_CREAT | OpenFlag.O_EXCL);
    },
    EFBIG: async (t) => ({ ...(await write(t, await t.path("far"))), position: 2 ** 52 }) as Ask,
    EIO: async (t) =>
      t.sourceFails(await write(t, await t.peer.place(await t.lazyFile("lazy", PAGE)), OpenFlag.O_CREAT)),
    EPERM: async (t) => write(t, await t.peer.place(KERNELS_OWN)),
    ENOSPC: FULL,
    ENOMEM: FULL,
    ETXTBSY: async (t) => {
      const process = await t.process("echo");
      await t.start(process.process);
      t.after(() => t.end(process.process));
      return await write(t, await t.path("echo"));
    },
  },
};

/** A name that only the kernel may make. */
const KERNELS_OWN = "/dev/pts/conformance";

/** Errnos that WriteFiles and ApplyFileLayer share. */
function recordErrnos(ask: (t: Trial, ...list: RecordOf[]) => Promise<Ask>): OpcodeCases["errnos"] {
  const at = async (t: Trial, name: string): Promise<string> => `${await t.folder()}/${name}`;
  return {
    ENOENT: async (t) =>
      ask(t, { path: await at(t, "link"), kind: FileRecordKind.HardLink, data: await at(t, "none") }),
    ENOTDIR: async (t) => ask(t, { path: await at(t, "f"), data: "x" }, { path: await at(t, "f/name"), data: "x" }),
    ENAMETOOLONG: async (t) => ask(t, { path: await at(t, "n".repeat(256)), data: "x" }),
    EINVAL: async (t) => ask(t, { path: await at(t, "strange"), kind: 99 as FileRecordKind }),
    EISDIR: async (t) =>
      ask(t, { path: await at(t, "d"), kind: FileRecordKind.Directory }, { path: await at(t, "d"), data: "x" }),
    EEXIST: async (t) =>
      ask(t, { path: await at(t, "f"), data: "x" }, { path: await at(t, "f"), kind: FileRecordKind.Directory }),
    EBUSY: async (t) => {
      await t.peer.refused(await ask(t, { path: "/proc", kind: FileRecordKind.Whiteout }), "EBUSY");
      return await ask(t, { path: "/proc/self", kind: FileRecordKind.Symlink, data: "elsewhere" });
    },
    EPERM: async (t) => ask(t, { path: await at(t, "link"), kind: FileRecordKind.HardLink, data: await t.folder() }),
    EXDEV: async (t) => ask(t, { path: await at(t, "link"), kind: FileRecordKind.HardLink, data: "/proc/version" }),
    ENOSPC: FULL,
    ENOMEM: FULL,
  };
}

async function twoRecords(t: Trial): Promise<RecordOf[]> {
  const folder = await t.folder();
  return [
    { path: `${folder}/a/deep`, data: "first" },
    { path: `${folder}/b`, kind: FileRecordKind.Symlink, data: "a/deep" },
  ];
}

async function twoWritten(t: Trial, result: bigint): Promise<void> {
  t.equal(result, 2n, "the count of records");
  await contains(t, "a/deep", "first");
  await contains(t, "b", "first");
}

async function files(t: Trial, ...list: RecordOf[]): Promise<Ask> {
  return { opcode: Opcode.WriteFiles, records: await t.records(...list), count: list.length };
}

export const writeFiles: OpcodeCases = {
  good: async (t) => files(t, ...(await twoRecords(t))),
  check: (t, { result }) => twoWritten(t, result),
  bad: "EINVAL",
  errnos: {
    ...recordErrnos(files),
    ELOOP: async (t) => files(t, { path: `${await t.symlink("self", "self")}/name`, data: "x" }),
    EINVAL: async (t) => ({ ...(await files(t, ...(await twoRecords(t)))), count: 3 }) as Ask,
  },
};

async function layer(t: Trial, ...list: RecordOf[]): Promise<Ask> {
  return {
    opcode: Opcode.ApplyFileLayer,
    records: await t.records(...list),
    prefix: NOWHERE,
    count: list.length,
    more: 0,
  };
}

export const applyFileLayer: OpcodeCases = {
  good: async (t) => layer(t, ...(await twoRecords(t))),
  async check(t, { result }) {
    await twoWritten(t, result);
    // In two batches, and one that is forgotten: nothing is there before the last has come.
    const batch = async (name: string, more: number) =>
      ({ ...(await layer(t, { path: `${await t.folder()}/${name}`, data: name })), more }) as Ask;
    await t.peer.ok(await batch("early", LayerMore.Follow));
    await gone(t, "early");
    await t.peer.ok(await batch("late", LayerMore.Last));
    await contains(t, "early", "early");
    await contains(t, "late", "late");
    await t.peer.ok(await batch("never", LayerMore.Follow));
    await t.peer.ok({ ...(await layer(t)), more: LayerMore.Forget } as Ask);
    await t.peer.ok(await batch("other", LayerMore.Last));
    await gone(t, "never");
  },
  bad: async (t) => {
    // All or nothing: the first record is sound, the second is not.
    const folder = await t.folder();
    const ask = await layer(t, { path: `${folder}/first`, data: "x" }, { path: `${folder}/first/y`, data: "y" });
    await t.peer.refused(ask, "ENOTDIR");
    await gone(t, "first");
  },
  errnos: {
    ...recordErrnos(layer),
    ELOOP: async (t) => {
      const prefix = await t.peer.place(`${await t.symlink("self", "self")}/sub`);
      return { ...(await layer(t, { path: "x", data: "x" })), prefix } as Ask;
    },
    EINVAL: async (t) => ({ ...(await layer(t, { path: "x", data: "x" })), records: outside(t) }) as Ask,
  },
};

const link = async (t: Trial, path: ArenaSpanData): Promise<Ask> => ({
  opcode: Opcode.Symlink,
  path,
  target: await t.peer.place("anywhere"),
});

export const symlink: OpcodeCases = {
  good: async (t) => link(t, await t.path("link")),
  async check(t) {
    const ask = await readlinkOf(t, await t.path("link"));
    const { result } = await t.peer.ok(ask);
    t.equal(await t.peer.text(ask.reply, Number(result)), "anywhere", "the link's target");
  },
  bad: "EEXIST",
  errnos: {
    ...pathErrnos(link),
    EEXIST: async (t) => link(t, await t.peer.place(await t.file("there"))),
    EPERM: async (t) => link(t, await t.peer.place(KERNELS_OWN)),
    ENOSPC: FULL,
  },
};

export const readFile: OpcodeCases = {
  good: async (t) => read(t, await t.peer.place(await t.file("text", "0123456789")), 4, 3),
  async check(t, reply, ask) {
    if (ask.opcode !== Opcode.ReadFile) return;
    t.equal(reply.result, 4n, "the count of bytes");
    t.equal(reply.value, 10n, "the file's size");
    t.equal(await t.peer.text(ask.reply), "3456", "the bytes");
    const about = await t.peer.ok(await statOf(t, await t.path("text")));
    t.equal(reply.value2, about.value2, "the change sequence, by Stat's");
    await t.peer.ok({ ...(await write(t, await t.path("text"), 0)), position: 1 } as Ask);
    const again = await t.peer.ok({ ...ask, path: await t.path("text") });
    t.check(again.value2 !== reply.value2, "a write in place changes no change sequence");
    t.equal(again.handle.index, reply.handle.index, "the inode of the same file");
    t.equal(again.handle.generation, reply.handle.generation, "the generation of the same file's inode");
    if (!t.machine.features.has("memory")) return;
    const inode = new InodeSlot(await t.slot(SlotKind.Inode, reply.handle.index), 0).toData();
    t.equal(inode.header.generation, reply.handle.generation, "the generation of the inode's slot");
    t.equal(Number(inode.state.size), 10, "the size that the inode's slot says");
  },
  bad: "ENOENT",
  cancelled: async (t) => {
    const path = await t.peer.place(await t.lazyFile("lazy", PAGE));
    let token = 0;
    await cancelWaiting(t, await read(t, path), async () => {
      token = (await t.peer.event(Opcode.BlobRequest)).token;
    });
    await t.peer.request({ opcode: Opcode.BlobFilled, token, result: EIO, bytes: 0 });
  },
  errnos: {
    ...pathErrnos(read),
    EISDIR: async (t) => read(t, await t.peer.place(await t.directory("d"))),
    EIO: async (t) => t.sourceFails(await read(t, await t.peer.place(await t.lazyFile("lazy", PAGE)))),
  },
};

async function readlinkOf(t: Trial, path: ArenaSpanData) {
  return { opcode: Opcode.Readlink, path, reply: await t.peer.room(64) } as const satisfies Ask;
}

export const readlink: OpcodeCases = {
  good: async (t) => readlinkOf(t, await t.peer.place(await t.symlink("link", "the/target"))),
  async check(t, { result }, ask) {
    if (ask.opcode !== Opcode.Readlink) return;
    t.equal(await t.peer.text(ask.reply, Number(result)), "the/target", "the target");
  },
  bad: "EINVAL",
  errnos: {
    ...pathErrnos(readlinkOf),
    EINVAL: async (t) => readlinkOf(t, await t.peer.place(await t.file("plain"))),
  },
};

const make = async (_: Trial, path: ArenaSpanData): Promise<Ask> => ({
  opcode: Opcode.Mkdir,
  path,
  mode: 0o750,
  parents: 0,
});

export const mkdir: OpcodeCases = {
  good: async (t) => ({ opcode: Opcode.Mkdir, path: await t.path("a/b/c"), mode: 0o755, parents: 1 }),
  async check(t) {
    t.equal((await stat(t, "a/b/c")).mode, 0o40755, "the mode");
  },
  bad: "EEXIST",
  errnos: {
    ...pathErrnos(make),
    EEXIST: async (t) => make(t, await t.peer.place(await t.directory("d"))),
    EPERM: async (t) => make(t, await t.peer.place(KERNELS_OWN)),
    ENOSPC: FULL,
  },
};

const statOf = async (t: Trial, path: ArenaSpanData): Promise<Ask> => ({
  opcode: Opcode.Stat,
  path,
  reply: await t.peer.room(Stat.SIZE),
  follow: 1,
});

const statCases: OpcodeCases = {
  good: async (t) => statOf(t, await t.peer.place(await t.symlink("link", await t.file("text", "12345")))),
  async check(t, { result, value2 }, ask) {
    if (ask.opcode !== Opcode.Stat) return;
    t.equal(Number(result), Stat.SIZE, "the result");
    const data = new Stat(memOf(await t.peer.bytes(ask.reply)), 0).toData();
    t.equal(Number(data.size), 5, "the size");
    t.equal(data.mode, 0o100644, "the mode");
    t.equal(data.nlink, 1, "the number of links");
    t.equal(data.uid, 0, "the owner");
    t.equal(data.gid, 0, "the group");
    t.equal(data.rdev, 0n, "the device number of a file that is none");
    t.check(data.blksize >= 512 && (data.blksize & (data.blksize - 1)) === 0, `blocks of ${data.blksize} bytes`);
    const blocks = Number(data.blocks) * 512;
    t.check(blocks >= 5 && blocks <= 5 + data.blksize, `${data.blocks} blocks for 5 bytes`);
    const same = await t.peer.ok(await read(t, await t.path("text")));
    t.equal(value2, same.value2, "the change sequence, by ReadFile's");
    if (t.machine.features.has("memory")) {
      const { state } = new InodeSlot(await t.slot(SlotKind.Inode, same.handle.index), 0).toData();
      t.equal(
        BigInt(data.ctime) * 1_000_000_000n + BigInt(data.ctimeNsec),
        BigInt(state.ctimeNs),
        "the ctime, by the inode's slot",
      );
    }
    t.equal((await stat(t, "link")).mode & 0o170000, 0o120000, "the type of the link itself");
  },
  bad: "EINVAL",
  errnos: {
    ...pathErrnos(statOf),
    EINVAL: async (t) => ({
      opcode: Opcode.Stat,
      path: await t.peer.place(await t.file("plain")),
      reply: await t.peer.room(Stat.SIZE - 8),
      follow: 0,
    }),
  },
};

const list = async (t: Trial, path: ArenaSpanData): Promise<Ask> => ({
  opcode: Opcode.Readdir,
  path,
  reply: await t.peer.room(128),
  cookie: 0,
});

/** The Dirent64 records. */
function recordsIn(bytes: Uint8Array) {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { OFFSET } = Dirent64;
  const records: { readonly name: string; readonly ino: bigint; readonly off: bigint; readonly type: number }[] = [];
  for (let at = 0; at + OFFSET.name <= bytes.length; ) {
    const length = words.getUint16(at + OFFSET.reclen, true);
    if (length < OFFSET.name) break;
    const name = bytes.subarray(at + OFFSET.name, at + length);
    const end = name.indexOf(0);
    records.push({
      name: new TextDecoder().decode(name.slice(0, end < 0 ? name.length : end)),
      ino: words.getBigUint64(at + OFFSET.ino, true),
      off: words.getBigUint64(at + OFFSET.off, true),
      type: words.getUint8(at + OFFSET.type),
    });
    at += length;
  }
  return records;
}

export const readdir: OpcodeCases = {
  good: async (t) => {
    for (let i = 0; i < 9; i++) await t.file(`d${i}`);
    return await list(t, await t.peer.place(await t.folder()));
  },
  async check(t, first, ask) {
    if (ask.opcode !== Opcode.Readdir) return;
    const names: string[] = [];
    let reply = first;
    // The span takes a few records only: the cookie says where to go on.
    for (let n = 0; reply.result > 0n; n++) {
      if (n === 32) t.fail("the directory does not end");
      const records = recordsIn(await t.peer.bytes(ask.reply, Number(reply.result)));
      names.push(...records.map(({ name }) => name));
      t.equal(records.at(-1)?.off, reply.value, "where the last record says to go on");
      for (const { name, type, ino } of records.filter((record) => record.name.startsWith("d"))) {
        t.equal(type, DirentType.DT_REG, `the type of ${name}`);
        t.equal(ino, (await stat(t, name)).ino, `the inode number of ${name}`);
      }
      reply = await t.peer.ok({ ...ask, cookie: Number(reply.value) });
    }
    const own = names.filter((name) => !/^\.\.?$/.test(name)).sort();
    t.equal(own.join(), "d0,d1,d2,d3,d4,d5,d6,d7,d8", "the names");
  },
  bad: "ENOTDIR",
  errnos: { ...pathErrnos(list), ENOTDIR: async (t) => list(t, await t.peer.place(await t.file("plain"))) },
};

const remove = async (_: Trial, path: ArenaSpanData, atFlags = 0): Promise<Ask> => ({
  opcode: Opcode.Unlink,
  path,
  atFlags,
});

export const unlink: OpcodeCases = {
  good: async (t) => remove(t, await t.peer.place(await t.file("old"))),
  check: (t) => gone(t, "old"),
  bad: "EISDIR",
  errnos: {
    ...pathErrnos(remove),
    EISDIR: async (t) => remove(t, await t.peer.place(await t.directory("d"))),
    ENOTEMPTY: async (t) => {
      const path = await t.peer.place(await t.directory("d"));
      await t.file("d/inside");
      return await remove(t, path, AtFlag.AT_REMOVEDIR);
    },
    EPERM: ROOT_ONLY,
    EBUSY: async (t) => remove(t, await t.peer.place("/"), AtFlag.AT_REMOVEDIR),
  },
};

async function move(t: Trial, path: ArenaSpanData, to = "target", renameFlags = 0): Promise<Ask> {
  return { opcode: Opcode.Rename, path, newPath: await t.path(to), renameFlags };
}

export const rename: OpcodeCases = {
  good: async (t) => move(t, await t.peer.place(await t.file("old"))),
  async check(t) {
    await gone(t, "old");
    await contains(t, "target", "contents");
  },
  bad: "ENOENT",
  errnos: {
    ...pathErrnos((t, path) => move(t, path)),
    EEXIST: async (t) => {
      await t.file("target");
      return await move(t, await t.peer.place(await t.file("old")), "target", RenameFlag.RENAME_NOREPLACE);
    },
    EISDIR: async (t) => {
      await t.directory("target");
      return await move(t, await t.peer.place(await t.file("old")));
    },
    ENOTEMPTY: async (t) => {
      await t.directory("target");
      await t.file("target/inside");
      return await move(t, await t.peer.place(await t.directory("old")));
    },
    EXDEV: async (t) => ({
      opcode: Opcode.Rename,
      path: await t.peer.place(await t.file("old")),
      newPath: await t.peer.place("/proc/conformance"),
      renameFlags: 0,
    }),
    EPERM: async (t) => ({
      opcode: Opcode.Rename,
      path: await t.peer.place("/proc/self"),
      newPath: await t.peer.place("/proc/conformance"),
      renameFlags: 0,
    }),
    EBUSY: async (t) => move(t, await t.peer.place(`${await t.directory("d")}/.`)),
  },
};

const mode = async (_: Trial, path: ArenaSpanData): Promise<Ask> => ({ opcode: Opcode.Chmod, path, mode: 0o4711 });

export const chmod: OpcodeCases = {
  good: async (t) => mode(t, await t.peer.place(await t.file("program", exits(0)))),
  async check(t) {
    t.equal((await stat(t, "program")).mode & 0o7777, 0o4711, "the mode");
  },
  bad: "ENOENT",
  errnos: { ...pathErrnos(mode), EPERM: ROOT_ONLY },
  about: mode,
};

const owner = async (_: Trial, path: ArenaSpanData): Promise<Ask> => ({
  opcode: Opcode.Chown,
  path,
  uid: 7,
  gid: 2 ** 32 - 1,
  follow: 1,
});

export const chown: OpcodeCases = {
  good: async (t) => owner(t, await t.peer.place(await t.file("owned"))),
  async check(t) {
    const { uid, gid } = await stat(t, "owned");
    t.equal(uid, 7, "the owner");
    t.equal(gid, 0, "the group, which stays");
    await t.symlink("link", "owned");
    const link = { opcode: Opcode.Chown, path: await t.path("link"), uid: 8, gid: 9, follow: 0 } as const;
    await t.peer.ok(link);
    t.equal((await stat(t, "owned")).uid, 7, "the owner behind a link that was not followed");
    t.equal((await stat(t, "link")).gid, 9, "the group of the link itself");
    await t.peer.ok({ ...link, path: await t.path("link"), uid: 6, follow: 1 });
    t.equal((await stat(t, "owned")).uid, 6, "the owner behind a link that was followed");
  },
  bad: "ENOENT",
  errnos: { ...pathErrnos(owner), EPERM: async (t) => owner(t, await t.peer.place("/proc/version")) },
  about: owner,
};

const ATIME = -1_500_000_000n;
const MTIME = 1_000_000_007n;
const times = async (_: Trial, path: ArenaSpanData): Promise<Ask> => ({
  opcode: Opcode.Utimes,
  path,
  atimeNs: ATIME,
  mtimeNs: MTIME,
  follow: 1,
});

export const utimes: OpcodeCases = {
  good: async (t) => times(t, await t.peer.place(await t.file("dated"))),
  async check(t) {
    const { atime, atimeNsec, mtime, mtimeNsec } = await stat(t, "dated");
    t.equal(atime * 1_000_000_000n + atimeNsec, ATIME, "the access time, before 1970");
    t.equal(mtime * 1_000_000_000n + mtimeNsec, MTIME, "the modification time");
    await t.symlink("link", "dated");
    const link = { opcode: Opcode.Utimes, path: await t.path("link"), atimeNs: 0n, mtimeNs: 5n, follow: 0 } as const;
    await t.peer.ok(link);
    t.equal((await stat(t, "dated")).mtimeNsec, MTIME % 1_000_000_000n, "the time behind a link that was not followed");
    t.equal((await stat(t, "link")).mtimeNsec, 5n, "the time of the link itself");
    await t.peer.ok({ ...link, path: await t.path("link"), mtimeNs: 6n, follow: 1 });
    t.equal((await stat(t, "dated")).mtimeNsec, 6n, "the time behind a link that was followed");
  },
  bad: "ENOENT",
  errnos: {
    ...pathErrnos(times),
    EINVAL: async (t) => {
      const path = await t.peer.place(await t.file("dated"));
      return { opcode: Opcode.Utimes, path, atimeNs: -(2n ** 63n), mtimeNs: 0n, follow: 1 };
    },
    EPERM: async (t) => times(t, await t.peer.place("/proc/version")),
  },
  about: times,
};

const resize = async (_: Trial, path: ArenaSpanData): Promise<Ask> => ({ opcode: Opcode.Truncate, path, size: 3 });

export const truncate: OpcodeCases = {
  good: async (t) => resize(t, await t.peer.place(await t.file("long", "contents"))),
  async check(t) {
    await contains(t, "long", "con");
    await t.peer.ok({ opcode: Opcode.Truncate, path: await t.path("long"), size: 5 });
    await contains(t, "long", "con\0\0");
  },
  bad: "EISDIR",
  errnos: {
    ...pathErrnos(resize),
    EISDIR: async (t) => resize(t, await t.peer.place(await t.directory("d"))),
    EFBIG: async (t) => ({ opcode: Opcode.Truncate, path: await t.peer.place(await t.file("far")), size: 2 ** 52 }),
    EIO: "a page whose source fails is not read to be cut",
    ENOSPC: FULL,
    ENOMEM: FULL,
    ETXTBSY: "a program that runs while it is cut needs a guest of its own",
    EPERM: "a sealed file has no path",
  },
  about: resize,
};

export const blobFilled: OpcodeCases = {
  good: async (t) => {
    const ask = await read(t, await t.peer.place(await t.lazyFile("lazy", 5)));
    const [id = 0] = await t.peer.send(ask);
    const { token, address, length, position } = await t.peer.event(Opcode.BlobRequest);
    t.equal(position, 0, "the event's position");
    t.check(length >= 5, `the event asks for ${length} bytes of a file of 5`);
    let bytes = "\0";
    if (t.machine.features.has("memory")) {
      bytes = "lazy!";
      await t.machine.write(address, new TextEncoder().encode(bytes));
    }
    t.after(async () => {
      const { result } = await t.peer.answer(id);
      t.equal(result, 5n, "the result of the read that waited");
      if (bytes.length > 1) t.equal(await t.peer.text(ask.reply, 5), bytes, "the bytes that were filled in");
    });
    return { opcode: Opcode.BlobFilled, token, result: 0, bytes: length };
  },
  bad: "EINVAL",
  errnos: {
    EINVAL: byHost({ opcode: Opcode.BlobFilled, token: 0xfffffff0, result: 0, bytes: 0 }),
    EPERM: byControl({ opcode: Opcode.BlobFilled, token: 1, result: 0, bytes: 0 }),
  },
};

export { statCases as stat };
