/** The page in headless Chromium, as a visitor uses it: by keyboard and mouse, looked at through what it shows. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PageServer } from "@foreshore/sdk/node/serve";
import { type Browser, chromium, type Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { allowedSkip } from "./busybox/root.ts";
import { unpacked } from "./debian/root.ts";
import { chromiumPath } from "./demo/chromium.ts";
import { serveWeb } from "./web/node/main.ts";
import { busyboxLayer } from "./web/node/root.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ROOT = join(import.meta.dirname, "..");
const SHOTS = join(ROOT, "build/screenshots");
const MIB = 1 << 20;

const executable = chromiumPath();
const root = await busyboxLayer();
if (!("missing" in root)) await root.close?.();
const missing =
  executable === undefined ? 'Chromium is missing: run "make setup"' : "missing" in root ? root.missing : undefined;
if (missing !== undefined) console.warn(allowedSkip("web", missing));

const debian = await unpacked("guest-root");
if ("missing" in debian) console.warn(allowedSkip("debian", debian.missing));

let browser: Browser;
const servers: PageServer[] = [];

beforeAll(async () => {
  if (missing !== undefined) return;
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // Chromium has none to offer to root
  browser = await chromium.launch({ executablePath: executable!, headless: true, args });
  mkdirSync(SHOTS, { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  await Promise.all(servers.map((server) => server.close()));
});

interface Opened {
  readonly page: Page;
  readonly server: PageServer;
  readonly errors: string[];
}

async function open(options: { isolated?: boolean; root?: string; before?: () => void } = {}): Promise<Opened> {
  const server = await serveWeb({ isolated: options.isolated ?? true, root: options.root });
  servers.push(server);
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 } });
  if (options.before !== undefined) await page.addInitScript(options.before);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(server.url);
  await shows(page, "# ");
  return { page, server, errors };
}

/** The terminal's lines as they are shown, wrapped ones joined. */
function screen(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { active } = window.foreshore!.terminal.buffer;
    let text = "";
    for (let y = 0; y < active.length; y++) {
      const line = active.getLine(y)!;
      text += `${line.isWrapped || y === 0 ? "" : "\n"}${line.translateToString(true)}`;
    }
    return text;
  });
}

async function shows(page: Page, text: string): Promise<void> {
  await expect.poll(() => page.evaluate(() => window.foreshore !== undefined), { timeout: 60_000 }).toBe(true);
  await expect.poll(() => screen(page), { timeout: 60_000, interval: 50 }).toContain(text);
}

async function enter(page: Page, line: string): Promise<void> {
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
}

describe.skipIf(missing !== undefined)("the page", () => {
  test("has a shell that is used by keyboard, files in and out, and a live list of processes", async () => {
    const { page, server, errors } = await open();
    const loaded = server.sentBytes();
    expect(loaded).toBeLessThan(4 * MIB);
    // The terminal has the focus from the start.
    await enter(page, "echo $((6 * 7)) from the $(uname -m)");
    await shows(page, "\n42 from the riscv64");

    await enter(page, "sleep 1000 &");
    await expect.poll(() => page.locator("#processes").innerText(), { timeout: 30_000 }).toContain("sleep");
    expect(await page.locator("#source").innerText()).toContain("shared memory");

    await page.setInputFiles("#upload", {
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("one\ntwo\n"),
    });
    await expect.poll(() => page.locator("#files").innerText()).toContain("notes.txt");
    await page.locator("#terminal").click();
    await enter(page, "wc -l /root/notes.txt; tr a-z A-Z </root/notes.txt >/root/upper.txt; echo done $?");
    await shows(page, "2 /root/notes.txt");
    await shows(page, "\ndone 0");
    // By keyboard out of the terminal, to the controls.
    await page.keyboard.press("Control+Shift+E");
    await page.locator("#path").fill("/root/upper.txt");
    const download = page.waitForEvent("download");
    await page.keyboard.press("Enter");
    expect(readFileSync(await (await download).path(), "utf8")).toBe("ONE\nTWO\n");

    await page.screenshot({ path: join(SHOTS, "page.png") });
    expect(errors).toEqual([]);
    await page.close();
  });

  test("Ctrl-C ends a program, Ctrl-Z stops it, the size follows the window, vi draws", async () => {
    const { page, errors } = await open();
    await enter(page, "cat");
    await page.keyboard.press("Control+C");
    await enter(page, "echo ended with $?");
    await shows(page, "\nended with 130");
    await enter(page, "sleep 500");
    await expect.poll(() => page.locator("#processes").innerText(), { timeout: 30_000 }).toContain("sleep");
    await page.keyboard.press("Control+Z");
    await shows(page, "Stopped");
    await enter(page, "kill -9 %1; stty size | sed 's/^/size /'");
    const before = await page.evaluate(
      () => `size ${window.foreshore!.terminal.rows} ${window.foreshore!.terminal.cols}`,
    );
    await shows(page, `\n${before}`);
    await page.setViewportSize({ width: 1000, height: 600 });
    const after = (): Promise<string> =>
      page.evaluate(() => `size ${window.foreshore!.terminal.rows} ${window.foreshore!.terminal.cols}`);
    await expect.poll(after).not.toBe(before);
    await enter(page, "clear; stty size | sed 's/^/size /'");
    await shows(page, await after());
    await enter(page, "vi /root/new.txt");
    await shows(page, "~");
    await page.keyboard.type("ihello from vi");
    await shows(page, "hello from vi");
    await page.screenshot({ path: join(SHOTS, "page-vi.png") });
    await page.keyboard.press("Escape");
    // An Escape with other keys close behind it is Alt to vi, here as on Linux.
    await shows(page, "- /root/new.txt");
    await enter(page, ":wq");
    await enter(page, "clear; cat /root/new.txt; echo status $?");
    await shows(page, "hello from vi\nstatus 0");
    await enter(page, "seq 1000 1500 | less");
    await shows(page, "1000\n1001\n");
    await page.keyboard.press("Space");
    await shows(page, "\n1040\n");
    await page.keyboard.press("q");
    await enter(page, "clear; top -d 1");
    await shows(page, "Load average");
    await page.keyboard.press("q");
    await enter(page, "clear; echo after top");
    await shows(page, "\nafter top");
    await enter(page, "exit 3");
    await shows(page, "the shell ended: 3");
    await page.keyboard.press("Enter");
    // At once: the new shell gets what was typed before it was there.
    await enter(page, "echo again $((40 + 2))");
    await shows(page, "\nagain 42");
    expect(errors).toEqual([]);
    await page.close();
  });

  test("programs neither change the title nor reach the clipboard, and floods do not stop the page", async () => {
    const { page, errors } = await open();
    const title = await page.title();
    await enter(page, "printf '\\033]0;sto''len\\007\\033]2;sto''len\\033\\\\\\033]52;c;c3RvbGVu\\007'; echo quiet");
    await shows(page, "\nquiet");
    expect(await page.title()).toBe(title);
    expect(await screen(page)).not.toContain("stolen");
    // Escape sequences without end, invalid UTF-8, and more output than anybody reads.
    await enter(
      page,
      "head -c 300000 /dev/urandom; printf '\\033c'; yes '\\033[31m\\377' | head -n 200000 | tail -c 2000000; printf '\\033c'; echo still he''re",
    );
    await shows(page, "still here");
    // Among random bytes are questions that terminals answer; the shell has read the answers as if they were typed, and
    // half an answer swallows the key after it. It is itself again when a whole command comes through.
    await expect
      .poll(
        async () => {
          await page.keyboard.press("Control+C");
          await enter(page, "echo in or''der");
          return screen(page);
        },
        { timeout: 60_000, interval: 500 },
      )
      .toContain("\nin order");
    await enter(page, "clear; yes flood");
    await shows(page, "flood\nflood");
    // The page answers meanwhile, and so does the machine.
    expect(
      await page.evaluate(() => window.foreshore!.machine.processes().then((rows) => rows.length)),
    ).toBeGreaterThan(1);
    await page.keyboard.press("Control+C");
    await enter(page, "clear; echo flood is over");
    await shows(page, "\nflood is over");
    expect(errors).toEqual([]);
    await page.close();
  });

  test.skipIf("missing" in debian)("Debian's bash and python's REPL", async () => {
    const { page, errors } = await open({ root: "folder" in debian ? debian.folder : "" });
    await enter(page, "echo $BASH_VERSINFO $((6 * 7))");
    await shows(page, "\n5 42");
    await page.keyboard.type("echo /etc/host");
    await page.keyboard.press("Tab");
    await shows(page, "echo /etc/host");
    await page.keyboard.type("name");
    await page.keyboard.press("Enter");
    await shows(page, "\n/etc/hostname");
    await enter(page, "clear; python3 -q");
    await shows(page, ">>> ");
    await enter(page, "print(6 * 7, 'grüße')");
    await shows(page, "\n42 grüße");
    await page.keyboard.press("Control+D");
    // python throws away what was typed when it gives the terminal back.
    await expect.poll(() => screen(page), { timeout: 60_000 }).toMatch(/# \s*$/);
    await enter(page, "echo after $?");
    await shows(page, "\nafter 0");
    expect(errors).toEqual([]);
    await page.close();
  });

  test("takes 10 MiB that are pasted at once", async () => {
    const { page, errors } = await open();
    await enter(page, "stty raw -echo; echo re''ady; head -c 10485760 | md5sum; stty sane");
    await shows(page, "ready");
    // What a paste comes to in xterm.js, which has no limit of its own.
    await page.evaluate(
      (bytes) => window.foreshore!.terminal.input("0123456789abcdef".repeat(bytes / 16), true),
      10 * MIB,
    );
    // What md5sum(1) says of the same bytes.
    await shows(page, "9b5cef55672b5a5b4d3a7a256d7141d2");
    expect(errors).toEqual([]);
    await page.close();
  });

  test("without COOP and COEP it runs in single-worker mode, and says so", async () => {
    const { page, errors } = await open({ isolated: false });
    expect(await page.locator("#notice").innerText()).toContain("single-worker mode");
    await enter(page, "seq 1 1000 | awk '{ s += $1 } END { print \"sum\", s }'");
    await shows(page, "sum 500500");
    await enter(page, "sleep 1000 &");
    await expect.poll(() => page.locator("#processes").innerText(), { timeout: 30_000 }).toContain("sleep");
    expect(await page.locator("#source").innerText()).toContain("by request");
    await page.screenshot({ path: join(SHOTS, "page-single.png") });
    expect(errors).toEqual([]);
    await page.close();
  });

  test("works where Atomics.waitAsync is missing", async () => {
    const before = (): void => {
      delete (Atomics as { waitAsync?: unknown }).waitAsync;
    };
    const { page, errors } = await open({ before });
    expect(await page.evaluate(() => "waitAsync" in Atomics)).toBe(false);
    await enter(page, "echo $((6 * 7)) without");
    await shows(page, "\n42 without");
    expect(errors).toEqual([]);
    await page.close();
  });

  test("says what is wrong when the kernel cannot be had", async () => {
    const server = await serveWeb();
    servers.push(server);
    const page = await browser.newPage();
    await page.route("**/kernel.wasm", (route) => route.fulfill({ status: 404 }));
    await page.goto(server.url);
    await expect.poll(() => page.locator("#notice").innerText(), { timeout: 30_000 }).toContain("kernel.wasm");
    expect(await page.locator("#status").innerText()).toBe("failed");
    await page.close();
  });
});
