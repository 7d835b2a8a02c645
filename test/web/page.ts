/** The demonstration page: a shell in a terminal, files in and out, and the machine's processes as they are. */
import { attach, type MachineView, processTable, TERMINAL_ENV } from "@foreshore/abi";
import type { Process, ProcessInfo } from "@foreshore/runtime";
import { httpLayer } from "@foreshore/sdk/layers/http";
import { Machine } from "@foreshore/sdk/machine";
import { linkTerminal } from "@foreshore/sdk/terminal/link";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";

/** What a test that drives the page may look at. */
export interface PageState {
  readonly machine: Machine;
  readonly terminal: Terminal;
  /** Milliseconds from the page's start to the shell's first output. */
  promptMs: number | undefined;
}

declare global {
  interface Window {
    foreshore?: PageState;
  }
}

/** What the server knows of the root that it serves. */
interface PageConfig {
  /** The shell and its arguments; null when there is none. */
  readonly shell: readonly string[] | null;
  /** Why there is no shell. */
  readonly why: string;
}

/** Between two looks at a machine that is at work. */
const REST_MS = 500;
/** Files are held in memory on their way; larger ones are left to other ways. */
const MAX_FILE_BYTES = 512 << 20;
const MIB = 1 << 20;
const PAGE_BYTES = 4096;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function status(text: string): void {
  element("status").textContent = text;
}

function notice(text: string): void {
  const place = element("notice");
  place.textContent = place.textContent === "" ? text : `${place.textContent}\n${text}`;
  place.hidden = false;
}

function openTerminal(): { terminal: Terminal; fit: FitAddon } {
  const terminal = new Terminal({
    // Programs may write nonsense: it is shown as it is, not logged to the console.
    logLevel: "off",
    cursorBlink: true,
    fontSize: 14,
    scrollback: 5000,
    theme: { background: "#000000" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(element("terminal"));
  fit.fit();
  new ResizeObserver(() => fit.fit()).observe(element("terminal"));
  // Tab belongs to the shell, so there is another way out for those who use no pointer.
  terminal.attachCustomKeyEventHandler((event) => {
    if (!(event.type === "keydown" && event.ctrlKey && event.shiftKey && event.code === "KeyE")) return true;
    event.preventDefault();
    element("controls").focus();
    return false;
  });
  return { terminal, fit };
}

/** One shell after the other, until the page is closed. */
async function shells(state: PageState, config: PageConfig): Promise<void> {
  const { machine, terminal } = state;
  const [program, ...args] = config.shell ?? [];
  if (program === undefined) {
    terminal.write(`There is no shell in this machine: ${config.why}\r\n`);
    return;
  }
  for (;;) {
    // What is typed while the shell starts is the shell's.
    let ahead = "";
    const typed = terminal.onData((text) => {
      ahead += text;
    });
    const shell: Process = await machine.spawn(program, args, {
      stdio: "pty",
      cols: terminal.cols,
      rows: terminal.rows,
      cwd: "/root",
      env: { ...TERMINAL_ENV, LANG: "C.UTF-8", PS1: "\\u@foreshore:\\w\\$ ", USER: "root" },
    });
    const first = terminal.onWriteParsed(() => {
      state.promptMs ??= performance.now();
      first.dispose();
    });
    terminal.focus();
    typed.dispose();
    const linked = linkTerminal(terminal, shell);
    if (ahead !== "") terminal.input(ahead, true);
    await linked;
    const { code, signal } = await shell.exit;
    terminal.write(`\r\n[the shell ended: ${signal ?? code}; press Enter for another]\r\n`);
    await new Promise<void>((resolve) => {
      const wait = terminal.onKey(({ key }) => {
        if (key !== "\r") return;
        wait.dispose();
        resolve();
      });
    });
  }
}

type Row = Pick<ProcessInfo, "pid" | "ppid" | "state" | "residentPages" | "syscalls" | "command"> & {
  cpuMs?: number;
  runnable?: number;
};

/** From shared memory where this page sees it, else by request. */
async function processRows(machine: Machine, view: MachineView | undefined): Promise<readonly Row[]> {
  if (view === undefined) return await machine.processes();
  return processTable(view).map((row) => ({ ...row, cpuMs: (row.userNs + row.systemNs) / 1e6 }));
}

async function showProcesses(machine: Machine, view: MachineView | undefined): Promise<void> {
  const rows = await processRows(machine, view);
  const body = element("processes");
  body.replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      const running = row.runnable === 0 ? "S" : "R";
      const letter = { prepared: "P", running, stopped: "T", zombie: "Z" }[row.state];
      const mib = ((row.residentPages * PAGE_BYTES) / MIB).toFixed(1);
      const cpu = row.cpuMs === undefined ? "" : row.cpuMs.toFixed(0);
      for (const text of [row.pid, row.ppid, letter, mib, cpu, row.syscalls, row.command]) {
        line.insertCell().textContent = String(text);
      }
      return line;
    }),
  );
  if (view === undefined) return;
  const { memoryPages, memoryMaxPages, freeFrames, hartCount } = view.header;
  element("machine").textContent =
    `${hartCount} harts; memory ${(memoryPages / 16).toFixed(0)} of at most ${(memoryMaxPages / 16).toFixed(0)} MiB, ${((freeFrames * PAGE_BYTES) / MIB).toFixed(0)} of them free`;
}

/** Settles when somebody can see the page. */
async function visible(): Promise<void> {
  while (document.hidden)
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

function watchProcesses(machine: Machine): void {
  const view = machine.memory === undefined ? undefined : attach(machine.memory);
  element("source").textContent = view === undefined ? "(by request)" : "(live from shared memory)";
  const watch = async (): Promise<void> => {
    for await (const _ of machine.changes(["process", "memory"])) {
      await visible();
      await showProcesses(machine, view);
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
  };
  watch().catch((error: unknown) => {
    element("machine").textContent = String(error);
  });
}

function wireFiles(machine: Machine): void {
  const say = (text: string): void => {
    element("files").textContent = text;
  };
  const put = async (files: Iterable<File>): Promise<void> => {
    const names: string[] = [];
    for (const file of files) {
      if (file.size > MAX_FILE_BYTES) throw new Error(`${file.name} is larger than ${MAX_FILE_BYTES / MIB} MiB`);
      // A file's name is the host's: only its last part is taken.
      const name = file.name.replace(/^.*[/\\]/, "");
      await machine.fs.writeFile(`/root/${name}`, new Uint8Array(await file.arrayBuffer()));
      names.push(name);
    }
    if (names.length > 0) say(`in /root: ${names.join(", ")}`);
  };
  const upload = element<HTMLInputElement>("upload");
  upload.addEventListener("change", () => {
    put([...(upload.files ?? [])]).catch((error: unknown) => say(`not uploaded: ${String(error)}`));
    upload.value = "";
  });
  const area = element("terminal");
  area.addEventListener("dragover", (event) => event.preventDefault());
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    put([...(event.dataTransfer?.files ?? [])]).catch((error: unknown) => say(`not uploaded: ${String(error)}`));
  });
  element<HTMLFormElement>("download").addEventListener("submit", (event) => {
    event.preventDefault();
    const path = element<HTMLInputElement>("path").value;
    save(machine, path).then(say, (error: unknown) => say(`not saved: ${String(error)}`));
  });
}

async function save(machine: Machine, path: string): Promise<string> {
  const { kind, size } = await machine.fs.stat(path);
  if (kind !== "file") throw new Error(`${path} is no file`);
  if (size > MAX_FILE_BYTES) throw new Error(`${path} is larger than ${MAX_FILE_BYTES / MIB} MiB`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await machine.fs.readFile(path)]));
  link.download = path.slice(path.lastIndexOf("/") + 1);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return `${path}: ${size} bytes`;
}

async function main(): Promise<void> {
  const bar = element<HTMLProgressElement>("progress");
  bar.hidden = false;
  const { terminal } = openTerminal();
  const [config, machine] = await Promise.all([
    fetch("/config.json").then((response) => response.json() as Promise<PageConfig>),
    Machine.create({ kernel: "/kernel.wasm", workerUrl: "/worker.js" }),
  ]);
  void machine.ended.then((error) => error && status(`the machine failed: ${error.message}`));
  const state: PageState = { machine, terminal, promptMs: undefined };
  window.foreshore = state;
  if (machine.memory === undefined) {
    notice(
      "This page is not cross-origin isolated (its server sends no Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp): the machine runs in single-worker mode, on one processor.",
    );
  }
  status("loading the root's index");
  const progress = (bytes: number): void => {
    if (state.promptMs === undefined) status(`loading: ${(bytes / 1024).toFixed(0)} KiB`);
  };
  await machine.addLayer(httpLayer("/root.json", { progress }));
  await machine.fs.mkdir("/root", { recursive: true });
  wireFiles(machine);
  watchProcesses(machine);
  const running = shells(state, config);
  const parsed = terminal.onWriteParsed(() => {
    parsed.dispose();
    bar.hidden = true;
    const mode = machine.memory === undefined ? "single-worker mode" : "shared memory";
    status(`riscv64 Linux, ${mode}; prompt after ${performance.now().toFixed(0)} ms`);
  });
  await running;
}

main().catch((error: unknown) => {
  element("progress").hidden = true;
  status("failed");
  notice(error instanceof Error ? error.message : String(error));
});
