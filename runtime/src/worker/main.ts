/** Entry of every worker of a machine: the first message says what it is. */
import { messageOf, StartFailure } from "../common/boot.ts";
import type { ToWorker } from "../common/worker-protocol.ts";
import { runHart } from "./hart.ts";
import { runKernel } from "./kernel.ts";
import { openPort } from "./port.ts";
import { SingleWorker } from "./single.ts";

const port = openPort();
let single: SingleWorker | undefined;
let go: () => void = () => undefined;
const released = new Promise<void>((resolve) => {
  go = resolve;
});

function fail(error: unknown): void {
  port.post({
    type: "failed",
    kind: error instanceof StartFailure ? error.kind : "machine",
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
  port.close();
}

async function run(work: Promise<void>): Promise<void> {
  try {
    await work;
    port.post({ type: "stopped" });
    port.close();
  } catch (error) {
    fail(error);
  }
}

port.onMessage((message: ToWorker) => {
  if (message.type === "hart") void run(runHart(message, port, released));
  else if (message.type === "kernel") void run(runKernel(message, port, released));
  else if (message.type === "go") go();
  else if (message.type === "single") {
    single = new SingleWorker(port, fail);
    single.start(message).catch(fail);
  } else single?.message(message);
});
