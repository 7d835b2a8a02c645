/** A web worker that reads a machine by its attachment: started by oracle/browser-page.ts. */
import { type Attachment, connect } from "@foreshore/abi";
import { emptyReport, readFor } from "./readers.ts";

addEventListener("message", async ({ data }: MessageEvent<{ attachment: Attachment; ms: number }>) => {
  const connection = await connect(data.attachment);
  const report = emptyReport();
  readFor(connection.view, data.ms, report);
  await connection.close();
  postMessage(report);
});
