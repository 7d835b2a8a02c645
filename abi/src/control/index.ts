/** The control channel: a machine over a byte stream or a MessagePort. */

export type { RecordQuery } from "../row-tables.ts";
export { ControlClient, type ControlOptions } from "./control-client.ts";
export { type Duplex, type PortLike, portDuplex, streamDuplex } from "./duplex.ts";
export {
  ControlError,
  decodeHello,
  encodeHello,
  type Frame,
  FrameReader,
  FrameWriter,
  faultFrame,
  helloMismatch,
} from "./frames.ts";
export { RECORD_KINDS, RecordSource } from "./records.ts";
