/** All benchmarks, in the order in which they run. */
import type { Benchmark } from "../benchmark.ts";
import { busy } from "./busy.ts";
import { changing } from "./changes.ts";
import { conformance } from "./conformance.ts";
import { control } from "./control.ts";
import { cpu } from "./cpu.ts";
import { debian } from "./debian.ts";
import { files } from "./files.ts";
import { holds } from "./holds.ts";
import { ipc } from "./ipc.ts";
import { page } from "./page.ts";
import { processes } from "./processes.ts";
import { rpc } from "./rpc.ts";
import { scaling } from "./scaling.ts";
import { size } from "./size.ts";
import { sleeping } from "./sleeping.ts";
import { start } from "./start.ts";
import { views } from "./views.ts";
import { waiting } from "./waiting.ts";
import { waking } from "./waking.ts";

export const suite: readonly Benchmark[] = [
  ...size,
  ...rpc,
  ...start,
  ...page,
  ...views,
  ...control,
  ...conformance,
  ...waiting,
  ...waking,
  ...busy,
  ...holds,
  ...sleeping,
  ...changing,
  ...processes,
  ...files,
  ...ipc,
  ...scaling,
  ...cpu,
  ...debian,
];
