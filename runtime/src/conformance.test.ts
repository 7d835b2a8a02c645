/** The Runtime's machines pass the conformance kit as any other would, in Node and in a page: by their rings and by their control channel. */
import { portDuplex } from "@foreshore/abi";
import { type CaseResult, controlSubject, runKit } from "@foreshore/abi/conformance";
import { expect, test } from "vitest";
import { Runtime } from "./index.ts";
import { runtimeSubject } from "./testing/runtime-subject.ts";

const failures = (results: readonly CaseResult[]): string[] =>
  results
    .filter(({ outcome }) => outcome === "failed")
    .map(({ family, name, detail }) => `${family}: ${name}: ${detail}`);
const skipped = (results: readonly CaseResult[]): CaseResult[] =>
  results.filter(({ outcome, family }) => outcome === "skipped" && family !== "vectors");

/** Cases of what a client beside the Runtime's own does not get, and of what only a control channel refuses. */
const OTHERS = [
  "AttachClient: EPERM",
  "BlobFilled: EPERM",
  "BlobFilled: cancelled",
  "BlobFilled: good",
  "DetachClient: EPERM",
  "ReadFile: EIO",
  "ReadFile: cancelled",
  "RegisterProcess: EIO",
  "WriteFile: EIO",
];

test.each([1, 4])("a Runtime with %i harts", async (harts) => {
  const results = await runKit(runtimeSubject(harts));
  expect(failures(results)).toEqual([]);
  expect(
    skipped(results)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(OTHERS);
});

test("a control channel, and the same machine once more", async () => {
  const runtime = await Runtime.create({ harts: 2, log: () => undefined });
  const connect = async () => {
    const { port1, port2 } = new MessageChannel();
    runtime.serveControl(portDuplex(port1));
    return portDuplex(port2);
  };
  try {
    const results = await runKit(controlSubject("a control channel", connect));
    expect(failures(results)).toEqual([]);
    // No memory to look at, no nonsense, no clients beside: the rest must run.
    const left = skipped(results);
    expect(
      left.filter(
        ({ detail }) =>
          !/does not offer "(memory|clients|events|ring-start|raw)"|not for a subject with "control"/.test(detail),
      ),
    ).toEqual([]);
    expect(results.length - left.length).toBeGreaterThan(150);
    expect(await runKit(controlSubject("a control channel", connect))).toEqual(results);
  } finally {
    await runtime.stop();
  }
});
