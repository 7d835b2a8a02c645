/** The wasm boundary in the schema: tables with (import) or (export) become functions, memories and globals. */
import { BaseType, type RawObject } from "./bfbs.ts";
import type { BoundaryItem, BoundaryParam, EnumModel, ScalarKind } from "./model.ts";

/** Who may call across the boundary. */
export const CALLERS = ["boot", "hart", "kernel-worker", "kernel"] as const;

const RESULTS: ReadonlyMap<string, ScalarKind> = new Map([
  ["int", "i32"],
  ["uint", "u32"],
  ["long", "i64"],
  ["ulong", "u64"],
  ["float", "f32"],
  ["double", "f64"],
]);

const PARAMS: ReadonlyMap<number, ScalarKind> = new Map([
  [BaseType.Int, "i32"],
  [BaseType.UInt, "u32"],
  [BaseType.Long, "i64"],
  [BaseType.ULong, "u64"],
  [BaseType.Float, "f32"],
  [BaseType.Double, "f64"],
]);

export function isBoundary(item: RawObject): boolean {
  return item.attributes.has("import") || item.attributes.has("export");
}

/** What the builder knows of a declaration. */
export interface Context {
  readonly name: string;
  readonly where: string;
  readonly enums: ReadonlyMap<string, EnumModel>;
  enumOf(index: number): string | undefined;
  refuse(sentence: string): void;
}

export function readBoundary(item: RawObject, context: Context): BoundaryItem {
  const { name, refuse } = context;
  const attributes = item.attributes;
  const imported = attributes.get("import");
  const exported = attributes.get("export");
  const label = `table ${name}`;
  if (imported !== undefined && exported !== undefined)
    refuse(`${label}: it is an import and an export; declare it twice, under two names`);
  const [module, symbol] = imported === undefined ? ["", exported ?? ""] : split(imported);
  if (symbol === "") refuse(`${label}: (import) names a module and a name; write (import: "host.now")`);
  const kind = attributes.has("memory") ? "memory" : attributes.has("global") ? "global" : "function";
  const returns = attributes.get("returns");
  const result = returns === undefined ? undefined : RESULTS.get(returns);
  if (returns !== undefined && result === undefined)
    refuse(`${label}: wasm has no result of type "${returns}"; use ${[...RESULTS.keys()].join(", ")}`);
  if (kind === "global" && result === undefined) refuse(`${label}: a global needs its type; add (returns: "uint")`);
  if (kind === "memory" && attributes.get("memory") !== "shared")
    refuse(`${label}: a machine's memory is shared by its workers; write (memory: "shared")`);
  if (kind === "global" && !["mutable", "const"].includes(attributes.get("global") ?? ""))
    refuse(`${label}: a global may change or not; write (global: "mutable") or (global: "const")`);
  const caller = attributes.get("caller");
  if (kind !== "memory" && !CALLERS.some((known) => known === caller))
    refuse(`${label}: it does not say who may call it; add (caller: "…") with ${CALLERS.join(", ")}`);
  const status = attributes.get("status");
  if (status !== undefined && (result !== "i32" || !context.enums.has(status)))
    refuse(
      `${label}: (status) names an enum of an int result, but there is no enum ${status}, or the result is another`,
    );
  return {
    name,
    doc: item.doc,
    where: context.where,
    direction: imported === undefined ? "export" : "import",
    module,
    symbol,
    kind,
    params: item.fields.map((field): BoundaryParam => {
      const scalar = PARAMS.get(field.type.base);
      if (scalar === undefined)
        refuse(`${name}.${field.name}: wasm passes int, uint, long, ulong, float and double; use one of them`);
      return {
        name: field.name,
        scalar: scalar ?? "u32",
        enum: field.type.index < 0 ? undefined : context.enumOf(field.type.index),
        unit: field.attributes.get("unit"),
        doc: field.doc,
      };
    }),
    result,
    status,
    mutable: attributes.get("global") === "mutable",
    caller: caller ?? "",
    after: (attributes.get("after") ?? "")
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== ""),
    toolchain: attributes.has("toolchain"),
  };
}

/** Each `after` names an export. */
export function checkBoundary(items: readonly BoundaryItem[]): string[] {
  const exports = new Set(items.filter((item) => item.direction === "export").map((item) => item.symbol));
  const seen = new Set<string>();
  return items.flatMap((item) => {
    const key = `${item.direction} ${item.module}.${item.symbol}`;
    const twice = seen.has(key);
    seen.add(key);
    return [
      ...(twice ? [`${item.where}: table ${item.name}: ${item.symbol} is declared already; remove one.`] : []),
      ...item.after
        .filter((name) => !exports.has(name))
        .map((name) => `${item.where}: table ${item.name}: there is no export ${name}; declare it or correct (after).`),
    ];
  });
}

function split(name: string): [string, string] {
  const at = name.indexOf(".");
  return at < 0 ? ["", ""] : [name.slice(0, at), name.slice(at + 1)];
}
