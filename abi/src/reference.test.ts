/** The examples in docs/abi/opcodes.md run: each writes an entry that is read back the same, each method makes its opcode's. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as abi from "./index.ts";

const text = readFileSync(new URL("../../docs/abi/opcodes.md", import.meta.url), "utf8");
const examples = [
  ...text.matchAll(/^## (\w+)\n[\s\S]*?```ts\n(?:client\.request\.(.*)\n)?(encode\w+)\(mem, at, (.*)\);\n```/gm),
];

test("there is one for every opcode", () => {
  const opcodes = Object.keys(abi.Opcode).filter((name) => name !== "None");
  expect(examples.map(([, name]) => name).sort()).toEqual(opcodes.sort());
});

test.each(examples.map(([, name = "", , encode = "", entry = ""]) => ({ name, encode, entry })))(
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

test.each(examples.flatMap(([, name = "", method]) => (method === undefined ? [] : [{ name, method }])))(
  "client.request.$method",
  ({ name, method }) => {
    const mem = new abi.Mem(new ArrayBuffer(64 * 1024));
    const entries: abi.KernelWorkerRequest[] = [];
    const request = new abi.KernelWorkerRequests({
      call: (spec) => {
        const bytes = (at: number, length: number): Uint8Array => mem.u8.subarray(4096 + at, 4096 + at + length);
        entries.push(spec.encode(0, { mem, base: 4096, bytes }));
        return Promise.reject<never>(new Error("nobody answers"));
      },
    });
    // As above.
    const asked = new Function("request", `return request.${method};`)(request) as Promise<unknown>;
    asked.catch(() => undefined);
    expect(entries.map(({ opcode }) => abi.opcodeName(opcode))).toEqual([name]);
    abi.encodeKernelWorkerRequest(mem, 0, entries[0]!);
    expect(abi.decodeKernelWorkerRequest(mem, 0)).toEqual(entries[0]);
  },
);
