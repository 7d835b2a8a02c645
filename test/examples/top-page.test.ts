/** examples/top as a frame of a page that has a machine, in Chromium. */
import { chromium } from "playwright";
import { describe, expect, test } from "vitest";
import { chromiumPath } from "../demo/chromium.ts";
import { missingBrowser } from "../oracle/chromium.ts";
import { serveTop } from "./page/serve.ts";

describe.skipIf(missingBrowser())("top in a frame", () => {
  test("shows the machine live from shared memory, and over a control channel", { timeout: 120_000 }, async () => {
    const server = await serveTop();
    const path = chromiumPath();
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // Chromium has none to offer to root
    const browser = await chromium.launch({ headless: true, args, ...(path ? { executablePath: path } : {}) });
    try {
      for (const way of ["", "?port"]) {
        const page = await browser.newPage();
        const errors: string[] = [];
        page.on("pageerror", (error) => errors.push(String(error)));
        await page.goto(`${server.url}${way}`);
        const frame = page.frameLocator("#top");
        // The second look has shares of processor time.
        const share = frame.locator("#rows tr td:nth-child(4)", { hasText: /^\d/ }).first();
        await share.waitFor({ timeout: 60_000 });
        expect(await frame.locator("#columns th").allTextContents()).toContain("%CPU");
        expect(await frame.locator("#header").textContent()).toMatch(/^2 processes, 1 threads that run/);
        const cells = await frame.locator("#rows tr").first().locator("td").allTextContents();
        expect([cells[1], cells[2], cells[6]]).toEqual(["1", "R", "1"]);
        expect(errors).toEqual([]);
        await page.close();
      }
    } finally {
      await browser.close();
      await server.close();
    }
  });
});
