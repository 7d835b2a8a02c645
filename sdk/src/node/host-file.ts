/** Single files of the host, read lazily. */

import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import path from "node:path";
import { type LayerEntry, LayerError, type LayerSource } from "../layers/entry.ts";
import type { RandomAccess } from "../tar/access.ts";
import { tarLayer } from "../tar/layer.ts";
import { readFully } from "./handles.ts";

/**
 * A host file as bytes that can be read at any place.
 * @throws LayerError when it is no regular file that can be read
 */
export function accessFile(file: string): RandomAccess {
  let fd: number;
  try {
    // A FIFO would otherwise wait for its writer.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new LayerError(`${file}: ${reason(error)}`, { code: errorCode(error), cause: error });
  }
  const info = fstatSync(fd);
  if (!info.isFile()) {
    closeSync(fd);
    throw new LayerError(`${file}: not a regular file`);
  }
  return {
    name: path.basename(file),
    size: info.size,
    read: async (position, length) => readFully(fd, position, length),
    close: () => closeSync(fd),
  };
}

/** A tar archive on the host as a layer, see `tarLayer`. */
export function tarFile(file: string): LayerSource {
  return tarLayer(accessFile(file), { name: file });
}

/**
 * One host file as the only entry of a layer, executable if it is so on the host.
 * @param at its path in the machine
 */
export function fileLayer(file: string, at: string): LayerSource {
  const access = accessFile(file);
  const info = statSync(file);
  return {
    name: file,
    entries: (): LayerEntry[] => [
      {
        kind: "lazy",
        path: at,
        blob: file,
        size: access.size,
        mode: info.mode & 0o7777,
        mtimeMs: info.mtimeMs,
      },
    ],
    read: (_blob, position, length) => access.read(position, length),
    close: () => access.close?.(),
  };
}

/** What a system error of Node means, in words. */
export function reason(error: unknown): string {
  switch (errorCode(error)) {
    case "ENOENT":
      return "no such file or directory";
    case "ENOTDIR":
      return "not a directory";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "is a directory";
    case "ELOOP":
      return "too many symbolic links";
    case "EMFILE":
    case "ENFILE":
      return "too many open files";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

/** The error's `code` where it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
