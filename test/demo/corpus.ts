/** Access logs of three web servers, made up but the same every time: what the demo's shell works on. */

import type { LayerEntry, LayerSource } from "@foreshore/sdk";

const SERVERS = ["web-01", "web-02", "web-03"];
const DAYS = 100;
const LINES = 36;
const PATHS = ["/", "/login", "/api/tides", "/api/users", "/api/boats", "/map.png", "/style.css", "/harbour.html"];
const STATUS = [200, 200, 200, 200, 200, 200, 304, 304, 404, 503];

export interface LogLine {
  address: string;
  path: string;
  status: number;
  bytes: number;
}

export interface LogFile {
  /** Absolute in the machine. */
  path: string;
  text: string;
  lines: LogLine[];
}

/** Numbers below 2^31 that look random (a linear congruential generator, ISO C's example). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** All files, in the order of their paths. */
export function makeLogs(): LogFile[] {
  const random = generator(20250301);
  const files: LogFile[] = [];
  for (const server of SERVERS) {
    for (let day = 0; day < DAYS; day++) {
      const date = new Date(Date.UTC(2025, 2, 1 + day)).toISOString().slice(0, 10);
      const lines: LogLine[] = [];
      let text = "";
      for (let i = 0; i < LINES; i++) {
        const line: LogLine = {
          address: `10.0.${random(4)}.${random(60)}`,
          // Some paths are asked for more often than others.
          path: PATHS[Math.min(random(PATHS.length), random(PATHS.length))]!,
          status: STATUS[random(STATUS.length)]!,
          bytes: 100 + random(40_000),
        };
        const time = `${pad(Math.floor((i * 24) / LINES))}:${pad(random(60))}:${pad(random(60))}`;
        text += `${line.address} - - [${date}:${time} +0000] "GET ${line.path} HTTP/1.1" ${line.status} ${line.bytes}\n`;
        lines.push(line);
      }
      files.push({ path: `/srv/logs/${server}/${date}.log`, text, lines });
    }
  }
  return files;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** The logs as a layer of a user's own: bytes come in when the shell reads them. */
export function logsLayer(files: readonly LogFile[]): LayerSource {
  const contents = new Map(files.map((file) => [file.path, new TextEncoder().encode(file.text)]));
  return {
    name: "logs",
    *entries(): Generator<LayerEntry> {
      for (const [path, bytes] of contents) {
        yield { kind: "lazy", path, blob: path, size: bytes.length, mtimeMs: Date.UTC(2025, 5, 12) };
      }
    },
    read: async (blob, position, length) => contents.get(blob)!.subarray(position, position + length),
  };
}
