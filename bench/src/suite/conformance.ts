/** The conformance kit on a sound machine: how long whoever writes another one waits for its verdict. */
import { portDuplex } from "@foreshore/abi";
import { controlSubject, runKit } from "@foreshore/abi/conformance";
import { Runtime } from "@foreshore/runtime";
import type { Benchmark, Opened } from "../benchmark.ts";

async function byControl(): Promise<Opened> {
  const runtime = await Runtime.create({ harts: 2, log: () => undefined });
  const subject = controlSubject("a machine behind a control channel", async () => {
    const { port1, port2 } = new MessageChannel();
    runtime.serveControl(portDuplex(port1));
    return portDuplex(port2);
  });
  let passed = 0;
  const sample = async (): Promise<number> => {
    const from = performance.now();
    const results = await runKit(subject);
    const ms = performance.now() - from;
    const failed = results.find(({ outcome }) => outcome === "failed");
    if (failed !== undefined) throw new Error(`${failed.family}: ${failed.name}: ${failed.detail}`);
    passed = results.filter(({ outcome }) => outcome === "passed").length;
    return ms;
  };
  return {
    sides: [{ name: "foreshore", sample }],
    facts: () => ({ passed }),
    close: () => runtime.stop(),
  };
}

export const conformance: readonly Benchmark[] = [
  {
    name: "conformance/control",
    description: "The kit's cases put to one machine over a control channel, all that it offers.",
    unit: "ms",
    better: "less",
    rounds: { full: 3, quick: 1 },
    warmup: 1,
    open: byControl,
  },
];
