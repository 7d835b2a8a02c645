/**
 * `node examples/remote-shell/node/main.ts SOCKET [PROGRAM [ARGUMENT…]]`: runs a program (default /bin/sh) in the machine whose control
 * socket it is, with this terminal or these pipes as its own, and ends as it ends. As a worker thread with
 * `workerData: { attachment }` the arguments begin with PROGRAM.
 */
import { constants } from "node:os";
import { DEFAULT_ENV } from "@foreshore/abi";
import { attachedSession, socketSession } from "../../node/session.ts";
import { RemoteShell } from "../shell.ts";

const USAGE = "usage: node examples/remote-shell/node/main.ts SOCKET [PROGRAM [ARGUMENT…]]";
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/** Writes and waits until there is room for more. */
function put(stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => stream.write(bytes, (error) => (error ? reject(error) : resolve())));
}

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  const attached = await attachedSession();
  const socket = attached === undefined ? words.shift() : undefined;
  if (socket?.startsWith("-")) throw new Error(USAGE);
  const session = attached ?? (socket === undefined ? undefined : await socketSession(socket));
  if (session === undefined) throw new Error(USAGE);
  const [program = "/bin/sh", ...args] = words;
  const { stdin, stdout, stderr } = process;
  const terminal = stdin.isTTY && stdout.isTTY ? { cols: stdout.columns, rows: stdout.rows } : undefined;
  try {
    const shell = await RemoteShell.start(
      session,
      program,
      args,
      { terminal, input: stdin, output: (bytes) => put(stdout, bytes), error: (bytes) => put(stderr, bytes) },
      { env: { ...DEFAULT_ENV, TERM: process.env["TERM"] ?? "dumb" } },
    );
    if (terminal === undefined) {
      for (const name of FORWARDED) process.on(name, () => void shell.signal(constants.signals[name]));
    } else {
      // Keys that mean signals go to the machine's terminal, which makes them there.
      stdin.setRawMode(true);
      stdout.on("resize", () => void shell.resize(stdout.columns, stdout.rows));
    }
    const { code, signalNumber } = await shell.exit;
    return code ?? 128 + signalNumber;
  } finally {
    if (terminal !== undefined) stdin.setRawMode(false);
    stdin.destroy();
    await session.close();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`remote-shell: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 125;
  },
);
