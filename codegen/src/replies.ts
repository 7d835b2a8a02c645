/** What a request's reply says: attributes of its struct. */
import type { RawObject } from "./bfbs.ts";
import { type EnumModel, type ReplyModel, type ReplyPart, replyNames, slotKind } from "./model.ts";

const PARTS = ["result", "value", "value2", "handle"] as const;

/** Undefined when the struct declares no errnos, as every request must. */
export function readReply(item: RawObject): ReplyModel | undefined {
  const errnos = item.attributes.get("errnos");
  if (errnos === undefined) return undefined;
  return {
    parts: PARTS.flatMap((from): ReplyPart[] => {
      const text = item.attributes.get(from);
      if (text === undefined) return [];
      const [, name = text, unit, doc = ""] = /^([^:(]*?)(?: \(([^)]*)\))?(?:: (.*))?$/.exec(text) ?? [];
      return [{ from, name, unit, doc }];
    }),
    payload: item.attributes.get("payload"),
    errnos: errnos.split("|").filter((word) => word !== "" && word !== "0"),
  };
}

/** A payload of one name, or of "Name records", is a layout of the schema; anything else is words. */
export function checkPayload(
  label: string,
  reply: ReplyModel,
  layouts: { readonly structs: ReadonlyMap<string, unknown>; readonly tables: ReadonlyMap<string, unknown> },
): string[] {
  const name = replyNames(reply)["payload"];
  if (name === undefined || layouts.structs.has(name) || layouts.tables.has(name)) return [];
  return [`${label}: there is no struct or table ${name}; declare it or correct (payload)`];
}

export function checkReply(label: string, reply: ReplyModel, enums: ReadonlyMap<string, EnumModel>): string[] {
  const names = enums.get("Errno")?.values.flatMap((value) => [value.name, ...value.aliases]) ?? [];
  return [
    ...reply.errnos
      .filter((errno) => !names.includes(errno))
      .map((errno) => `${label}: there is no errno ${errno}; add it to Errno or correct (errnos)`),
    ...reply.parts
      .filter((part) => (part.from === "handle") !== (slotKind(part.unit) !== undefined))
      .map(
        (part) =>
          `${label}: (${part.from}) a handle says which slot it is, and nothing else does; write (handle: "ofd (slot:Ofd): the file")`,
      ),
    ...reply.parts
      .filter((part) => part.from !== "handle" && part.unit !== undefined && part.unit !== "hash")
      .map(
        (part) =>
          `${label}: (${part.from}) "${part.unit}": only (hash) stands there, for what takes all 64 bits; remove it`,
      ),
    ...reply.parts
      .filter((part) => !/^[a-z][a-z0-9_]*$/.test(part.name))
      .map((part) => `${label}: (${part.from}) begins with a name; write (${part.from}: "bytes: how many were read")`),
  ];
}
