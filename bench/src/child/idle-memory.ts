/**
 * Prints the resident set of this process in MiB, with an idle machine in it ("machine") or with nothing ("bare").
 * Read when it has stopped to change and, with a machine, all harts are idle.
 */
import { setTimeout as delay } from "node:timers/promises";

const LOOK_EVERY_MS = 100;
const MOST_LOOKS = 100;
/** Resident sets of three looks that differ by less are the same. */
const SAME_BYTES = 256 * 1024;

let stop = async (): Promise<void> => {};
let isIdle = async (): Promise<boolean> => true;
if (process.argv[2] === "machine") {
  const { Runtime } = await import("@foreshore/runtime");
  const { defaultWorkerUrl } = await import("@foreshore/runtime/node");
  // With a script named, create waits for the workers, which are most of what is measured.
  const runtime = await Runtime.create({ workerUrl: defaultWorkerUrl() });
  stop = () => runtime.stop();
  isIdle = async () => (await runtime.diagnostics()).live!.harts.every((hart) => hart.state === "idle");
}

const seen: number[] = [];
for (let i = 0; ; i++) {
  if (i === MOST_LOOKS) throw new Error("the resident set keeps changing");
  await delay(LOOK_EVERY_MS);
  if (!(await isIdle())) continue;
  seen.push(process.memoryUsage.rss());
  const last = seen.slice(-3);
  if (last.length === 3 && Math.max(...last) - Math.min(...last) < SAME_BYTES) break;
}
console.log(seen.at(-1)! / 2 ** 20);
await stop();
