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

/** What of `part` is missing in, or differs from, `whole`; by path. */
export function missing(part: LockedValue, whole: LockedValue | undefined, path: string): string[] {
  if (typeof part !== "object") return part === whole ? [] : [`${path}: ${part}, not ${JSON.stringify(whole)}`];
  if (Array.isArray(part))
    return part.flatMap((item, i) => missing(item, Array.isArray(whole) ? whole[i] : undefined, `${path}[${i}]`));
  const others = typeof whole === "object" && !Array.isArray(whole) ? whole : {};
  return Object.entries(part).flatMap(([name, item]) => missing(item, others[name], `${path}.${name}`));
}
