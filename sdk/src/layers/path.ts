/** Paths inside a layer: checked once, here, before anything else sees them. */

import { LayerError } from "./entry.ts";

/** uapi linux/limits.h. */
const NAME_MAX = 255;
const PATH_MAX = 4096;

const encoder = new TextEncoder();

/** Bytes of `text` in UTF-8, without encoding what is plainly short enough. */
function utf8Bytes(text: string): number {
  // A UTF-16 unit never takes more than three bytes.
  return encoder.encode(text).length;
}

/**
 * `path` relative to the layer's root, without `.` and empty parts; `''` is the root itself.
 * @throws LayerError for `..`, a NUL, a name over 255 bytes, a path over 4,095 bytes
 */
export function layerPath(path: string): string {
  if (path.includes("\0")) throw new LayerError(`${quote(path)}: a path cannot hold a NUL`);
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") throw new LayerError(`${quote(path)}: ".." would lead out of the layer`);
    if (part.length * 3 > NAME_MAX && utf8Bytes(part) > NAME_MAX) {
      throw new LayerError(`${quote(path)}: a name of more than ${NAME_MAX} bytes`, { code: "ENAMETOOLONG" });
    }
    parts.push(part);
  }
  const joined = parts.join("/");
  // One byte for the leading slash, one for the NUL.
  if (joined.length * 3 > PATH_MAX - 2 && utf8Bytes(joined) > PATH_MAX - 2) {
    throw new LayerError(`${quote(path)}: a path of more than ${PATH_MAX - 1} bytes`, { code: "ENAMETOOLONG" });
  }
  return joined;
}

/** Target of a symbolic link, as symlink(2) would take it. */
export function linkTarget(path: string, target: string): string {
  if (target === "") throw new LayerError(`${quote(path)}: a symbolic link to nothing`, { code: "ENOENT" });
  if (target.includes("\0")) throw new LayerError(`${quote(path)}: a link target cannot hold a NUL`);
  if (target.length * 3 > PATH_MAX - 1 && utf8Bytes(target) > PATH_MAX - 1) {
    throw new LayerError(`${quote(path)}: a link target of more than ${PATH_MAX - 1} bytes`, { code: "ENAMETOOLONG" });
  }
  return target;
}

/** The directory that a layer path lies in; `''` for names in the root. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** `text` for a message: in quotes, control characters escaped, cut when it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}...` : text);
}
