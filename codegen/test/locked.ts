/** Reads structures by nothing but a lock: what a program does that was built before. */
import type { Lock, LockedField } from "../src/lock.ts";
import { SCALAR_SIZE, type ScalarKind } from "../src/model.ts";

export type LockedValue = number | string | LockedValue[] | { [field: string]: LockedValue };

function scalar(kind: ScalarKind, view: DataView, at: number): LockedValue {
  switch (kind) {
    case "i8":
      return view.getInt8(at);
    case "u8":
      return view.getUint8(at);
    case "i16":
      return view.getInt16(at, true);
    case "u16":
      return view.getUint16(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "f64":
      return view.getFloat64(at, true);
    case "i64":
      return String(view.getBigInt64(at, true));
    case "u64":
      return String(view.getBigUint64(at, true));
  }
}

function element(lock: Lock, type: string, view: DataView, at: number): LockedValue {
  const kind = type.slice(type.lastIndexOf(":") + 1);
  return kind in SCALAR_SIZE ? scalar(kind as ScalarKind, view, at) : readLocked(lock, kind, view, at);
}

function value(lock: Lock, field: LockedField, view: DataView, base: number): LockedValue {
  const type = field.type.replace(/^(atomic |bounded |reserved )+/, "");
  const array = /^\[(.*):(\d+)\]$/.exec(type);
  if (array === null) return element(lock, type, view, base + field.offset);
  const count = Number(array[2]);
  return Array.from({ length: count }, (_, i) =>
    element(lock, array[1] ?? "", view, base + field.offset + (i * field.size) / count),
  );
}

/** The named fields of the structure at `at`, 64-bit numbers as text. */
export function readLocked(lock: Lock, struct: string, view: DataView, at: number): { [field: string]: LockedValue } {
  const fields = lock.structs[struct]?.fields ?? [];
  return Object.fromEntries(
    fields.filter((field) => field.reserved !== true).map((field) => [field.name, value(lock, field, view, at)]),
  );
}

/** The values of a table's buffer that its root, or the table at `at`, has; absent fields are left out. */
export function readLockedTable(lock: Lock, name: string, view: DataView, at = follow(view, 0)): LockedValue {
  const vtable = at - view.getInt32(at, true);
  const places = Object.entries(lock.tables?.[name]?.fields ?? {}).flatMap(([field, { id, type }]) => {
    const slot = 4 + 2 * id;
    const offset = slot < view.getUint16(vtable, true) ? view.getUint16(vtable + slot, true) : 0;
    return offset === 0 ? [] : [[field, at + offset, type.replace(/^(required |bounded )+| = .*$/g, "")] as const];
  });
  return Object.fromEntries(places.map(([field, place, type]) => [field, tableValue(lock, type, view, place)]));
}

function follow(view: DataView, at: number): number {
  return at + view.getUint32(at, true);
}

function tableValue(lock: Lock, type: string, view: DataView, at: number): LockedValue {
  if (type.startsWith("[")) {
    const [start, inner] = [follow(view, at), type.slice(1, -1)];
    const struct = lock.structs[inner.replace("struct ", "")]?.size;
    const size = struct ?? SCALAR_SIZE[inner.slice(inner.indexOf(":") + 1) as ScalarKind] ?? 4;
    const place = (i: number): number => start + 4 + i * size;
    return Array.from({ length: view.getUint32(start, true) }, (_, i) => tableValue(lock, inner, view, place(i)));
  }
  if (type.startsWith("table ")) return readLockedTable(lock, type.slice(6), view, follow(view, at));
  if (type !== "string") return element(lock, type.replace("struct ", ""), view, at);
  const start = follow(view, at);
  return new TextDecoder().decode(
    new Uint8Array(view.buffer, view.byteOffset + start + 4, view.getUint32(start, true)),
  );
}

/** What of `part` is missing in, or differs from, `whole`; by path. */
export function missing(part: LockedValue, whole: LockedValue | undefined, path: string): string[] {
  if (typeof part !== "object") return part === whole ? [] : [`${path}: ${part}, not ${JSON.stringify(whole)}`];
  if (Array.isArray(part))
    return part.flatMap((item, i) => missing(item, Array.isArray(whole) ? whole[i] : undefined, `${path}[${i}]`));
  const others = typeof whole === "object" && !Array.isArray(whole) ? whole : {};
  return Object.entries(part).flatMap(([name, item]) => missing(item, others[name], `${path}.${name}`));
}
