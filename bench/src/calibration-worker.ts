/** One of the two workers of the ping-pong: each waits for its word to change, then changes the other's. */
import { parentPort, workerData } from "node:worker_threads";
import { median } from "./stats.ts";

const TRIPS = 500;
const BATCHES = 9;

const { role, shared } = workerData as { role: 0 | 1; shared: SharedArrayBuffer };
const words = new Int32Array(shared);
const mine = role;
const other = 1 - role;

function send(turn: number): void {
  Atomics.store(words, other, turn);
  Atomics.notify(words, other);
}

function receive(turn: number): void {
  for (let seen = Atomics.load(words, mine); seen !== turn; seen = Atomics.load(words, mine))
    Atomics.wait(words, mine, seen);
}

const batches: number[] = [];
for (let turn = 1; turn <= TRIPS * BATCHES; ) {
  const from = performance.now();
  for (let i = 0; i < TRIPS; i++, turn++) {
    if (role === 0) send(turn);
    receive(turn);
    if (role === 1) send(turn);
  }
  batches.push(((performance.now() - from) * 1000) / TRIPS);
}
// The first batch has the other worker's start in it.
if (role === 0) parentPort?.postMessage(median(batches.slice(1)));
