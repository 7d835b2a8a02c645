/** `node examples/mini-host/main.ts KERNEL PROGRAM [ARG…]`: runs a static RISC-V program, with nothing but @foreshore/abi. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import {
  handshake,
  OpenFlag,
  type RpcClient,
  registerProcess,
  type SlotHandleData,
  streamRead,
  waitProcess,
} from "@foreshore/abi";
import { boot, run } from "./machine.ts";

const CHUNK = 64 * 1024;

async function writeProgram(client: RpcClient, path: string, bytes: Uint8Array): Promise<void> {
  for (let position = 0; position === 0 || position < bytes.length; position += CHUNK) {
    const data = bytes.subarray(position, position + CHUNK);
    await client.request.writeFile({ path, data, position, openFlags: OpenFlag.O_CREAT, mode: 0o755 });
  }
}

async function copy(client: RpcClient, from: SlotHandleData, to: NodeJS.WriteStream): Promise<void> {
  for (;;) {
    const bytes = await streamRead(client, from);
    if (bytes.length === 0) break;
    // A program that writes more than its reader takes is stopped by its pipe.
    if (!to.write(bytes)) await new Promise<void>((resolve) => to.once("drain", resolve));
  }
  await client.request.streamClose({ ofd: from });
}

async function main([kernel, program, ...args]: readonly string[]): Promise<number> {
  if (kernel === undefined || program === undefined) {
    console.error("usage: node examples/mini-host/main.ts KERNEL PROGRAM [ARG…]");
    return 2;
  }
  const machine = await boot(await WebAssembly.compile(await readFile(kernel)));
  const client = run(machine);
  await handshake(client);
  const path = `/${basename(program)}`;
  await writeProgram(client, path, await readFile(program));
  const child = await registerProcess(client, path, args, { env: { PATH: "/" }, stdin: "null" });
  await client.request.startProcess({ process: child.process });
  const [, stdout, stderr] = child.streams;
  const [status] = await Promise.all([
    waitProcess(client, child.process),
    copy(client, stdout, process.stdout),
    copy(client, stderr, process.stderr),
  ]);
  // As a shell says it.
  return status.code ?? 128 + status.signalNumber;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`mini-host: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
