/** Hellos and frames of the control channel as bytes: see abi/control.fbs. */
import {
  Control,
  ControlFault,
  ControlFaultCode,
  ControlFrame,
  ControlFrameKind,
  ControlHello,
  type ControlHelloData,
  ControlStatus,
  controlFaultCodeName,
} from "../../ts/index.ts";
import { Mem, memOf } from "../core/mem.ts";
import { ABI, versionMismatch } from "../version.ts";
import type { Duplex } from "./duplex.ts";

/** What a fault is about: the request or query, and the number that was wrong; 0 none. */
export interface FaultAbout {
  readonly id?: number;
  readonly value?: number;
}

/** A control channel that cannot be opened, or that ended because one side did what it may not. */
export class ControlError extends Error {
  readonly code = "ERR_CONTROL";
  /** ControlFaultCode, None where it was the status or the stream that ended it. */
  readonly fault: ControlFaultCode;
  /** ControlStatus with which the machine refused us. */
  readonly status: ControlStatus;
  readonly about: Required<FaultAbout>;

  constructor(
    message: string,
    fault: ControlFaultCode = ControlFaultCode.None,
    status: ControlStatus = ControlStatus.Ok,
    options?: ErrorOptions & FaultAbout,
  ) {
    super(message, options);
    this.name = "ControlError";
    this.fault = fault;
    this.status = status;
    this.about = { id: options?.id ?? 0, value: options?.value ?? 0 };
  }
}

export const HEADER = ControlFrame.SIZE;

/** The hello of these packages. */
export function encodeHello(fields: Pick<ControlHelloData, "status" | "arenaBytes">): Uint8Array {
  const mem = new Mem(new ArrayBuffer(ControlHello.SIZE));
  new ControlHello(mem, 0).setData({
    magic: Control.Magic,
    ...ABI,
    frameBytes: Control.FrameBytes,
    ...fields,
  });
  return mem.u8;
}

export function decodeHello(bytes: Uint8Array): ControlHelloData {
  return new ControlHello(memOf(bytes), 0).toData();
}

/** What is wrong with the other side's hello, and how it is refused; undefined when they fit. A version's sentence names both. */
export function helloMismatch(
  theirs: ControlHelloData,
  who: string,
): { readonly status: ControlStatus; readonly why: string } | undefined {
  const protocol = (why: string) => ({ status: ControlStatus.Protocol, why });
  if (theirs.magic !== Control.Magic)
    return protocol(`the ${who} does not speak Foreshore's control channel (magic ${theirs.magic.toString(16)})`);
  const mismatch = versionMismatch(theirs, who);
  if (mismatch !== undefined) return { status: ControlStatus.Version, why: mismatch };
  if (theirs.frameBytes >= Control.FrameBytes) return undefined;
  return protocol(`the ${who} takes frames of ${theirs.frameBytes} bytes only; ${Control.FrameBytes} are the least`);
}

/** A frame of `length` bytes behind its header; the caller fills them in from HEADER on. */
export function newFrame(kind: ControlFrameKind, length: number): Mem {
  const mem = new Mem(new ArrayBuffer(HEADER + length));
  new ControlFrame(mem, 0).setData({ length, kind });
  return mem;
}

export function faultFrame(code: ControlFaultCode, about: Required<FaultAbout>): Uint8Array {
  const mem = newFrame(ControlFrameKind.Fault, ControlFault.SIZE);
  new ControlFault(mem, HEADER).setData({ code, ...about });
  return mem.u8;
}

/** Also of what does not fit into 32 bits any more. */
export function align(bytes: number): number {
  return Math.ceil(bytes / Control.Align) * Control.Align;
}

export interface Frame {
  readonly kind: number;
  /** What follows the header, in a buffer of its own from 0 on. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The frames of one direction. What it holds is bounded by one frame and one chunk. */
export class FrameReader {
  readonly #duplex: Duplex;
  /** Bytes that have come and are in no frame yet. */
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
  }

  /** Called when a frame has begun and its rest has not come, and when it is complete. */
  waiting: (begun: boolean) => void = () => undefined;

  /** Exactly `count` bytes, undefined when the stream ended before the first of them. */
  async exactly(count: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(count);
    for (let at = 0; ; ) {
      const part = this.#chunk.subarray(0, count - at);
      bytes.set(part, at);
      at += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
      if (at === count) return bytes;
      const chunk = await this.#duplex.read();
      if (chunk === undefined) {
        if (at === 0) return undefined;
        throw new ControlError("the control channel ended in the middle of a frame", ControlFaultCode.FrameLength);
      }
      this.#chunk = chunk;
    }
  }

  /**
   * The next frame; undefined at the end of the stream.
   * @throws ControlError when it is longer than allowed or the stream ends inside
   */
  async next(): Promise<Frame | undefined> {
    // Only a frame that has begun is waited for with impatience.
    if (this.#chunk.length === 0) {
      const chunk = await this.#duplex.read();
      if (chunk === undefined) return undefined;
      this.#chunk = chunk;
    }
    const whole = this.#whole();
    if (whole !== undefined) return whole;
    this.waiting(true);
    try {
      const head = await this.exactly(HEADER);
      if (head === undefined) return undefined;
      const { length, kind } = this.#header(head);
      const bytes = length === 0 ? new Uint8Array(0) : await this.exactly(length);
      if (bytes === undefined) {
        throw new ControlError("the control channel ended in the middle of a frame", ControlFaultCode.FrameLength);
      }
      return { kind, bytes };
    } finally {
      this.waiting(false);
    }
  }

  /** The next frame when all of it has come. */
  #whole(): Frame | undefined {
    if (this.#chunk.length < HEADER) return undefined;
    const { length, kind } = this.#header(this.#chunk.subarray(0, HEADER));
    if (this.#chunk.length < HEADER + length) return undefined;
    const bytes = new Uint8Array(this.#chunk.subarray(HEADER, HEADER + length));
    this.#chunk = this.#chunk.subarray(HEADER + length);
    return { kind, bytes };
  }

  #header(head: Uint8Array): { length: number; kind: number } {
    const words = new DataView(head.buffer, head.byteOffset, HEADER);
    const length = words.getUint32(ControlFrame.OFFSET.length, true);
    const kind = words.getUint32(ControlFrame.OFFSET.kind, true);
    if (length % Control.Align !== 0 || length > Control.FrameBytes - HEADER) {
      throw new ControlError(
        `a frame of ${length} bytes; up to ${Control.FrameBytes - HEADER} are taken, multiples of ${Control.Align}`,
        ControlFaultCode.FrameLength,
        ControlStatus.Ok,
        { value: length },
      );
    }
    return { length, kind };
  }
}

/** Frames that wait to be written, written together. */
export class FrameWriter {
  readonly #duplex: Duplex;
  readonly #failed: (error: Error) => void;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #writing = false;
  #drained: (() => void)[] = [];
  #closed = false;

  /** @param failed the other side is gone */
  constructor(duplex: Duplex, failed: (error: Error) => void) {
    this.#duplex = duplex;
    this.#failed = failed;
  }

  /** Bytes that the other side has not taken. */
  get queued(): number {
    return this.#queued;
  }

  push(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#queue.push(frame);
    this.#queued += frame.length;
    if (this.#writing) return;
    this.#writing = true;
    // Whatever else is said in this turn goes along.
    queueMicrotask(() => void this.#write());
  }

  /** Resolves when at most `bytes` wait, or nothing will be written any more. */
  async below(bytes: number): Promise<void> {
    while (this.#queued > bytes && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#drained.push(resolve);
      });
    }
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#queued = 0;
    this.#wake();
  }

  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue;
        const bytes = this.#queued;
        this.#queue = [];
        await this.#duplex.write(batch.length === 1 ? batch[0]! : joined(batch, bytes));
        if (this.#closed) return;
        this.#queued -= bytes;
        this.#wake();
      }
    } catch (error) {
      if (this.#closed) return;
      this.close();
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#writing = false;
    }
  }

  #wake(): void {
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
  }
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function faultText(fault: { readonly code: number; readonly value: number; readonly id: number }): string {
  const about = fault.id === 0 ? "" : `, request ${fault.id}`;
  return `the machine ended the control channel: ${controlFaultCodeName(fault.code)} (${fault.value}${about})`;
}
