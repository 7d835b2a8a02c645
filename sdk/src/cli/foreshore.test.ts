/** The command as users start it: bin/foreshore, a process with real pipes, signals and exit codes. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

// A machine of few processors that is busy otherwise takes seconds to start one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ROOT = path.resolve(import.meta.dirname, "../../..");
const COMMAND = path.join(ROOT, "bin/foreshore");

let folder = "";
let guest = "";

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "foreshore-cli-"));
  guest = path.join(folder, "guest");
  const source = path.join(import.meta.dirname, "testdata/guest.c");
  execFileSync("riscv64-linux-gnu-gcc", ["-w", "-O1", "-static", "-o", guest, source]);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
  ms: number;
}

interface Running {
  child: ChildProcess;
  /** Resolves once standard output holds `text`; rejects when the command ends without it. */
  saw(text: string): Promise<void>;
  result: Promise<Result>;
}

function start(args: readonly string[], options: { cwd?: string } = {}): Running {
  const began = performance.now();
  const child = spawn(COMMAND, args, { cwd: options.cwd ?? folder, stdio: "pipe" });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const waiting = new Set<() => void>();
  child.stdout.on("data", (chunk: Buffer) => {
    out.push(chunk);
    for (const look of waiting) look();
  });
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.on("error", () => {});
  const result = once(child, "close").then(([code, signal]) => ({
    code,
    signal,
    stdout: Buffer.concat(out),
    stderr: Buffer.concat(err).toString(),
    ms: performance.now() - began,
  }));
  const saw = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!Buffer.concat(out).toString("latin1").includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      result.then(({ code, stderr }) => reject(new Error(`ended with ${code} before it wrote ${text}: ${stderr}`)));
    });
  return { child, saw, result };
}

/** Runs the command with nothing, or `stdin`, on its standard input. */
async function foreshore(args: readonly string[], options: { stdin?: Buffer; cwd?: string } = {}): Promise<Result> {
  const running = start(args, options);
  running.child.stdin!.end(options.stdin);
  return await running.result;
}

const run = (...args: string[]) => foreshore(["run", guest, ...args]);

describe("foreshore, asked about itself", () => {
  it("has help for each command, with examples", async () => {
    for (const topic of ["run", "shell", "ps", "top", "exec", "kill", "doctor"]) {
      const { code, stdout, stderr } = await foreshore(["help", topic]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout.toString()).toMatch(new RegExp(`^usage: foreshore ${topic} `));
      expect(stdout.toString()).toContain("examples:");
      expect((await foreshore([topic, "--help"])).stdout.toString()).toBe(stdout.toString());
    }
  });

  it("tells its version and ABI, for people and for scripts", async () => {
    const { abi, version } = JSON.parse((await foreshore(["version", "--json"])).stdout.toString());
    expect(abi).toMatchObject({ major: expect.any(Number), layout: expect.stringMatching(/^[0-9a-f]{16}$/) });
    const text = (await foreshore(["--version"])).stdout.toString();
    expect(text).toBe(`foreshore ${version} (ABI ${abi.major}.${abi.minor}, layout ${abi.layout})\n`);
  });

  it("doctor finds this host fit, in lines and in JSON, and looks at a page's headers", async () => {
    const { code, stdout } = await foreshore(["doctor", "--json", "--url", "http://127.0.0.1:1/"]);
    const findings = JSON.parse(stdout.toString()) as { name: string; state: string; advice: string }[];
    const state = (name: string) => findings.find((one) => one.name === name)?.state;
    expect(["node", "shared memory", "kernel.wasm", "a machine"].map(state)).toEqual(["ok", "ok", "ok", "ok"]);
    // Nobody listens there: that is said, with what to do, and is a failure.
    expect(state("page")).toBe("fail");
    expect(code).toBe(1);
    const lines = await foreshore(["doctor"]);
    expect(lines.code).toBe(0);
    expect(lines.stdout.toString()).toMatch(/^ok {4}node +Node\.js \d+/m);
    expect(lines.stdout.toString()).not.toContain("\u001b[");
  });

  it("mounts a folder and an archive of the host, for reading", async () => {
    const source = path.join(folder, "mounted");
    mkdirSync(source);
    writeFileSync(path.join(source, "note"), "from the host");
    execFileSync("tar", ["-cf", path.join(folder, "m.tar"), "-C", source, "note"]);
    const mounts = ["--mount", `${source}:/a/b:ro`, "--mount", `${path.join(folder, "m.tar")}:/c:ro`];
    for (const place of ["/a/b/note", "/c/note"]) {
      const { code, stdout, stderr } = await foreshore(["run", ...mounts, guest, "show", place]);
      expect([code, stdout.toString(), stderr]).toEqual([0, "from the host", ""]);
    }
    const missing = await foreshore(["run", "--mount", "/no/such:/x:ro", guest]);
    expect([missing.code, missing.stderr]).toEqual([125, expect.stringContaining("--mount /no/such: no such file")]);
  });
});

describe("foreshore, called wrongly", () => {
  it.each([
    [[], "a command is missing"],
    [["run"], "PROGRAM is missing"],
    [["run", "--fast", "x"], "unknown option --fast"],
    [["run", "--root", "/no/such/folder", "x"], "--root /no/such/folder: no such file or directory"],
    [["all"], "unknown command all"],
    [["shell"], "--root"],
    [["ps"], "ps needs --control SOCKET"],
    [["exec", "--control", "/no/such"], "PROGRAM is missing"],
    [["kill", "--control", "/no/such", "x"], "x: must be a process id"],
    [["doctor", "--fast"], "--fast"],
  ])("%j: one usage line and 125", async (args, message) => {
    const { code, stderr, stdout } = await foreshore(args);
    expect(code).toBe(125);
    expect(stdout.toString()).toBe("");
    const named = ["shell", "ps", "exec", "kill", "doctor"].find((name) => name === args[0]) ?? "run";
    expect(stderr).toMatch(new RegExp(`^foreshore: .*; usage: foreshore ${named} .*\n$`));
    expect(stderr).toContain(message);
  });

  it("has help and version on standard output", async () => {
    const help = await foreshore(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout.toString()).toContain("--root DIR|TAR");
    const version = await foreshore(["--version"]);
    expect(version.stdout.toString()).toMatch(/^foreshore [0-9]+\.[0-9]+\.[0-9]+ \(ABI .*\)\n$/);
  });
});

describe("foreshore run: files that are no programs", () => {
  const refused = async (name: string, contents: Buffer | string, mode = 0o755) => {
    writeFileSync(path.join(folder, name), contents, { mode });
    const { code, stderr, stdout } = await foreshore(["run", `./${name}`]);
    expect(stdout.toString()).toBe("");
    return { code, stderr };
  };

  it("names the file and what it is, and ends with 126", async () => {
    const x86 = readFileSync(process.execPath).subarray(0, 4096);
    if (process.arch === "x64") {
      expect(await refused("native", x86)).toEqual({
        code: 126,
        stderr: "foreshore: ./native: ELF for x86-64; Foreshore runs riscv64\n",
      });
    }
    const good = readFileSync(guest);
    expect(await refused("short", good.subarray(0, 40))).toEqual({
      code: 126,
      stderr: "foreshore: ./short: an ELF file that is cut off after 40 bytes\n",
    });
    expect((await refused("cut", good.subarray(0, 5000))).stderr).toMatch(/^foreshore: .\/cut: .* cut off: segment/);
    expect(await refused("text", "hello")).toMatchObject({ code: 126 });
    expect(await refused("plain", good, 0o644)).toMatchObject({
      code: 126,
      stderr: "foreshore: ./plain: not executable (chmod +x makes it so)\n",
    });
    expect(await foreshore(["run", folder])).toMatchObject({ code: 126 });
  });

  it("ends with 127 for what is not there, and for a script whose interpreter is not", async () => {
    expect(await foreshore(["run", "./nothing"])).toMatchObject({
      code: 127,
      stderr: "foreshore: ./nothing: no such file or directory\n",
    });
    expect(await refused("script", "#!/bin/sh\necho\n")).toEqual({
      code: 127,
      stderr: "foreshore: ./script: needs /bin/sh, which the machine has only with a --root\n",
    });
  });

  it("lets the kernel refuse what only it can judge: segments that overlap, wrap or are absurd", async () => {
    const good = readFileSync(guest);
    // Offset 64 + 16: p_vaddr of the first program header; + 40: its p_memsz (elf(5)).
    const firstLoad = (() => {
      for (let i = 0; ; i++) if (good.readUInt32LE(64 + i * 56) === 1) return 64 + i * 56;
    })();
    const wrapping = Buffer.from(good);
    wrapping.writeBigUInt64LE(0xffff_ffff_ffff_f000n, firstLoad + 16);
    const absurd = Buffer.from(good);
    absurd.writeBigUInt64LE(1n << 60n, firstLoad + 40);
    for (const [name, contents] of [
      ["wrapping", wrapping],
      ["absurd", absurd],
    ] as const) {
      const { code, stderr } = await refused(name, contents);
      expect(code).toBe(126);
      expect(stderr).toMatch(new RegExp(`^foreshore: ./${name}: [^\n]+\n$`));
    }
  });
});

describe("foreshore run", () => {
  it("gives arguments, environment and working directory", async () => {
    const { stdout, stderr } = await foreshore([
      ...["run", "--env", "A=b c", "--env", "PATH=/x", "--cwd", "/tmp", "--", "./guest", "args", "--root", "", "ü"],
    ]);
    expect(stderr).toBe("");
    expect(stdout.toString()).toBe("./guest\nargs\n--root\n\nü\nenv PATH=/x\nenv HOME=/root\nenv A=b c\ncwd /tmp\n");
  });

  it("ends with the program's own code, or 128 and the signal that ended it", async () => {
    expect(await run("exit", "0")).toMatchObject({ code: 0, stderr: "" });
    expect(await run("exit", "77")).toMatchObject({ code: 77 });
    expect(await run("segv")).toMatchObject({ code: 139 });
    expect(await run("raise", "9")).toMatchObject({ code: 137 });
    expect(await run("raise", "15")).toMatchObject({ code: 143 });
  });

  it("keeps standard output and standard error apart", async () => {
    const { stdout, stderr } = await run("both");
    expect([stdout.toString(), stderr]).toEqual(["out\n", "err\n"]);
  });

  it("streams bytes unchanged, with back-pressure, to their end", async () => {
    const input = Buffer.concat([Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)), randomBytes(3 << 20)]);
    const { stdout, code } = await foreshore(["run", guest, "cat"], { stdin: input });
    expect(code).toBe(0);
    expect(stdout.length).toBe(input.length);
    expect(createHash("sha256").update(stdout).digest("hex")).toBe(createHash("sha256").update(input).digest("hex"));
  });

  it("gives EFAULT for a bad pointer, and ends only with the program", async () => {
    expect((await run("badcall")).stdout.toString()).toBe("-1 EFAULT\n");
  });

  it("ends background processes with the program", async () => {
    const { code, stdout } = await run("background");
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 4, stdout: "left one behind\n" });
  });

  it("tells the program when nobody reads its output any more", async () => {
    const running = start(["run", guest, "flood"]);
    await running.saw("x");
    running.child.stdout!.destroy();
    expect(await running.result).toMatchObject({ code: 128 + 13, stderr: "" });
  });

  it("ends when the program does, though standard input stays open", async () => {
    const running = start(["run", guest, "exit", "5"]);
    expect(await running.result).toMatchObject({ code: 5 });
  });
});

describe("foreshore run: signals", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("hands on %s", async (signal) => {
    const running = start(["run", guest, "catch"]);
    await running.saw("ready");
    running.child.kill(signal);
    const { code, stdout } = await running.result;
    const number = { SIGINT: " 2", SIGTERM: "15", SIGHUP: " 1" }[signal];
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 3, stdout: `ready\ngot signal ${number}\n` });
  });

  it("ends with 128 + n when the program dies of it", async () => {
    const running = start(["run", guest, "loop"]);
    await running.saw("ready");
    running.child.kill("SIGTERM");
    expect(await running.result).toMatchObject({ code: 143, signal: null });
  });

  it("reaches the whole process group", async () => {
    const running = start(["run", guest, "group"]);
    await running.saw("ready");
    running.child.kill("SIGINT");
    const { code, stdout } = await running.result;
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: "ready\nchild ended by signal 2\n" });
  });

  it("ends the machine at the third Ctrl-C", async () => {
    const running = start(["run", guest, "ignore"]);
    await running.saw("ready");
    running.child.kill("SIGINT");
    await running.saw("got signal  2");
    running.child.kill("SIGINT");
    await running.saw("got signal  2\ngot signal  2");
    running.child.kill("SIGINT");
    expect(await running.result).toMatchObject({ code: 130, signal: null });
  });
});

describe("foreshore run --timeout", () => {
  // Whatever the program does, the command ends within a second of its time.
  it.each(["loop", "flood", "bomb", "catch"])("ends a program that does %s with 124", async (what) => {
    const running = start(["run", "--timeout", "2", "--memory", "256", guest, what]);
    if (what === "flood") running.child.stdout!.pause();
    const { code, ms } = await Promise.race([
      running.result,
      once(running.child, "exit").then(([exitCode]) => ({ code: exitCode as number, ms: 0 })),
    ]);
    expect(code).toBe(124);
    expect(ms).toBeLessThan(3500);
    running.child.stdout!.destroy();
  });

  it("does nothing to a program that ends before", async () => {
    expect(await foreshore(["run", "--timeout", "20", guest, "exit", "6"])).toMatchObject({ code: 6 });
  });

  it("ends a program that takes all memory as Linux would, and says so", async () => {
    const { code, stderr } = await foreshore(["run", "--memory", "128", guest, "hog"]);
    expect(code).toBe(137);
    expect(stderr).toMatch(/^foreshore: out of memory: [^\n]*killed[^\n]*\n$/);
  });
});

describe("foreshore run --root", () => {
  let root = "";

  beforeAll(() => {
    root = path.join(folder, "root");
    mkdirSync(path.join(root, "usr/bin"), { recursive: true });
    mkdirSync(path.join(root, "etc"));
    mkdirSync(path.join(root, "work"));
    copyFileSync(guest, path.join(root, "usr/bin/guest"));
    symlinkSync("usr/bin", path.join(root, "bin"));
    writeFileSync(path.join(root, "etc/motd"), "from the folder\n");
    writeFileSync(path.join(root, "etc/data"), "12345");
    chmodSync(path.join(root, "etc/motd"), 0o644);
  });

  it("finds PROGRAM along PATH, by an absolute path, and from the working directory", async () => {
    for (const program of ["guest", "/bin/guest", "../usr/bin/guest"]) {
      const { code, stdout, stderr } = await foreshore([
        ...["run", "--root", root, "--cwd", "/work", program, "show", "/etc/motd"],
      ]);
      expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 0, stdout: "from the folder\n", stderr: "" });
    }
  });

  it("does not look on the host for what the machine does not have", async () => {
    expect(await foreshore(["run", "--root", root, "nothing"])).toMatchObject({
      code: 127,
      stderr: "foreshore: nothing: not found in the machine\n",
    });
    expect(await foreshore(["run", "--root", root, guest, "exit", "0"])).toMatchObject({ code: 127 });
    expect(await foreshore(["run", "--root", root, "/etc/motd"])).toMatchObject({
      code: 126,
      stderr: "foreshore: /etc/motd: permission denied\n",
    });
    expect(await foreshore(["run", "--root", root, "/etc"])).toMatchObject({ code: 126 });
    expect(await foreshore(["run", "--root", root, "--cwd", "/nowhere", "guest"])).toMatchObject({
      code: 125,
      stderr: "foreshore: --cwd /nowhere: no such file or directory\n",
    });
    expect(await foreshore(["run", "--tty", guest])).toMatchObject({
      code: 125,
      stderr: "foreshore: --tty: standard input is not a terminal\n",
    });
  });

  it("takes a tar archive, and lays later roots over earlier ones", async () => {
    const over = path.join(folder, "over");
    mkdirSync(path.join(over, "etc"), { recursive: true });
    writeFileSync(path.join(over, "etc/motd"), "from above\n");
    const tar = path.join(folder, "root.tar");
    execFileSync("tar", ["-C", root, "-cf", tar, "."]);
    const roots = ["--root", tar, "--root", over];
    const shown = await foreshore(["run", ...roots, "guest", "show", "/etc/motd"]);
    expect(shown.stdout.toString()).toBe("from above\n");
    expect((await foreshore(["run", ...roots, "guest", "show", "/etc/data"])).stdout.toString()).toBe("12345");
    writeFileSync(`${tar}.gz`, execFileSync("gzip", ["-c", tar]));
    expect(await foreshore(["run", "--root", `${tar}.gz`, "guest"])).toMatchObject({
      code: 125,
      stderr: `foreshore: ${tar}.gz: it is compressed with gzip; unpack it first (gunzip), a layer is read in place\n`,
    });
  });

  it("gives EIO, and says so, for a host file that changed after it was indexed", async () => {
    const running = start(["run", "--root", root, "guest", "show-later", "/etc/data"]);
    await running.saw("ready");
    appendFileSync(path.join(root, "etc/data"), "6");
    running.child.stdin!.write("x");
    const { code, stdout, stderr } = await running.result;
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: "ready\nInput/output error\n" });
    expect(stderr).toContain("/etc/data: it had 5 bytes when it was indexed and has 6 now");
    expect((await foreshore(["run", "--root", root, "guest", "show", "/etc/data"])).stdout.toString()).toBe("123456");
  });
});

describe("foreshore run --strace and --stats", () => {
  it("shows each system call as strace does, on standard error", async () => {
    const { stderr, stdout } = await foreshore(["run", "--strace", guest, "both"]);
    expect(stdout.toString()).toBe("out\n");
    expect(stderr).toMatch(/^write\(1, "out\\n", 4\) += 4$/m);
    expect(stderr).toMatch(/^err$/m);
    expect(stderr).toMatch(/^exit_group\(0\) += \?\n\+\+\+ exited with 0 \+\+\+$/m);
    expect((await foreshore(["run", "--strace", guest, "segv"])).stderr).toMatch(/^\+\+\+ killed by SIGSEGV \+\+\+$/m);
    expect((await foreshore(["run", "--strace", guest, "badcall"])).stderr).toMatch(
      /^write\(1, 0x8, 10\) += -1 EFAULT \(Bad address\)$/m,
    );
  });

  it("writes the trace to a file, each line with its thread", async () => {
    const file = path.join(folder, "trace");
    const { stderr } = await foreshore(["run", `--strace=${file}`, guest, "both"]);
    expect(stderr).toBe("err\n");
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(lines.filter((line) => !/^\d+ +(\w+\(.*\) += |\+\+\+ )/.test(line))).toEqual([]);
    expect(lines.some((line) => /^\d+ +write\(1, "out\\n", 4\) += 4$/.test(line))).toBe(true);
    const bad = await foreshore(["run", "--strace=/no/such/folder/x", guest, "both"]);
    expect(bad).toMatchObject({ code: 125 });
    expect(bad.stderr).toMatch(/^foreshore: --strace=\/no\/such\/folder\/x: .*\n$/);
  });

  it("shows at the end what the run took", async () => {
    const json = await foreshore(["run", "--stats=json", guest, "exit", "9"]);
    expect(json.code).toBe(9);
    const stats = JSON.parse(json.stderr);
    expect(stats.instructions).toBeGreaterThan(1000);
    expect(stats.syscalls).toBeGreaterThan(3);
    expect(stats.faults).toBeGreaterThan(3);
    expect(stats.memoryBytes).toBeGreaterThan(1 << 20);
    expect(stats.runMs).toBeGreaterThan(0);
    const text = await foreshore(["run", "--stats", guest, "exit", "0"]);
    expect(text.stderr).toMatch(/^time +[0-9.,]+ ms after/m);
    expect(text.stderr).toMatch(/^guest instructions +[0-9,]+ /m);
  });
});
