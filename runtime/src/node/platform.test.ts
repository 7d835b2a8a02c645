import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defaultKernelUrl, defaultWorkerUrl, WORKER_SOURCES } from "./platform.ts";

/** Files that a module and what it imports load at run time. */
function loaded(entry: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(entry.href)) return seen;
  seen.add(entry.href);
  const text = readFileSync(entry, "utf8");
  for (const match of text.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?from\s+"([^"]+)"/gm)) {
    const name = match[1]!;
    loaded(
      name === "@foreshore/abi" ? new URL("../../../abi/src/index.ts", import.meta.url) : new URL(name, entry),
      seen,
    );
  }
  return seen;
}

describe("the workers' script", () => {
  test("is made of the sources whose age is looked at", () => {
    const known = WORKER_SOURCES.map((place) => new URL(place, import.meta.url).href);
    const files = [...loaded(new URL("../worker/main.ts", import.meta.url))];
    const folder = (file: string): string => file.slice(0, file.lastIndexOf("/") + 1);
    expect(files.filter((file) => !known.includes(file) && !known.includes(folder(file)))).toEqual([]);
    expect(files.length).toBeGreaterThan(5);
  });

  test("and the kernel are found in the checkout", () => {
    expect(defaultKernelUrl().pathname).toMatch(/\/build\/kernel\.wasm$/);
    expect(defaultWorkerUrl().pathname).toMatch(/\/(build\/worker\.js|runtime\/src\/worker\/main\.ts)$/);
  });
});
