/** The handshake: which versions fit, and what the others are answered. */
import { AbiVersion, Fixed, LayoutHashHi, LayoutHashLo, SlotKind } from "../../ts/index.ts";
import { type Hello, hello } from "./opcode-machine.ts";
import { resultText } from "./peer.ts";
import { type Case, NOWHERE, type Trial } from "./trial.ts";

const OURS = BigInt(LayoutHashHi) * 2n ** 32n + BigInt(LayoutHashLo);
const OTHER = { layoutHashLo: 0x89abcdef, layoutHashHi: 0x01234567 };
const VERSION = BigInt(AbiVersion.Major) + BigInt(AbiVersion.Minor) * 65536n;

/** AbiVersion's rule. */
function fits(major: number, minor: number, sameLayout: boolean): boolean {
  if (major !== AbiVersion.Major) return false;
  return (major !== 0 && minor !== AbiVersion.Minor) || sameLayout;
}

async function say(t: Trial, change: Partial<Hello>): Promise<void> {
  const ask = { ...(await hello(t.peer)), ...change };
  const same = ask.layoutHashLo === LayoutHashLo && ask.layoutHashHi === LayoutHashHi;
  const wanted = fits(ask.abiMajor, ask.abiMinor, same);
  const { result, value, value2 } = await t.peer.request(ask);
  const text = resultText(result);
  if (wanted) t.check(result >= 0n, `a client that fits is answered ${text}`);
  else t.equal(text, "EPROTO", "the result for a client that does not fit");
  t.equal(value, VERSION, "the version in the reply's value");
  t.equal(value2, OURS, "the layout hash in the reply's value2");
  if (!wanted) {
    const untouched = (await t.peer.bytes(ask.reply)).every((byte) => byte === 0xa5);
    t.check(untouched, "a client that was refused got bytes all the same");
  }
}

const minor = (by: number): number => (AbiVersion.Minor + by) & 0xffff;

const SAID: Readonly<Record<string, Partial<Hello>>> = {
  "the same version": {},
  "a newer minor, the same layout": { abiMinor: minor(1) },
  "an older minor, the same layout": { abiMinor: minor(-1) },
  "a newer minor of another layout": { abiMinor: minor(1), ...OTHER },
  "the same version, another layout": OTHER,
  "half of the layout hash wrong": { layoutHashLo: OTHER.layoutHashLo },
  "a newer major, the same layout": { abiMajor: AbiVersion.Major + 1 },
  "a newer major of another layout": { abiMajor: AbiVersion.Major + 1, ...OTHER },
  "the highest major": { abiMajor: 0xffff, abiMinor: 0xffff, layoutHashLo: 0xffffffff, layoutHashHi: 0xffffffff },
};

export const VERSION_CASES: readonly Case[] = [
  ...Object.entries(SAID).map(([name, change]): Case => ({ family: "version", name, run: (t) => say(t, change) })),
  {
    family: "version",
    name: "no table is wanted",
    run: async (t) => {
      const { result, value } = await t.peer.ok({ ...(await hello(t.peer)), reply: NOWHERE });
      t.equal(result, 0n, "the result");
      t.equal(value, VERSION, "the version in the reply's value");
    },
  },
  {
    family: "version",
    name: "requests after a refusal are answered",
    run: async (t) => {
      await t.peer.refused({ ...(await hello(t.peer)), ...OTHER }, "EPROTO");
      await t.peer.ok(await hello(t.peer));
    },
  },
  {
    family: "version",
    name: "the machine header says the same, and its tables lie in the memory",
    needs: ["memory"],
    run: async (t) => {
      const header = await t.header();
      t.equal(header.magic, Fixed.Magic, "the magic");
      t.equal(header.abiMajor, AbiVersion.Major, "the major version");
      t.equal(header.abiMinor, AbiVersion.Minor, "the minor version");
      t.equal(header.layoutHashLo, LayoutHashLo, "the low half of the layout hash");
      t.equal(header.layoutHashHi, LayoutHashHi, "the high half of the layout hash");
      for (const [name, kind] of Object.entries(SlotKind)) {
        if (kind === SlotKind.None) continue;
        const { base, stride, capacity, highWater } = header.tables(kind).toData();
        if (capacity === 0) continue;
        t.check((base | stride) % 4 === 0, `table ${name}: base ${base} and stride ${stride}`);
        t.check(highWater <= capacity, `table ${name}: ${highWater} of ${capacity} slots were used`);
        const end = base + stride * capacity;
        t.check(end <= header.memoryMaxPages * 65536, `table ${name} ends at ${end}, outside the memory`);
      }
    },
  },
];
