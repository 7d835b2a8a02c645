/** A page without COOP/COEP: one worker with a memory of its own runs the whole machine. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createViteServer } from "vitest/node";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CHROMIUM = process.env["FORESHORE_CHROMIUM"] ?? "/usr/bin/chromium";

const PAGE = `<!doctype html><script type="module">
  import { Runtime } from "/runtime/src/index.ts";
  import { cat, hello, spin } from "/runtime/src/testing/guests.ts";
  const text = (bytes) => new TextDecoder().decode(bytes);
  async function run() {
    const refused = await Runtime.create({ memory: 128, transport: "shared", log: () => {} }).then(() => "granted", (error) => error.name);
    const machine = await Runtime.create({ memory: 128 });
    const output = await (await machine.spawn(hello("no isolation\\n", 3))).output();
    const input = new Uint8Array(300000).map((_, i) => i * 7);
    const echoed = await (await machine.spawn(cat(), [], { stdin: input })).output();
    await machine.fs.writeFile("/file", "content");
    const spinning = await machine.spawn(spin());
    const file = await machine.fs.readFile("/file", { encoding: "utf8" });
    await spinning.kill();
    const ended = await spinning.exit;
    await machine.stop();
    return {
      isolated: crossOriginIsolated,
      refused,
      shared: machine.memory !== undefined,
      stdout: text(output.stdout),
      code: output.code,
      same: echoed.stdout.length === input.length && echoed.stdout.every((byte, i) => byte === input[i]),
      file,
      signal: ended.signal,
    };
  }
  window.outcome = run().catch((error) => ({ error: String(error), stack: error.stack }));
</script>`;

let server: Awaited<ReturnType<typeof createViteServer>>;
let browser: Browser;

beforeAll(async () => {
  server = await createViteServer({
    root: ROOT,
    configFile: false,
    logLevel: "error",
    cacheDir: "node_modules/.vite/no-isolation",
    server: { host: "127.0.0.1", port: 0, hmr: false },
    plugins: [
      {
        name: "page",
        configureServer: ({ middlewares }) => {
          middlewares.use("/page", (_request, response) => {
            response.setHeader("Content-Type", "text/html");
            response.end(PAGE);
          });
        },
      },
    ],
  });
  await server.listen();
  const executable = existsSync(CHROMIUM) ? { executablePath: CHROMIUM } : {};
  browser = await chromium.launch({ ...executable, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

test("a machine runs in a page that is not isolated", async () => {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const address = server.httpServer?.address();
  if (typeof address !== "object" || address === null) throw new Error("the server has no address");
  await page.goto(`http://127.0.0.1:${address.port}/page`);
  await page.waitForFunction("window.outcome !== undefined");
  expect(await page.evaluate("window.outcome")).toEqual({
    isolated: false,
    refused: "MachineStartError",
    shared: false,
    stdout: "no isolation\n",
    code: 3,
    same: true,
    file: "content",
    signal: "SIGTERM",
  });
  expect(errors).toEqual([]);
}, 60_000);
