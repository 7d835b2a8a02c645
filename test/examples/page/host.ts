/** A page with a machine that has a busy program, and examples/top in a frame: by an attachment, or with ?port over a control channel. */
import { type Attachment, portDuplex } from "@foreshore/abi";
import { Runtime } from "@foreshore/runtime";
import { spin } from "../../../runtime/src/testing/guests.ts";

const runtime = await Runtime.create({ harts: 2, memory: 128, kernel: "/kernel.wasm", workerUrl: "/worker.js" });
await runtime.spawn(spin(), [], { argv0: "busy", stdin: "null" });

addEventListener("message", async ({ data, source }) => {
  if (data !== "top is ready" || source === null) return;
  const frame = source as Window;
  if (location.search === "?port") {
    const { port1, port2 } = new MessageChannel();
    runtime.serveControl(portDuplex(port1));
    frame.postMessage({ port: port2 }, location.origin, [port2]);
  } else {
    const attachment: Attachment = { ...(await runtime.attachment()) };
    frame.postMessage({ attachment }, location.origin);
  }
});
// The frame may have been there first.
const frame = document.getElementById("top");
if (frame instanceof HTMLIFrameElement) frame.contentWindow?.location.reload();
