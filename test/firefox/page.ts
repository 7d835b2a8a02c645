/** Runs one shell script in a machine and reports what came of it to the address in `?report=`. */
import { Runtime } from "@foreshore/runtime";
import { applyLayer } from "@foreshore/sdk/layers/apply";
import { httpLayer } from "@foreshore/sdk/layers/http";

export interface FirefoxReport {
  readonly isolated: boolean;
  readonly shared: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly error?: string;
}

const SCRIPT =
  'uname -m; seq 1 1000 | awk "{ s += \\$1 } END { print s }"; (sleep 0.1; echo child) & wait; printf a | sha256sum';

async function run(): Promise<FirefoxReport> {
  const runtime = await Runtime.create({ kernel: "/kernel.wasm", workerUrl: "/worker.js", harts: 2 });
  try {
    await applyLayer(runtime, httpLayer("/root.json"));
    const shell = await runtime.spawn("/bin/sh", ["-c", SCRIPT], { stdin: "null", env: { PATH: "/bin" } });
    const { stdout, stderr, code } = await shell.output();
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    const shared = runtime.memory !== undefined;
    return { isolated: crossOriginIsolated, shared, stdout: text(stdout), stderr: text(stderr), code };
  } finally {
    await runtime.stop();
  }
}

const failed = (error: unknown): FirefoxReport => ({
  isolated: crossOriginIsolated,
  shared: false,
  stdout: "",
  stderr: "",
  code: null,
  error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error),
});

const report = await run().catch(failed);
await fetch(new URLSearchParams(location.search).get("report")!, { method: "POST", body: JSON.stringify(report) });
