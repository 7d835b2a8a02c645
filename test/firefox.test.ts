/**
 * A smoke run in Debian's Firefox. Playwright cannot drive that build: the page runs its script by itself when it is opened
 * and posts what came of it.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Resource, serve } from "@foreshore/sdk/node/serve";
import { rolldown } from "rolldown";
import { describe, expect, test } from "vitest";
import { allowedSkip } from "./busybox/root.ts";
import type { FirefoxReport } from "./firefox/page.ts";
import { busyboxLayer } from "./web/node/root.ts";

const ROOT = join(import.meta.dirname, "..");
const FIREFOX = process.env["FORESHORE_FIREFOX"] || "/usr/bin/firefox-esr";
const WAIT_MS = 90_000;

/** Nothing of a fresh profile may ask the network. */
const PREFERENCES = [
  'user_pref("browser.shell.checkDefaultBrowser", false);',
  'user_pref("browser.startup.homepage_override.mstone", "ignore");',
  'user_pref("datareporting.policy.dataSubmissionEnabled", false);',
  'user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);',
  'user_pref("network.captive-portal-service.enabled", false);',
  'user_pref("network.connectivity-service.enabled", false);',
  'user_pref("app.normandy.enabled", false);',
  'user_pref("browser.safebrowsing.malware.enabled", false);',
  'user_pref("browser.safebrowsing.phishing.enabled", false);',
  'user_pref("extensions.update.enabled", false);',
];

async function whatIsMissing(): Promise<string | undefined> {
  if (!existsSync(FIREFOX)) return "firefox-esr is missing";
  const layer = await busyboxLayer();
  if ("missing" in layer) return layer.missing;
  await layer.close?.();
  return undefined;
}

const missing = await whatIsMissing();
if (missing !== undefined) console.warn(allowedSkip("firefox", missing));

/** Where the page posts its report, which stands on another port than the page. */
async function mailbox(): Promise<{ url: string; report: Promise<FirefoxReport>; close(): void }> {
  const { promise, resolve } = Promise.withResolvers<FirefoxReport>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.writeHead(204, { "access-control-allow-origin": "*" }).end();
      resolve(JSON.parse(Buffer.concat(chunks).toString()) as FirefoxReport);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}/`, report: promise, close };
}

async function inFirefox(isolated: boolean): Promise<FirefoxReport> {
  const layer = await busyboxLayer(); // closed with the server
  if ("missing" in layer) throw new Error(layer.missing);
  const folder = mkdtempSync(join(tmpdir(), "firefox-"));
  const bundle = await rolldown({
    input: { page: join(import.meta.dirname, "firefox/page.ts") },
    platform: "browser",
    external: /^node:/,
    logLevel: "silent",
  });
  const { output } = await bundle.write({ dir: folder, format: "esm", chunkFileNames: "[name]-[hash].js" });
  const resources = new Map<string, Resource>([
    ["/", { text: '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>' }],
    ["/kernel.wasm", { file: join(ROOT, "build/kernel.wasm") }],
    ["/worker.js", { file: join(ROOT, "build/worker.js") }],
    ["/root.json", { layer }],
    ...output.map(({ fileName }): [string, Resource] => [`/${fileName}`, { file: join(folder, fileName) }]),
  ]);
  const profile = join(folder, "profile");
  mkdirSync(profile);
  writeFileSync(join(profile, "user.js"), `${PREFERENCES.join("\n")}\n`);
  const server = await serve(resources, { isolated });
  const box = await mailbox();
  const page = `${server.url}?report=${encodeURIComponent(box.url)}`;
  const browser = spawn(FIREFOX, ["--headless", "--no-remote", "--profile", profile, page], {
    stdio: "ignore",
    detached: true, // its own process group, so that all of its processes can be ended
    env: { ...process.env, HOME: folder, MOZ_CRASHREPORTER_DISABLE: "1" },
  });
  const ended = new Promise<void>((resolve) => browser.once("close", () => resolve()));
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("Firefox has not reported")), WAIT_MS);
    });
    return await Promise.race([box.report, late]);
  } finally {
    clearTimeout(timer);
    if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, "SIGKILL");
    await ended;
    box.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

describe.skipIf(missing !== undefined)("Firefox", () => {
  test.each([true, false])(
    "runs a shell script, cross-origin isolated: %s",
    { timeout: WAIT_MS + 30_000 },
    async (isolated) => {
      expect(await inFirefox(isolated)).toEqual({
        isolated,
        shared: isolated,
        stdout: "riscv64\n500500\nchild\nca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  -\n",
        stderr: "",
        code: 0,
      });
    },
  );
});
