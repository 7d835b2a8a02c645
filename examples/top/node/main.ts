/**
 * `node examples/top/node/main.ts SOCKET [--once]`: a process viewer in a terminal, over a control channel; or as a worker thread
 * with `workerData: { attachment }`, live from shared memory. q or Ctrl+C ends it. --once: two looks half a second apart, then the second one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { attachedSession, socketSession } from "../../node/session.ts";
import { Top, type TopView, textLines } from "../table.ts";

const USAGE = "usage: node examples/top/node/main.ts SOCKET [--once]";
const REST_MS = 1000;
const ONCE_MS = 500;
const CLEAR = "\x1b[H\x1b[J";

async function main(): Promise<void> {
  const socket = process.argv.slice(2).find((word) => !word.startsWith("-"));
  const strange = process.argv.slice(2).some((word) => word.startsWith("-") && word !== "--once");
  if (strange) throw new Error(USAGE);
  const session = (await attachedSession()) ?? (socket === undefined ? undefined : await socketSession(socket));
  if (session === undefined) throw new Error(USAGE);
  const { stdout } = process;
  try {
    const top = new Top(session);
    if (process.argv.includes("--once")) {
      await top.next();
      await sleep(ONCE_MS);
      stdout.write(`${textLines(await top.next(), 200, 10_000).join("\n")}\n`);
      return;
    }
    await show(top);
  } finally {
    await session.close();
  }
}

/** Draws until a key ends it. */
async function show(top: Top): Promise<void> {
  const { stdin, stdout } = process;
  const ended = new AbortController();
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on("data", (keys: Buffer) => {
      if (keys.includes("q") || keys.includes(3)) ended.abort();
    });
  }
  let shown: TopView | undefined;
  const draw = (): void => {
    const { columns = 80, rows = 24 } = stdout;
    if (shown !== undefined) stdout.write(`${CLEAR}${textLines(shown, columns, rows - 1).join("\r\n")}`);
  };
  stdout.on("resize", draw);
  try {
    for await (const view of top.looks(REST_MS, ended.signal)) {
      shown = view;
      draw();
    }
    stdout.write("\r\n");
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.destroy();
    stdout.off("resize", draw);
  }
}

main().catch((error: unknown) => {
  console.error(`top: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
