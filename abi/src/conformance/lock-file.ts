/** abi/abi.lock.json, beside the module. */
import lock from "../../abi.lock.json" with { type: "json" };
import type { LayoutLock } from "./mutation.ts";

export const LOCK: LayoutLock = lock;
