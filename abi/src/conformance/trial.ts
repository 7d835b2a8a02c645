/** What a case is, and what it can use. */
import {
  type ArenaSpanData,
  ClientSlot,
  Errno,
  FileRecord,
  type FileRecordData,
  FileRecordKind,
  Fixed,
  MachineHeader,
  Opcode,
  OpenFlag,
  RegisterProcessReply,
  type RegisterProcessReplyData,
  type SlotHandleData,
  SlotKind,
  type SlotTableData,
  StdioKind,
} from "../../ts/index.ts";
import { Mem } from "../core/mem.ts";
import { type Ask, CaseFailure, Peer, type Reply, resultText } from "./peer.ts";
import { echoes, exits } from "./programs.ts";
import type { Feature, OpenOptions, SubjectMachine } from "./subject.ts";

/** The case cannot be tried on this subject. */
export class CaseSkipped extends Error {
  override readonly name = "CaseSkipped";
}

/** What a case needs before it tries anything could not be made: it says nothing of what the case is about. */
export class SetupFailure extends CaseFailure {
  override readonly name = "SetupFailure";
}

export type Family = "vectors" | "version" | "rings" | "handles" | "opcodes";

export interface Case {
  readonly family: Family;
  readonly name: string;
  /** Features that the case cannot do without. */
  readonly needs?: readonly Feature[];
  /** The case has a machine of its own, opened like this. */
  readonly fresh?: OpenOptions;
  run(trial: Trial): Promise<void>;
}

/** Wait status of a process that exited with `code` (wait(2)). */
export const exitedWith = (code: number): bigint => BigInt(code << 8);

/** A process that a case has made. */
export interface TrialProcess extends RegisterProcessReplyData {
  readonly streams: readonly [SlotHandleData, SlotHandleData, SlotHandleData];
}

const ROOT = "/conformance";
/** Tells the folders of this run from those that an earlier one has left on the machine. */
const RUN = Math.random().toString(36).slice(2, 10);
let trials = 0;

export class Trial {
  readonly machine: SubjectMachine;
  readonly peer: Peer;
  readonly #timeoutMs: number;
  readonly #others: { readonly peer: Peer; readonly handle: SlotHandleData }[] = [];
  readonly #streams: SlotHandleData[] = [];
  readonly #after: (() => Promise<unknown>)[] = [];
  /** Programs that were written: one that runs cannot be written again. */
  readonly #programs = new Map<string, string>();
  #folder: string | undefined;

  constructor(machine: SubjectMachine, peer: Peer, timeoutMs: number) {
    this.machine = machine;
    this.peer = peer;
    this.#timeoutMs = timeoutMs;
  }

  fail(text: string): never {
    throw new CaseFailure(text);
  }

  check(condition: boolean, text: string): void {
    if (!condition) this.fail(text);
  }

  equal(got: unknown, want: unknown, what: string): void {
    if (got !== want) this.fail(`${what} is ${String(got)}, not ${String(want)}`);
  }

  skip(text: string): never {
    throw new CaseSkipped(text);
  }

  /** Something to be undone when the case is over, last first. */
  after(undo: () => Promise<unknown>): void {
    this.#after.push(undo);
  }

  need(feature: Feature): void {
    if (!this.machine.features.has(feature)) this.skip(`the subject does not offer "${feature}"`);
  }

  /** The opposite of `need`. */
  never(feature: Feature): void {
    if (this.machine.features.has(feature)) this.skip(`it is not for a subject with "${feature}"`);
  }

  /** A folder of the case's own. */
  async folder(): Promise<string> {
    if (this.#folder !== undefined) return this.#folder;
    return await this.#setUp("a folder of its own", async () => {
      const root = await this.peer.place(ROOT);
      const { result } = await this.peer.request({ opcode: Opcode.Mkdir, path: root, mode: 0o755, parents: 0 });
      if (result !== 0n && result !== BigInt(-Errno.EEXIST)) this.fail(`Mkdir answers ${resultText(result)}`);
      const folder = `${ROOT}/${RUN}-${++trials}`;
      // Without parents, which is a thing to be tried.
      await this.peer.ok({ opcode: Opcode.Mkdir, path: await this.peer.place(folder), mode: 0o755, parents: 0 });
      this.#folder = folder;
      return folder;
    });
  }

  /** What fails in here is told as what the case could not have, whatever it is about. */
  async #setUp<T>(what: string, make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof CaseFailure) || error instanceof SetupFailure) throw error;
      throw new SetupFailure(`it could not be tried without ${what}: ${error.message}`, { cause: error });
    }
  }

  /** The path of `name` in the case's folder, in the arena. */
  async path(name: string): Promise<ArenaSpanData> {
    return await this.peer.place(`${await this.folder()}/${name}`);
  }

  /** A file of the case's folder; returns its path. */
  async file(name: string, data: Uint8Array | string = "contents", mode = 0o644): Promise<string> {
    return await this.#setUp("a file", async () => {
      const path = `${await this.folder()}/${name}`;
      const openFlags = OpenFlag.O_CREAT | OpenFlag.O_TRUNC;
      const ask: Ask = {
        opcode: Opcode.WriteFile,
        path: await this.peer.place(path),
        data: await this.peer.place(data),
        position: 0,
        openFlags,
        mode,
      };
      await this.peer.ok(ask);
      return path;
    });
  }

  async directory(name: string): Promise<string> {
    return await this.#setUp("a folder", async () => {
      const path = `${await this.folder()}/${name}`;
      await this.peer.ok({ opcode: Opcode.Mkdir, path: await this.peer.place(path), mode: 0o755, parents: 0 });
      return path;
    });
  }

  async symlink(name: string, target: string): Promise<string> {
    return await this.#setUp("a symbolic link", async () => {
      const path = `${await this.folder()}/${name}`;
      const { peer } = this;
      await peer.ok({ opcode: Opcode.Symlink, path: await peer.place(path), target: await peer.place(target) });
      return path;
    });
  }

  /** FileRecords in the arena. */
  async records(...list: RecordOf[]): Promise<ArenaSpanData> {
    return await this.peer.place(packRecords(list));
  }

  /** A file whose bytes nobody gives before the case does: what reads it waits. */
  async lazyFile(name: string, size: number, mode = 0o644): Promise<string> {
    this.need("events");
    const path = `${await this.folder()}/${name}`;
    const records = await this.records({ path: `${path}`, kind: FileRecordKind.LazyFile, source: 0x7fff, size, mode });
    await this.#setUp("a file whose bytes come later", () =>
      this.peer.ok({ opcode: Opcode.ApplyFileLayer, records, prefix: NOWHERE, count: 1, more: 0 }),
    );
    return path;
  }

  /** A request that needs a lazy file's bytes, which are said to be lost: it must fail with EIO. */
  async sourceFails(ask: Ask): Promise<undefined> {
    const [id = 0] = await this.peer.send(ask);
    const { token, length } = await this.peer.event(Opcode.BlobRequest);
    await this.peer.ok({ opcode: Opcode.BlobFilled, token, result: Errno.EIO, bytes: length });
    this.equal((await this.peer.answer(id)).result, BigInt(-Errno.EIO), "the result where the source failed");
  }

  /** What RegisterProcess needs to make a process of a file. */
  async program(path: string, options: { readonly owner?: number; readonly stdio?: StdioKind } = {}) {
    const { peer } = this;
    const kind = options.stdio ?? StdioKind.Null;
    return {
      opcode: Opcode.RegisterProcess,
      path: await peer.place(path),
      strings: await peer.place(`${path}\0`),
      cwd: NOWHERE,
      argc: 1,
      envc: 0,
      owner: options.owner ?? 0,
      stdin: kind,
      stdout: kind,
      stderr: StdioKind.Null,
      reply: await peer.room(RegisterProcessReply.SIZE),
      columns: 80,
      rows: 24,
      program: 0,
    } as const satisfies Ask;
  }

  /** Makes a process; `echo` ends when its standard input does. */
  async process(
    what: "exits" | "echo",
    options: { readonly owner?: number; readonly stdio?: StdioKind; readonly peer?: Peer } = {},
  ): Promise<TrialProcess> {
    const path = this.#programs.get(what) ?? (await this.file(what, what === "echo" ? echoes() : exits(3), 0o755));
    this.#programs.set(what, path);
    const ask = await this.program(path, { stdio: what === "echo" ? StdioKind.Pipe : StdioKind.Null, ...options });
    await this.#setUp("a process", () => this.peer.ok(ask));
    return await this.registered(ask.reply);
  }

  /** A RegisterProcessReply in the arena. Its streams are closed when the case is over. */
  async registered(span: ArenaSpanData): Promise<TrialProcess> {
    const mem = memOf(await this.peer.bytes(span));
    const data = new RegisterProcessReply(mem, 0).toData();
    const streams = [data.stdin, data.stdout, data.stderr] as const;
    this.#streams.push(...streams.filter(({ index }) => index !== 0));
    return { ...data, streams };
  }

  async start(process: SlotHandleData): Promise<void> {
    await this.peer.ok({ opcode: Opcode.StartProcess, process });
  }

  async wait(process: SlotHandleData): Promise<Reply> {
    return await this.peer.ok({ opcode: Opcode.WaitProcess, process });
  }

  /** SIGKILL, then waits. */
  async end(process: SlotHandleData): Promise<void> {
    const signal = 9;
    await this.peer.ok({ opcode: Opcode.KillProcess, pid: 0, signal, process });
    await this.wait(process);
  }

  /** Another client of the machine. */
  async other(): Promise<{ readonly peer: Peer; readonly handle: SlotHandleData }> {
    this.need("clients");
    const { handle } = await this.#setUp("a second client", () => this.peer.ok({ opcode: Opcode.AttachClient }));
    const other = { peer: new Peer(this.machine, handle.index, this.#timeoutMs), handle };
    this.#others.push(other);
    return other;
  }

  /** The machine's header, copied. */
  async header(): Promise<MachineHeader> {
    this.need("memory");
    return new MachineHeader(memOf(await this.machine.read(Fixed.HeaderAddress, MachineHeader.SIZE)), 0);
  }

  async table(kind: number): Promise<SlotTableData> {
    return (await this.header()).tables(kind).toData();
  }

  /** Slot `index` of a table, copied. */
  async slot(kind: number, index: number): Promise<Mem> {
    const { base, stride } = await this.table(kind);
    return memOf(await this.machine.read(base + index * stride, stride));
  }

  /** A client's slot, copied. */
  async clientSlot(index: number): Promise<ClientSlot> {
    const { base, stride } = await this.table(CLIENT_KIND);
    return new ClientSlot(memOf(await this.machine.read(base + index * stride, stride)), 0);
  }

  /** Writes a word of a client's slot: `offset` from its beginning. */
  async writeClient(index: number, offset: number, value: number): Promise<void> {
    const { base, stride } = await this.table(CLIENT_KIND);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    await this.machine.write(base + index * stride + offset, bytes);
  }

  /** Asks until it is so; each look is a request, so that a machine of one thread goes on. */
  async until(what: string, look: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + this.#timeoutMs;
    while (!(await look())) {
      if (performance.now() > end) this.fail(`${what}: not within ${this.#timeoutMs} ms`);
      await this.peer.ok({ opcode: Opcode.Noop });
    }
  }

  /** The end of a case that went well: gives back what is left, then looks for what came unasked. */
  async finish(): Promise<void> {
    for (const undo of this.#after.splice(0).reverse()) await undo();
    for (const { handle } of this.#others) {
      const { result } = await this.peer.request({ opcode: Opcode.DetachClient, client: handle });
      this.check(result === 0n || result === BigInt(-Errno.ESRCH), `DetachClient answers ${result}`);
    }
    for (const ofd of this.#streams) await this.peer.request({ opcode: Opcode.StreamClose, ofd });
    await this.peer.settle();
  }
}

/** A span of nothing. */
export const NOWHERE: ArenaSpanData = { offset: 0, length: 0 };
const CLIENT_KIND = SlotKind.Client;

export function memOf(bytes: Uint8Array): Mem {
  const mem = new Mem(new ArrayBuffer((bytes.length + 7) & ~7));
  mem.u8.set(bytes);
  return mem;
}

/** What a record makes. */
export interface RecordOf {
  readonly path: string;
  readonly kind?: FileRecordKind;
  readonly data?: string;
  readonly mode?: number;
  readonly source?: number;
  readonly size?: number;
}

const align8 = (length: number): number => (length + 7) & ~7;

export function packRecords(list: readonly RecordOf[]): Uint8Array {
  const encoder = new TextEncoder();
  const parts = list.map((item) => {
    const path = encoder.encode(item.path);
    const data = encoder.encode(item.data ?? "");
    const record: FileRecordData = {
      kind: item.kind ?? FileRecordKind.File,
      mode: item.mode ?? 0o644,
      uid: 0,
      gid: 0,
      pathLength: path.length,
      dataLength: data.length,
      mtimeNs: 0n,
      source: item.source ?? 0,
      rdev: 0,
      sourceOffset: 0,
      size: item.size ?? data.length,
    };
    return { record, path, data };
  });
  const bytes = parts.reduce(
    (sum, { path, data }) => sum + FileRecord.SIZE + align8(path.length) + align8(data.length),
    0,
  );
  const mem = new Mem(new ArrayBuffer(bytes));
  const view = new FileRecord(mem);
  let at = 0;
  for (const { record, path, data } of parts) {
    view.at(at).setData(record);
    at += FileRecord.SIZE;
    mem.u8.set(path, at);
    at += align8(path.length);
    mem.u8.set(data, at);
    at += align8(data.length);
  }
  return new Uint8Array(mem.u8);
}
