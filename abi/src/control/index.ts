/** The control channel: a machine over a byte stream or a MessagePort. */
export { ControlClient, type ControlOptions, type RecordQuery } from "./control-client.ts";
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
