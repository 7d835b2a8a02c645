/** @foreshore/runtime/node: what only Node has. */
export { fileSource } from "./file-source.ts";
export { defaultKernelUrl, defaultWorkerUrl } from "./platform.ts";
