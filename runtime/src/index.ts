/** @foreshore/runtime: machines in Node and in browsers. */

export * from "./common/index.ts";
export { Runtime } from "./runtime.ts";
