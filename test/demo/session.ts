/** The demo's shell session: what is typed, and what must come out. */

import type { LogFile, LogLine } from "./corpus.ts";

export interface Step {
  /** As typed into the shell. */
  code: string;
  /** What it must print: exactly, or matching. */
  expect: string | RegExp;
}

/** Printed before the output of each step, with its number and a newline: ASCII's record separator. */
const MARK = "\x1e";

/** Status with which the session's shell exits. */
export const SESSION_EXIT = 7;

/** Counts by key, the largest first; equal counts by the key backwards, as `sort -rn` orders them. */
function ranking(lines: Iterable<string>): [string, number][] {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? 1 : -1));
}

async function sha256(text: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The steps; what depends on the logs is worked out here, by the host. */
export async function makeSteps(logs: readonly LogFile[]): Promise<Step[]> {
  const all: LogLine[] = logs.flatMap((file) => file.lines);
  const first = logs.filter((file) => file.path.includes("web-01"));
  const perServer = ["web-01", "web-02", "web-03"].map((server) => {
    const files = logs.filter((file) => file.path.includes(server));
    return `/tmp/${server}.lines:${files.reduce((sum, file) => sum + file.lines.length, 0)}`;
  });
  const bytes = new Map<string, number>();
  for (const line of all) bytes.set(line.path, (bytes.get(line.path) ?? 0) + line.bytes);
  const top = ranking(all.map((line) => line.path)).slice(0, 5);
  const api = ranking(first.flatMap((f) => f.lines.filter((l) => l.path.startsWith("/api/")).map((l) => l.path)));
  const folders = new Set(logs.map((file) => file.path.slice(0, file.path.lastIndexOf("/")))).size + 1;
  return [
    { code: "uname -srm", expect: /^Linux \S+ riscv64$/ },
    { code: "busybox | head -n 1", expect: /^BusyBox v1\.[0-9]+\.[0-9]+ / },
    {
      code: `cat > /tmp/notes.txt <<'EOF'
shore: where the land meets the sea
foreshore: what the tide covers and uncovers
EOF
cat -n /tmp/notes.txt`,
      expect: "     1\tshore: where the land meets the sea\n     2\tforeshore: what the tide covers and uncovers",
    },
    {
      code: `tide() { if [ "$1" -gt 3 ]; then echo "$1 m: high"; else echo "$1 m: low"; fi; }
for level in 1 3 5; do tide $level; done`,
      expect: "1 m: low\n3 m: low\n5 m: high",
    },
    { code: "find /srv/logs -name '*.log' | wc -l", expect: String(logs.length) },
    {
      code: "grep -rh ' 503 ' /srv/logs | wc -l",
      expect: String(all.filter((line) => line.status === 503).length),
    },
    {
      code: `find /srv/logs -type f | xargs cat |
  awk '{ hits[$7]++; bytes[$7] += $10 } END { for (p in hits) printf "%d %d %s\\n", hits[p], bytes[p], p }' |
  sort -rn | head -n 5`,
      expect: top.map(([path, count]) => `${count} ${bytes.get(path)} ${path}`).join("\n"),
    },
    {
      code: `sed -n 's/^.*"GET \\(\\/api\\/[a-z]*\\) .*$/\\1/p' /srv/logs/web-01/*.log | sort | uniq -c | sort -rn`,
      expect: api.map(([path, count]) => `${String(count).padStart(7)} ${path}`).join("\n"),
    },
    {
      code: "cat /srv/logs/*/*.log | cut -d ' ' -f 1 | sort -u | wc -l",
      expect: String(new Set(all.map((line) => line.address)).size),
    },
    {
      code: `for server in web-01 web-02 web-03; do
  (cat /srv/logs/$server/*.log | wc -l > /tmp/$server.lines) &
done
wait
grep . /tmp/web-*.lines`,
      expect: perServer.join("\n"),
    },
    {
      code: `mkfifo /tmp/pipe
tr a-z A-Z < /tmp/pipe > /tmp/loud.txt &
cat /tmp/notes.txt > /tmp/pipe
wait
cat /tmp/loud.txt`,
      expect: "SHORE: WHERE THE LAND MEETS THE SEA\nFORESHORE: WHAT THE TIDE COVERS AND UNCOVERS",
    },
    {
      code: `sh -c 'trap "echo tidying up" EXIT; trap "echo interrupted; exit 9" INT; kill -INT $$; echo never'
echo "exit code $?"`,
      expect: "interrupted\ntidying up\nexit code 9",
    },
    { code: 'sleep 60 & kill $!; wait $!; echo "exit code $?"', expect: /^(Terminated\n)?exit code 143$/ },
    {
      code: "tar -cf /tmp/logs.tar -C /srv logs && tar -tf /tmp/logs.tar | wc -l",
      expect: String(logs.length + folders),
    },
    {
      code: `gzip -c /tmp/logs.tar > /tmp/logs.tar.gz
[ $(stat -c %s /tmp/logs.tar.gz) -lt $(($(stat -c %s /tmp/logs.tar) / 4)) ] && echo "less than a quarter"`,
      expect: "less than a quarter",
    },
    {
      code: `mkdir /tmp/copy && gunzip -c /tmp/logs.tar.gz | tar -xf - -C /tmp/copy
diff -r /srv/logs /tmp/copy/logs && echo identical`,
      expect: "identical",
    },
    {
      code: "find /srv/logs -type f | sort | xargs cat | sha256sum",
      expect: `${await sha256(logs.map((file) => file.text).join(""))}  -`,
    },
    {
      code: `cd /tmp && chmod 640 notes.txt && ln notes.txt hard && ln -s notes.txt soft
stat -c '%A %h %s %N' notes.txt hard soft`,
      expect: "-rw-r----- 2 81 notes.txt\n-rw-r----- 2 81 hard\nlrwxrwxrwx 1 9 'soft' -> 'notes.txt'",
    },
    { code: "echo '2^200' | bc", expect: (2n ** 200n).toString() },
    { code: "head -c 4 /bin/busybox | od -An -c", expect: " 177   E   L   F" },
    { code: "(exit 42); echo $?", expect: "42" },
    { code: `echo bye; exit ${SESSION_EXIT}`, expect: "bye" },
  ];
}

/** The steps as one script. */
export function sessionScript(steps: readonly Step[]): string {
  const parts = steps.map((step, i) => `printf '\\036%d\\n' ${i}\n${step.code}\n`);
  return `exec 2>&1\n${parts.join("")}`;
}

/** Output of the session, cut at the marks as it comes in. */
export class SessionReader {
  readonly outputs: string[] = [];
  #rest = "";
  readonly #decoder = new TextDecoder();
  readonly #show: (text: string, step: number, begins: boolean) => void;

  /** @param show gets each piece of output with its step; `begins` with the first (empty) one of a step */
  constructor(show: (text: string, step: number, begins: boolean) => void = () => {}) {
    this.#show = show;
  }

  push(chunk: Uint8Array): void {
    this.#take(this.#rest + this.#decoder.decode(chunk, { stream: true }));
  }

  /** No more output comes. */
  end(): void {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = "";
    this.#add(rest);
  }

  #take(text: string): void {
    let from = 0;
    for (;;) {
      const mark = text.indexOf(MARK, from);
      const newline = mark < 0 ? -1 : text.indexOf("\n", mark);
      if (mark < 0 || newline < 0) {
        // A mark may be cut in two by a chunk's end.
        const keep = mark < 0 ? text.length : mark;
        this.#add(text.slice(from, keep));
        this.#rest = text.slice(keep);
        return;
      }
      this.#add(text.slice(from, mark));
      this.outputs.push("");
      this.#show("", this.outputs.length - 1, true);
      from = newline + 1;
    }
  }

  #add(text: string): void {
    if (text === "") return;
    // What comes before the first mark belongs to no step: it is shown, and no check misses it.
    if (this.outputs.length === 0) {
      this.outputs.push("");
      this.#show("", 0, true);
    }
    this.outputs[this.outputs.length - 1] += text;
    this.#show(text, this.outputs.length - 1, false);
  }
}

/** What is wrong with the outputs: one sentence each. */
export function checkOutputs(steps: readonly Step[], outputs: readonly string[], exitCode: number | null): string[] {
  const problems: string[] = [];
  steps.forEach((step, i) => {
    const output = outputs[i]?.replace(/\n$/, "");
    const expected = step.expect;
    const fine = typeof expected === "string" ? output === expected : output !== undefined && expected.test(output);
    if (fine) return;
    const wanted = typeof expected === "string" ? JSON.stringify(expected) : String(expected);
    problems.push(`${step.code.split("\n", 1)[0]}: printed ${JSON.stringify(output)} instead of ${wanted}`);
  });
  if (exitCode !== SESSION_EXIT) problems.push(`the shell ended with ${exitCode} instead of ${SESSION_EXIT}`);
  return problems;
}
