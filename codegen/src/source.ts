/**
 * Where things stand in the .fbs text. A binary schema sorts declarations by
 * name and keeps no line numbers; readers of generated code and of error
 * messages want the author's order and a place to look.
 */

export interface SourceMap {
  /** Line of a declaration, or of `Declaration.member`; 0 when unknown. */
  line(name: string): number;
  /** Position of a declaration or member among all of the file; 0 when unknown. */
  rank(name: string): number;
  /** Declarations in the order of the file. */
  readonly order: readonly string[];
}

const DECLARATION = /^\s*(?:struct|table|enum|union)\s+(\w+)/;
const MEMBERS = /(\w+)\s*(?=[:=,}]|$)/g;

export function mapSource(text: string): SourceMap {
  const lines = new Map<string, number>();
  const order: string[] = [];
  let current = "";
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\/\/.*$/, "");
    const declaration = DECLARATION.exec(line);
    if (declaration?.[1] !== undefined) {
      current = declaration[1];
      order.push(current);
      lines.set(current, index + 1);
    }
    for (const [, member] of line.matchAll(MEMBERS)) {
      const key = `${current}.${member}`;
      if (!lines.has(key)) lines.set(key, index + 1);
    }
  }
  const ranks = new Map([...lines.keys()].map((name, index) => [name, index + 1]));
  return { order, line: (name) => lines.get(name) ?? 0, rank: (name) => ranks.get(name) ?? 0 };
}
