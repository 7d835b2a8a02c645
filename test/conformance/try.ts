import { runKit } from "@foreshore/abi/conformance";
import { VECTORS } from "../../abi/src/conformance/vectors-file.ts";
import { miniSubject } from "./mini-subject.ts";
import { runtimeSubject } from "./runtime-subject.ts";

const subject = process.argv[2] === "runtime" ? runtimeSubject(2) : await miniSubject();
const only = process.argv[3];
const t0 = performance.now();
const results = await runKit(subject, {
  vectors: VECTORS,
  timeoutMs: 3000,
  ...(only ? { only: (f: string, n: string) => `${f}: ${n}`.includes(only) } : {}),
  onResult: (r) => {
    if (r.outcome !== "passed") console.log(r.outcome, r.family, r.name, "--", r.detail);
  },
});
console.log(results.length, results.filter((r) => r.outcome === "passed").length, performance.now() - t0);
