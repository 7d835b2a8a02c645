/** The SDK in Node: all of `@foreshore/sdk`, and layers of the host's files. */

export * from "./index.ts";
export { type DirectoryLayerOptions, directoryLayer } from "./node/directory.ts";
export { accessFile, fileLayer, tarFile } from "./node/host-file.ts";
