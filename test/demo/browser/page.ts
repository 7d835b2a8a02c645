/** The demo's page: runs the plan that the server serves and shows it as it goes. */

import { type DemoResult, figures, type Plan, perform } from "../perform.ts";

/** What the page leaves for the test that drives it. */
export type PageOutcome = { result: DemoResult } | { error: string };

declare global {
  interface Window {
    demoOutcome?: PageOutcome;
  }
}

const transcript = document.querySelector("#transcript")!;

function add(className: string, text: string): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.textContent = text;
  transcript.append(element);
  return element;
}

/** Files come in by ranges, when the guest touches them. */
async function read(name: string, position: number, length: number): Promise<Uint8Array> {
  const range = `bytes=${position}-${position + length - 1}`;
  const response = await fetch(`/files/${name}`, { headers: { range } });
  if (!response.ok) throw new Error(`${name}: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function main(): Promise<DemoResult> {
  const plan = (await (await fetch("/plan.json")).json()) as Plan;
  let current: HTMLElement | undefined;
  const result = await perform(
    plan,
    read,
    {
      step(code) {
        add("code", code);
        current = undefined;
      },
      output(text) {
        current ??= add("output", "");
        current.append(text);
      },
    },
    { kernel: "/kernel.wasm", workerUrl: "/worker.js" },
  );
  const table = document.querySelector("#figures")!;
  for (const [name, value] of figures(result)) {
    const row = document.createElement("tr");
    for (const text of [name, value]) row.insertCell().textContent = text;
    table.append(row);
  }
  const verdict = document.querySelector("#verdict")!;
  verdict.textContent =
    result.problems.length === 0 ? `all ${result.steps} steps as expected` : result.problems.join("\n");
  verdict.className = result.problems.length === 0 ? "fine" : "bad";
  return result;
}

main().then(
  (result) => {
    window.demoOutcome = { result };
  },
  (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    add("bad", text);
    window.demoOutcome = { error: text };
  },
);
