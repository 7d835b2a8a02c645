/** This package's own structs and tables as a codec: what TypeScript subjects offer, and what the kit compares with. */

import * as generated from "../../ts/index.ts";
import { Mem } from "../core/mem.ts";
import type { CodecValue, SubjectCodec } from "./subject.ts";

interface View {
  toData(): Record<string, unknown>;
  setData(data: unknown): void;
}
type ViewClass = (new (mem: Mem, addr: number) => View) & { readonly SIZE: number };

export type Fields = { [field: string]: CodecValue };

/** Names compare without case and underscores: `request_id` is `requestId`. */
export const plain = (name: string): string => name.replaceAll("_", "").toLowerCase();

function classOf(struct: string): ViewClass {
  const found = (generated as unknown as Record<string, ViewClass | undefined>)[struct];
  if (found === undefined || typeof found.SIZE !== "number") throw new RangeError(`the ABI has no struct "${struct}"`);
  return found;
}

function toValue(value: unknown): CodecValue {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : String(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as unknown as unknown[], toValue);
  if (typeof value !== "object" || value === null) throw new TypeError(`a ${typeof value} is no value of a struct`);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toValue(field)]));
}

/** `value` in the type that `like` has, which is the same field of a struct of zeros. */
function fromValue(value: CodecValue, like: unknown, where: string): unknown {
  if (typeof like === "bigint") return BigInt(value as string | number);
  if (typeof like === "number") return Number(value);
  if (Array.isArray(value)) {
    const list = like as ArrayLike<unknown> & { readonly constructor: unknown };
    const items = value.map((item, i) => fromValue(item, list[i], `${where}[${i}]`));
    if (Array.isArray(like)) return items;
    const typed = like as { constructor: { from(values: unknown[]): unknown } };
    return typed.constructor.from(items);
  }
  const fields = new Map(Object.entries(value as Fields).map(([name, field]) => [plain(name), field]));
  return Object.fromEntries(
    Object.entries(like as Record<string, unknown>).map(([name, zero]) => {
      const field = fields.get(plain(name));
      if (field === undefined) throw new TypeError(`${where}.${name} has no value`);
      return [name, fromValue(field, zero, `${where}.${name}`)];
    }),
  );
}

/** A ring entry's `header` counts as fields of its own, as this package's data objects have it. */
export function flat(values: Fields): Fields {
  const { header, ...rest } = values;
  if (typeof header !== "object" || Array.isArray(header) || !("opcode" in header)) return values;
  return { ...header, ...rest };
}

export const ownCodec: SubjectCodec = {
  async decode(struct, bytes) {
    const Struct = classOf(struct);
    if (bytes.length !== Struct.SIZE) throw new RangeError(`${struct} has ${Struct.SIZE} bytes, not ${bytes.length}`);
    const mem = new Mem(new ArrayBuffer((Struct.SIZE + 7) & ~7));
    mem.u8.set(bytes);
    return toValue(new Struct(mem, 0).toData()) as Fields;
  },
  async encode(struct, values) {
    const Struct = classOf(struct);
    const mem = new Mem(new ArrayBuffer((Struct.SIZE + 7) & ~7));
    const view = new Struct(mem, 0);
    const zeros = view.toData();
    view.setData(fromValue("opcode" in zeros ? flat(values) : values, zeros, struct));
    return mem.u8.slice(0, Struct.SIZE);
  },
  async verify(table, bytes) {
    const verify = {
      KernelRuntimeState: generated.verifyKernelRuntimeState,
      LayerManifest: generated.verifyLayerManifest,
    }[table];
    if (verify === undefined) throw new RangeError(`the ABI has no table "${table}"`);
    try {
      verify(bytes);
      return true;
    } catch {
      return false;
    }
  },
};
