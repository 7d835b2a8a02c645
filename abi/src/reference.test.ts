/** The examples in docs/abi/opcodes.md run: each writes an entry that is read back the same. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as abi from "./index.ts";

const text = readFileSync(new URL("../../docs/abi/opcodes.md", import.meta.url), "utf8");
const examples = [...text.matchAll(/^## (\w+)\n[\s\S]*?```ts\n(encode\w+)\(mem, at, (.*)\);\n```/gm)];

test("there is one for every opcode", () => {
  const opcodes = Object.keys(abi.Opcode).filter((name) => name !== "None");
  expect(examples.map(([, name]) => name).sort()).toEqual(opcodes.sort());
});

test.each(examples.map(([, name = "", encode = "", entry = ""]) => ({ name, encode, entry })))(
  "$name",
  ({ encode, entry }) => {
    const mem = new abi.Mem(new ArrayBuffer(128));
    // The page is generated from our own schema: nothing foreign is run here.
    const value = new Function(...Object.keys(abi), `return (${entry});`)(
      ...Object.values(abi),
    ) as abi.KernelWorkerRequest;
    if (encode === "encodeKernelWorkerRequest") {
      abi.encodeKernelWorkerRequest(mem, 64, value);
      expect(abi.decodeKernelWorkerRequest(mem, 64)).toMatchObject({ opcode: value.opcode, requestId: 1 });
    } else {
      const event = value as unknown as abi.KernelWorkerOutbound;
      abi.encodeKernelWorkerOutbound(mem, 64, event);
      expect(abi.decodeKernelWorkerOutbound(mem, 64)).toMatchObject({ opcode: event.opcode, requestId: 1 });
    }
  },
);
