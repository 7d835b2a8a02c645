/** What a request is for its callers: who may make it, what its spans hold, what it gives and takes. */
import type { Attributes, RawObject } from "./bfbs.ts";
import {
  type FieldModel,
  payloadLayout,
  type RequestModel,
  requestsOf,
  SPAN_ROLES,
  type SpanRole,
  type StructModel,
  slotKind,
  type UnionModel,
} from "./model.ts";
import { snake } from "./names.ts";

/** Structs by which a request names bytes of the arena, and slots. */
const SPAN = "ArenaSpan";
const HANDLE = "SlotHandle";

/** @param opcode undefined: it is no entry of a ring */
export function readRequest(item: RawObject, opcode: string | undefined): RequestModel | undefined {
  if (opcode === undefined || !item.attributes.has("errnos")) return undefined;
  return {
    syscall: item.attributes.get("syscall") ?? snake(opcode).replaceAll("_", "-"),
    prompt: item.attributes.has("prompt"),
    host: item.attributes.has("host"),
    gives: item.attributes.get("gives")?.split("|") ?? [],
    takes: item.attributes.get("takes"),
  };
}

export function readFieldOfRequest(attributes: Attributes): Pick<FieldModel, "span" | "optional" | "mine"> {
  return {
    // What is none of them is refused below.
    span: attributes.get("span") as SpanRole | undefined,
    optional: attributes.has("omittable"),
    mine: attributes.get("mine"),
  };
}

/** Where the kind of the slots stands that a request gives: in the reply, or in a field of its payload. */
export function givenKind(
  item: StructModel,
  name: string,
  structs: ReadonlyMap<string, StructModel>,
): string | undefined {
  const handle = item.reply?.parts.find((part) => part.from === "handle" && part.name === name);
  if (handle !== undefined) return slotKind(handle.unit);
  const layout = payloadLayout(item.reply);
  const payload = layout?.form === "one" ? structs.get(layout.name) : undefined;
  const field = payload?.fields.find((candidate) => candidate.name === name);
  return field !== undefined && isHandle(field) ? slotKind(field.unit) : undefined;
}

function isHandle(field: FieldModel): boolean {
  return "struct" in field.type && field.type.struct === HANDLE;
}

export function checkRequests(unions: readonly UnionModel[], structs: ReadonlyMap<string, StructModel>): string[] {
  const problems: string[] = [];
  const inRequests = new Set<FieldModel>();
  for (const union of unions) {
    const items = requestsOf(union, { structs });
    for (const item of items) {
      for (const field of item.fields) inRequests.add(field);
      const refuse = (sentence: string): void => {
        problems.push(`${item.where}: struct ${item.name}: ${sentence}.`);
      };
      checkSpans(item, refuse);
      checkPossession(item, items, structs, refuse);
    }
  }
  for (const item of structs.values()) {
    for (const field of item.fields) {
      if (inRequests.has(field)) continue;
      const word =
        field.span !== undefined ? "span" : field.mine !== undefined ? "mine" : field.optional ? "omittable" : "";
      if (word !== "")
        problems.push(`${field.where}: ${item.name}.${field.name}: (${word}) is for fields of requests; remove it.`);
    }
  }
  return problems;
}

function checkSpans(item: StructModel, refuse: (sentence: string) => void): void {
  for (const field of item.fields) {
    const isSpan = "struct" in field.type && field.type.struct === SPAN;
    if (isSpan && (field.span === undefined || !SPAN_ROLES.includes(field.span)))
      refuse(`${field.name} does not say what lies there; add (span: "path"), or one of ${SPAN_ROLES.join(", ")}`);
    else if (!isSpan && field.span !== undefined) refuse(`${field.name}: (span) is for an ${SPAN}; remove it`);
    // Frames carry the bytes of all spans but this one, by its name.
    else if ((field.span === "reply") !== (field.name === "reply" && isSpan))
      refuse(`${field.name}: the span that the kernel writes is the one that is called reply; rename it`);
  }
  const writes = item.fields.some((field) => field.span === "reply");
  if (writes !== (item.reply?.payload !== undefined))
    refuse("a reply has bytes when there is a span for them; give both (payload) and a field reply, or none");
}

function checkPossession(
  item: StructModel,
  items: readonly StructModel[],
  structs: ReadonlyMap<string, StructModel>,
  refuse: (sentence: string) => void,
): void {
  const { request, reply } = item;
  for (const name of request?.gives ?? []) {
    const kind = givenKind(item, name, structs);
    if (kind === undefined)
      refuse(`(gives) ${name} is neither the reply's handle nor a ${HANDLE} of its payload with a slot; correct it`);
    else if (!items.some((other) => takenKind(other) === kind))
      refuse(`(gives) nothing takes a ${kind} back; add (takes) to the request that does`);
  }
  if (request?.takes !== undefined && takenKind(item) === undefined)
    refuse(`(takes) ${request.takes} is no ${HANDLE} field with (unit: "slot:Kind"); correct it`);
  for (const field of item.fields) {
    if (field.mine === undefined) continue;
    if (slotKind(field.unit) === undefined)
      refuse(`${field.name}: (mine) is for what names a slot; add (unit: "slot:Kind")`);
    if (reply?.errnos.includes(field.mine) !== true)
      refuse(`${field.name}: (mine) answers ${field.mine}, which its (errnos) lack; add it there`);
  }
}

/** Kind of the slots that a request takes back. */
export function takenKind(item: StructModel): string | undefined {
  const field = item.fields.find((candidate) => candidate.name === item.request?.takes);
  return field !== undefined && isHandle(field) ? slotKind(field.unit) : undefined;
}
