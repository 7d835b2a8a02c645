/** Opening a control channel: both hellos. */
import { Control, ControlHello, ControlStatus, controlStatusName } from "../../ts/index.ts";
import { AbiMismatch, abortReason } from "../client/errors.ts";
import type { Duplex } from "./duplex.ts";
import { ControlError, decodeHello, encodeHello, FrameReader, helloMismatch } from "./frames.ts";

const WHY: Readonly<Record<number, string>> = {
  [ControlStatus.Busy]: "it has too many connections",
  [ControlStatus.Protocol]: "it did not understand our hello",
  [ControlStatus.Unavailable]: "the machine has stopped or cannot be reached",
};

export interface OpenChannel {
  /** Where the machine's frames come from. */
  readonly reader: FrameReader;
  /** Bytes of the arena that this connection has. */
  readonly arenaBytes: number;
}

/**
 * Says hello and waits for the machine's; the duplex is closed when that fails.
 * @throws AbiMismatch when the versions do not fit, ControlError when the machine refuses or nobody answers in our
 *   language, the signal's reason when it aborts
 */
export async function openChannel(duplex: Duplex, signal?: AbortSignal): Promise<OpenChannel> {
  const onAbort = (): void => duplex.close();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal?.aborted) throw abortReason(signal);
    const reader = new FrameReader(duplex);
    const bytes = await duplex
      .write(encodeHello({ status: ControlStatus.Ok, arenaBytes: 0 }))
      .then(() => reader.exactly(ControlHello.SIZE))
      .catch((cause) => {
        throw new ControlError("nobody answers on the control channel", undefined, undefined, { cause });
      });
    if (signal?.aborted) throw abortReason(signal);
    if (bytes === undefined) throw new ControlError("the control channel was closed before it was open");
    const hello = decodeHello(bytes);
    const mismatch = helloMismatch(hello, "machine");
    if (mismatch?.status === ControlStatus.Version) throw new AbiMismatch(mismatch.why);
    if (mismatch !== undefined) throw new ControlError(mismatch.why, undefined, mismatch.status);
    if (hello.status !== ControlStatus.Ok) {
      const why = WHY[hello.status] ?? controlStatusName(hello.status);
      throw new ControlError(
        `the machine refuses the control channel: ${why}`,
        undefined,
        hello.status as ControlStatus,
      );
    }
    if (hello.arenaBytes > Control.FrameBytes) throw new ControlError(`an arena of ${hello.arenaBytes} bytes`);
    return { reader, arenaBytes: hello.arenaBytes };
  } catch (error) {
    duplex.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
