/**
 * Two projects. `node` runs every test file; `chromium` runs, in Debian's Chromium through
 * Playwright and cross-origin isolated, those that can run there: the tests of abi, runtime
 * and sdk and test/common, except the ones that import a node: module or stand in a node or
 * cli folder. `*.browser.test.ts` runs in Chromium only.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const everywhere = ["{abi,codegen,runtime,sdk,bench,test,tools}/**/*.test.ts"];
const browser = ["{abi,runtime,sdk,test/common}/**/*.test.ts", "**/*.browser.test.ts"];
const never = ["**/node_modules/**", "**/dist/**", "build/**"];

/** Test files that cannot load in a browser, since they import from Node. */
function nodeOnly(): string[] {
  return globSync(browser, { cwd: import.meta.dirname, exclude: (path) => path.includes("node_modules") }).filter(
    (path) =>
      /(^|\/)(node|cli)\//.test(path) ||
      /^import\s[^;]*from "(node:|[^"]*\/node\/)/m.test(readFileSync(`${import.meta.dirname}/${path}`, "utf8")),
  );
}

/** The browser: FORESHORE_CHROMIUM, Debian's, or what Playwright itself knows of. */
function executable(): { executablePath?: string } {
  const named = process.env["FORESHORE_CHROMIUM"];
  if (named !== undefined && named !== "") return { executablePath: named };
  return existsSync("/usr/bin/chromium") ? { executablePath: "/usr/bin/chromium" } : {};
}

const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

export default defineConfig({
  server: { headers: isolation },
  test: {
    passWithNoTests: true,
    // A limit for what hangs, not a judgement on speed: the machine may be busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          include: everywhere,
          exclude: [...never, "**/*.browser.test.ts"],
          pool: "forks",
        },
      },
      {
        extends: true,
        // Named here, since Vite reloads the page under a running test when it finds them late.
        optimizeDeps: { include: ["flatbuffers", "fast-check"] },
        test: {
          name: "chromium",
          include: browser,
          exclude: [...never, ...nodeOnly()],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...executable(),
                // Chromium has no sandbox to offer to root.
                args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
