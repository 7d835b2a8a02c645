/** Programs for the benchmarks. */
import { guest, missingTool } from "../../test/guests/build.ts";
import { Unavailable } from "./benchmark.ts";

/** Host path of the guest bench-NAME, built when it must be. */
export async function benchGuest(name: string): Promise<string> {
  const missing = missingTool();
  if (missing !== null) throw new Unavailable(missing);
  return await guest(`bench-${name}`);
}
