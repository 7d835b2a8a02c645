/** Bytes that can be read at any place: what a tar archive is indexed from. */

export interface RandomAccess {
  /** Says in messages what is meant. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** `length` bytes at `position`; fewer only when the end was moved since. */
  read(position: number, length: number): Promise<Uint8Array>;
  close?(): Promise<void> | void;
}

/** Bytes in memory, or a Blob (a File of a browser, `fs.openAsBlob` of Node). */
export function accessBytes(source: Uint8Array | Blob, name: string): RandomAccess {
  if (source instanceof Uint8Array) {
    return {
      name,
      size: source.length,
      read: async (position, length) => source.subarray(position, position + length),
    };
  }
  return {
    name,
    size: source.size,
    read: async (position, length) => new Uint8Array(await source.slice(position, position + length).arrayBuffer()),
  };
}
