/** Strings and bytes in strace(1)'s words: C's escapes, octal where C has none. */

/** strace shows so many bytes of a string, and so many elements of an array (its option -s). */
export const SHOWN = 32;

const ESCAPES: Readonly<Record<number, string>> = {
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Bytes in quotes. */
export function quoted(bytes: Uint8Array): string {
  let text = '"';
  for (const [i, byte] of bytes.entries()) {
    const special = ESCAPES[byte];
    if (special !== undefined) text += special;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else {
      const octal = byte.toString(8);
      text += `\\${isDigit(bytes[i + 1]) ? octal.padStart(3, "0") : octal}`;
    }
  }
  return `${text}"`;
}

/** Bytes in quotes, each in hexadecimal. */
export function quotedHex(bytes: Uint8Array): string {
  return `"${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}"`;
}
