/** A process that lists a machine's processes over its control socket, once per line that it gets: milliseconds and how many there were. */
import { createInterface } from "node:readline";
import { psTable } from "@foreshore/sdk/cli/processes";
import { connectMachine } from "@foreshore/sdk/node/socket";

const socket = process.argv[2]!;
for await (const _ of createInterface({ input: process.stdin })) {
  const from = performance.now();
  const remote = await connectMachine(socket);
  const table = psTable(await remote.processes());
  const ms = performance.now() - from;
  await remote.close();
  process.stdout.write(`${JSON.stringify({ ms, processes: table.length - 1 })}\n`);
}
