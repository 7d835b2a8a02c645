/** A blob source over a file of the host: bytes go straight into the machine's memory. */
import { type FileHandle, open } from "node:fs/promises";
import type { BlobSource } from "../common/blobs.ts";

/** @param path of a regular file; it is opened at the first read and must not change while the machine runs */
export function fileSource(path: string): BlobSource {
  let handle: Promise<FileHandle> | undefined;
  return {
    name: path,
    async read(position, length, into) {
      handle ??= open(path, "r");
      const { bytesRead } = await (await handle).read(into, 0, length, position);
      return bytesRead;
    },
    async close() {
      await (await handle)?.close();
    },
  };
}
