/** A worker thread that reads a machine by its attachment: started by views.test.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { type Attachment, connect } from "@foreshore/abi";
import { emptyReport, readFor } from "./readers.ts";

const { attachment, ms } = workerData as { attachment: Attachment; ms: number };
const connection = await connect(attachment);
const report = emptyReport();
parentPort?.postMessage("reads");
readFor(connection.view, ms, report);
await connection.close();
parentPort?.postMessage(report);
