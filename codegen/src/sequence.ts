/** What readers of slots may rely on: words under the slot's sequence, and the word by which the slot counts. */
import { type FieldModel, fieldSize, type Model, type StructModel } from "./model.ts";

/** A field of a slot, or of a struct that lies in it. */
interface SlotWord {
  /** Its path from the slot, with dots. */
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly field: FieldModel;
}

/** What holds for the slots of a table. */
interface SlotRule {
  readonly item: StructModel;
  readonly kind: string;
  /** It is 0 until all else is there; undefined where the table does not tell. */
  readonly counts: SlotWord | undefined;
  /** They change only while the sequence is odd. */
  readonly under: readonly SlotWord[];
}

function wordsOf(item: StructModel, model: Model, at = 0, prefix = ""): SlotWord[] {
  return item.fields.flatMap((field): SlotWord[] => {
    const word = { name: `${prefix}${field.name}`, offset: at + field.offset, bytes: fieldSize(field), field };
    const inner =
      "struct" in field.type && field.count === undefined ? model.structs.get(field.type.struct) : undefined;
    // What is marked as a whole is not told part by part.
    if (inner === undefined || field.seqlock) return [word];
    return [word, ...wordsOf(inner, model, word.offset, `${word.name}.`)];
  });
}

/** Tables with words under their slots' sequence. */
export function slotRules(model: Model): SlotRule[] {
  return [...model.structs.values()].flatMap((item) => {
    if (item.slot === undefined) return [];
    const words = wordsOf(item, model);
    const under = words.filter(({ field }) => field.seqlock);
    if (under.length === 0) return [];
    return [{ item, kind: item.slot, counts: words.find(({ field }) => field.counts), under }];
  });
}
