/** docs/abi/by-hand.md: the bytes of the page "a client in another language", said to a machine. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Runtime } from "@foreshore/runtime";
import { controlSocket, type ListeningSocket } from "@foreshore/sdk/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cat } from "../runtime/src/testing/guests.ts";

const page = readFileSync(join(import.meta.dirname, "../docs/abi/by-hand.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "foreshore-by-hand-"));
const path = join(folder, "control");
let machine: Runtime;
let listening: ListeningSocket;
let socket: Socket;

/** A message of the page, and where in it the fields are whose values are a machine's own. */
interface Message {
  readonly bytes: Buffer;
  readonly fields: ReadonlyMap<string, { readonly at: number; readonly size: number }>;
}

function messages(): Message[] {
  return [...page.matchAll(/```text\n(.*?)```/gs)].map((match) => {
    const fields = new Map<string, { at: number; size: number }>();
    const parts = match[1]!
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [, at, hex, text] = /^ *(\d+) {2}((?:[0-9a-f]{2} ?)+?)(?: {2,}(.*))?$/.exec(line) ?? [];
        expect(at, line).toBeDefined();
        const bytes = Buffer.from(hex!.replaceAll(" ", ""), "hex");
        if (text !== undefined) fields.set(text.split(": ")[0]!, { at: Number(at), size: bytes.length });
        return bytes;
      });
    return { bytes: Buffer.concat(parts), fields };
  });
}

/** The machine's next bytes, as many as the page's message has. */
async function hear(message: Message): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(message.bytes.length) as Buffer | null;
    if (bytes !== null) return bytes;
    await new Promise((resolve) => socket.once("readable", resolve));
  }
}

/** Bytes without those fields that differ from machine to machine. */
function without(bytes: Buffer, message: Message, own: readonly string[]): string {
  const copy = Buffer.from(bytes);
  for (const name of own) {
    const field = message.fields.get(name);
    expect(field, name).toBeDefined();
    copy.fill(0, field!.at, field!.at + field!.size);
  }
  return copy.toString("hex");
}

beforeAll(async () => {
  machine = await Runtime.create({ memory: 128, harts: 1 });
  await machine.fs.writeFile("/greeting", "Hello!\n");
  await machine.fs.writeFile("/cat", cat(), { mode: 0o755 });
  listening = await controlSocket(machine, path, () => undefined);
  socket = connect(path);
  await new Promise((resolve) => socket.once("connect", resolve));
});
afterAll(async () => {
  socket?.destroy();
  await listening?.close();
  await machine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("each message of the page is what a machine says, and what it takes", async () => {
  const [hello, request, reply, query, state, ...more] = messages();
  expect(more).toHaveLength(0);
  socket.write(hello!.bytes);
  const heard = await hear(hello!);
  expect(without(heard, hello!, ["arena_bytes"])).toBe(hello!.bytes.toString("hex"));
  expect(heard.readUInt32LE(hello!.fields.get("arena_bytes")!.at)).toBeGreaterThan(0);

  socket.write(request!.bytes);
  const own = ["value2", "handle.index", "handle.generation"];
  expect(without(await hear(reply!), reply!, own)).toBe(without(reply!.bytes, reply!, own));

  const child = await machine.spawn("/cat", [], { stdout: "null", stderr: "null" });
  socket.write(query!.bytes);
  const whose = ["pid", "pgid", "sid", "refs", "index", "generation", "end"];
  const answer = await hear(state!);
  expect(without(answer, state!, whose)).toBe(without(state!.bytes, state!, whose));
  expect(answer.readUInt32LE(state!.fields.get("pid")!.at)).toBe(child.pid);
  await child.kill();
  await child.exit;
});
