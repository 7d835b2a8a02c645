import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OscFilter } from "./osc-filter.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (data: Uint8Array): string => String.fromCharCode(...data);

function shown(input: string, blocked?: number[]): string {
  const filter = new OscFilter(blocked);
  return text(filter.push(bytes(input))) + text(filter.end());
}

/** With names for what controls. */
const readable = (output: string): string =>
  output.replaceAll("\x1b", "ESC").replaceAll("\xc2\x9d", "OSC").replaceAll("\x07", "BEL");

describe("OscFilter", () => {
  test.each([
    ["plain text", "plain text"],
    ["a\x1b]0;title\x07b", "ab"],
    ["a\x1b]2;title\x1b\\b", "ab"],
    ["a\x1b]52;c;c3RvbGVu\x07b", "ab"],
    ["a\x1b]0052;c;x\x07b", "ab"],
    ["a\xc2\x9d0;title\xc2\x9cb", "ab"],
    ["a\x1b]0;cut off by CAN\x18b", "ab"],
    ["a\x1b]0;cut off by a colour\x1b[31mb", "a\x1b[31mb"],
    ["a\x1b]0;one\x1b]0;two\x07b", "ab"],
    ["a\x1b]0\x07b", "ab"],
    // What is not blocked passes as it is.
    ["a\x1b]8;;http://example.org\x07link\x1b]8;;\x07", "a\x1b]8;;http://example.org\x07link\x1b]8;;\x07"],
    ["a\x1b]1337;x\x07b", "a\x1b]1337;x\x07b"],
    ["a\x1b]520;x\x07b", "a\x1b]520;x\x07b"],
    ["\x1b[31mred\x1b[0m \x1b\x1b]", "\x1b[31mred\x1b[0m \x1b\x1b]"],
    ["\xc2\xa9 \xc3\x9d", "\xc2\xa9 \xc3\x9d"],
    ["\x1b]x\x1b", "\x1b]x\x1b"],
  ])("%j shows %j", (input, output) => {
    expect(shown(input)).toBe(output);
  });

  test("what is allowed passes", () => {
    expect(shown("\x1b]0;title\x07\x1b]52;c;x\x07", [52])).toBe("\x1b]0;title\x07");
  });

  test("a sequence that ends a blocked string, cut behind its first byte", () => {
    const filter = new OscFilter();
    const parts = ["\x1b]2\x1b", "[", "1m"].map((part) => text(filter.push(bytes(part))));
    expect(parts).toEqual(["", "\x1b[", "1m"]);
  });

  test("it does not matter where the output is cut", () => {
    const piece = fc.constantFrom(
      "\x1b]",
      "0;",
      "52;",
      "8;",
      "2",
      "\x07",
      "\x1b\\",
      "\x1b[1m",
      "x",
      "\xc2\x9d",
      "\xc2\x9c",
      "\xc2",
      "\x18",
      ";",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.array(fc.nat(8), { minLength: 1, maxLength: 30 }),
        (pieces, cuts) => {
          const input = pieces.join("");
          const filter = new OscFilter();
          let output = "";
          for (let at = 0, i = 0; at < input.length; i++) {
            const length = 1 + cuts[i % cuts.length]!;
            output += text(filter.push(bytes(input.slice(at, at + length))));
            at += length;
          }
          expect(output + text(filter.end())).toBe(shown(input));
        },
      ),
    );
  });

  test("no output ever holds a blocked string, and none is longer than its input", () => {
    const part = fc.constantFrom("\x1b", "]", "0", "5", "2", ";", "a", "\x07", "\\", "\xc2", "\x9d");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
        const output = shown(parts.join(""));
        expect(output.length).toBeLessThanOrEqual(parts.length);
        expect(readable(output)).not.toMatch(/(ESC\]|OSC)0*(0|1|2|52)(;|BEL)/);
      }),
    );
  });
});
