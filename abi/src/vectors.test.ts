import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as abi from "./index.ts";
import { checkEnum, checkVector, type GeneratedModule, type Vectors } from "./vectors.ts";

const vectors = JSON.parse(readFileSync(new URL("../vectors.json", import.meta.url), "utf8")) as Vectors;
const generated: GeneratedModule = { ...abi };

describe("abi/vectors.json", () => {
  test("has the layout hash of the generated code", () => {
    const hash = (BigInt(abi.LayoutHashHi) << 32n) | BigInt(abi.LayoutHashLo);
    expect(hash.toString(16).padStart(16, "0")).toBe(vectors.layoutHash);
  });

  test.each(vectors.structs)("$struct", (vector) => {
    expect(checkVector(generated, vector)).toEqual([]);
  });

  test.each(Object.entries(vectors.enums))("%s", (name, values) => {
    expect(checkEnum(generated, name, values)).toEqual([]);
  });

  test("a wrong byte, value or name is told", () => {
    const vector = vectors.structs.find((item) => item.struct === "SlotHandle");
    if (vector === undefined) throw new Error("no vector for SlotHandle");
    const zeros = { ...vector, bytes: "00".repeat(vector.size) };
    expect(checkVector(generated, zeros)).toHaveLength(2);
    expect(checkVector(generated, { ...vector, struct: "Nothing" })).toHaveLength(1);
    expect(checkVector(generated, { ...vector, size: 4 })).toHaveLength(1);
    expect(checkEnum(generated, "Errno", { ENOENT: "3", ENOTHING: "2" })).toHaveLength(2);
  });
});

describe("ring entries", () => {
  const entries = vectors.structs.filter(
    (item) => /^[0-9a-f]{128}$/.test(item.bytes) && /(Request|Event)$/.test(item.struct),
  );

  test.each(entries)("$struct goes through the union unchanged", ({ struct, bytes }) => {
    const mem = new abi.Mem(new SharedArrayBuffer(256));
    const wanted = Buffer.from(bytes, "hex");
    mem.u8.set(wanted, 64);
    if (struct.endsWith("Request")) {
      const entry = abi.decodeKernelWorkerRequest(mem, 64);
      if (entry === undefined) throw new Error("not decoded");
      expect(abi.decodeKernelWorkerOutbound(mem, 64)).toBeUndefined();
      abi.encodeKernelWorkerRequest(mem, 128, entry);
    } else {
      const entry = abi.decodeKernelWorkerOutbound(mem, 64);
      if (entry === undefined) throw new Error("not decoded");
      expect(abi.decodeKernelWorkerRequest(mem, 64)).toBeUndefined();
      abi.encodeKernelWorkerOutbound(mem, 128, entry);
    }
    expect(Buffer.from(mem.u8.slice(128, 192)).toString("hex")).toBe(bytes);
  });

  test("an unknown opcode is no entry, an address outside is an error", () => {
    const mem = new abi.Mem(new SharedArrayBuffer(128));
    mem.u8.fill(0xff);
    expect(abi.decodeKernelWorkerRequest(mem, 0)).toBeUndefined();
    expect(() => abi.decodeKernelWorkerRequest(mem, 128)).toThrow(RangeError);
  });
});
