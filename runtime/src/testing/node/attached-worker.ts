/** A worker thread of attachment.test.ts: starts a program by an attachment, then waits for what it writes. */
import { parentPort, workerData } from "node:worker_threads";
import { type Attachment, connect, spawn, streamRead } from "@foreshore/abi";

const session = await connect(workerData as Attachment, {
  onEnd: (error) => parentPort?.postMessage({ end: error.name }),
});
const child = await spawn(session.client, "/cat");
const { rows } = await session.rows("process", { pid: child.pid });
parentPort?.postMessage({ pid: child.pid, command: rows[0]?.command });
await streamRead(session.client, child.streams[1]).catch((error: Error) => {
  parentPort?.postMessage({ read: error.name });
});
await session.close();
