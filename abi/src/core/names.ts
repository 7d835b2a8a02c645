/** Names of the ABI's numbers, for messages and traces; the generated `…Name` functions use them. */

type Numbers = Readonly<Record<string, number | bigint>>;

const reversed = new WeakMap<Numbers, ReadonlyMap<number | bigint, string>>();

/** The first name of each number; aliases come later in a table and do not count. */
function reverse(numbers: Numbers): ReadonlyMap<number | bigint, string> {
  let names = reversed.get(numbers);
  if (names === undefined) {
    const map = new Map<number | bigint, string>();
    for (const [name, value] of Object.entries(numbers)) if (!map.has(value)) map.set(value, name);
    reversed.set(numbers, map);
    names = map;
  }
  return names;
}

/** The name of `value`, or `Errno(4711)` when it has none. */
export function enumName(type: string, numbers: Numbers, value: number | bigint): string {
  return reverse(numbers).get(value) ?? `${type}(${value})`;
}

/** The names of the bits of `value`, joined by `|`; unknown bits follow in hexadecimal. */
export function flagNames(numbers: Numbers, value: number | bigint): string {
  let rest = BigInt.asUintN(64, BigInt(value));
  const names: string[] = [];
  for (const [bit, name] of reverse(numbers)) {
    const mask = BigInt.asUintN(64, BigInt(bit));
    if (mask !== 0n && (rest & mask) === mask) names.push(name);
  }
  for (const bit of reverse(numbers).keys()) rest &= ~BigInt.asUintN(64, BigInt(bit));
  if (rest !== 0n || names.length === 0) names.push(`0x${rest.toString(16)}`);
  return names.join("|");
}
