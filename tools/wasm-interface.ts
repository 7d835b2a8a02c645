/** The imports and exports of a WebAssembly module with their types, from its own sections (core specification 3.0, 5.5). */

export type ValueType = "i32" | "i64" | "f32" | "f64" | "other";

export interface ModuleEntry {
  readonly kind: "function" | "table" | "memory" | "global" | "tag";
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Of a memory: whether it is shared; of a global: whether it is mutable. */
  readonly flag: boolean;
}

export interface ModuleInterface {
  /** By "module.name". */
  readonly imports: ReadonlyMap<string, ModuleEntry>;
  readonly exports: ReadonlyMap<string, ModuleEntry>;
}

const VALUE_TYPES: Readonly<Record<number, ValueType>> = { 127: "i32", 126: "i64", 125: "f32", 124: "f64" };
const KINDS = ["function", "table", "memory", "global", "tag"] as const;

class Sections {
  at = 8;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw new Error("the module ends in the middle");
    return value;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.#bytes.subarray(this.at - length, this.at));
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.u32() }, read);
  }

  valueType(): ValueType {
    return VALUE_TYPES[this.byte()] ?? "other";
  }

  limits(): number {
    const flags = this.u32();
    this.u32();
    if ((flags & 1) !== 0) this.u32();
    return flags;
  }

  /** Steps over a constant expression of one instruction, as a global's initial value is. */
  constant(): void {
    const op = this.byte();
    if (op === 0x43) this.at += 4;
    else if (op === 0x44) this.at += 8;
    else while (this.byte() >= 0x80);
    if (this.byte() !== 0x0b) throw new Error("a global's initial value is more than a constant");
  }
}

const plain = (kind: ModuleEntry["kind"], flag = false): ModuleEntry => ({ kind, params: [], results: [], flag });

/** @throws Error on what this walk does not know */
export function interfaceOf(bytes: Uint8Array): ModuleInterface {
  const s = new Sections(bytes);
  const types: { params: ValueType[]; results: ValueType[] }[] = [];
  const spaces: Record<ModuleEntry["kind"], ModuleEntry[]> = {
    function: [],
    table: [],
    memory: [],
    global: [],
    tag: [],
  };
  const imports = new Map<string, ModuleEntry>();
  const exports = new Map<string, ModuleEntry>();
  const global = (): ModuleEntry => {
    const type = s.valueType();
    return { kind: "global", params: [], results: [type], flag: s.byte() === 1 };
  };
  const func = (): ModuleEntry => ({
    ...(types[s.u32()] ?? { params: [], results: [] }),
    kind: "function",
    flag: false,
  });
  while (!s.done) {
    const id = s.byte();
    const length = s.u32();
    const end = s.at + length;
    if (id === 1) {
      types.push(
        ...s.list(() => {
          if (s.byte() !== 0x60) throw new Error("a type that is no function type");
          return { params: s.list(() => s.valueType()), results: s.list(() => s.valueType()) };
        }),
      );
    } else if (id === 2) {
      s.list(() => {
        const name = `${s.name()}.${s.name()}`;
        const kind = KINDS[s.byte()] ?? "tag";
        let entry: ModuleEntry;
        if (kind === "function") entry = func();
        else if (kind === "memory") entry = plain("memory", (s.limits() & 2) !== 0);
        else if (kind === "global") entry = global();
        else throw new Error(`import ${name}: a ${kind}`);
        spaces[kind].push(entry);
        imports.set(name, entry);
      });
    } else if (id === 3) spaces.function.push(...s.list(func));
    else if (id === 6) {
      spaces.global.push(
        ...s.list(() => {
          const entry = global();
          s.constant();
          return entry;
        }),
      );
    } else if (id === 7) {
      s.list(() => {
        const name = s.name();
        const kind = KINDS[s.byte()] ?? "tag";
        exports.set(name, spaces[kind][s.u32()] ?? plain(kind));
      });
    }
    s.at = end;
  }
  return { imports, exports };
}

/** The module with only those exports whose name `keep` wants. */
export function keepExports(bytes: Uint8Array, keep: (name: string) => boolean): Uint8Array {
  const s = new Sections(bytes);
  while (!s.done) {
    const start = s.at;
    const id = s.byte();
    const length = s.u32();
    const end = s.at + length;
    if (id === 7) {
      const entries = s
        .list(() => {
          const from = s.at;
          const name = s.name();
          s.byte();
          s.u32();
          return { name, bytes: bytes.subarray(from, s.at) };
        })
        .filter(({ name }) => keep(name));
      const body = [leb(entries.length), ...entries.map((entry) => entry.bytes)];
      const size = body.reduce((sum, part) => sum + part.length, 0);
      return Buffer.concat([bytes.subarray(0, start), Uint8Array.of(7), leb(size), ...body, bytes.subarray(end)]);
    }
    s.at = end;
  }
  return bytes;
}

function leb(value: number): Uint8Array {
  const out: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.of(...out, rest);
    out.push((rest & 0x7f) | 0x80);
  }
}
