/** A machine behind its control channel as the kit's subject: the channel's own hellos and frames, without a client's manners. */
import { ControlFrameKind, readKernelRuntimeState } from "../../ts/index.ts";
import { FrameTransport } from "../client/frame-transport.ts";
import type { Duplex } from "../control/duplex.ts";
import { ControlError, FrameWriter } from "../control/frames.ts";
import { openChannel } from "../control/handshake.ts";
import { ownCodec } from "./codec.ts";
import { frameMachine } from "./frame-machine.ts";
import { hello } from "./opcode-machine.ts";
import { Peer } from "./peer.ts";
import { type Subject, SubjectError, type SubjectMachine } from "./subject.ts";

/** How long one look waits for a frame, in milliseconds. */
const LOOK_MS = 20;
const HELLO_MS = 10_000;

/**
 * @param connect opens one more connection; each is used for as long as its cases go well. Its machine is left with folders in
 *   `/conformance`
 */
export function controlSubject(name: string, connect: () => Promise<Duplex>): Subject {
  return {
    name,
    codec: ownCodec,
    async open() {
      try {
        return await open(await connect());
      } catch (error) {
        throw new SubjectError(error instanceof Error ? error.message : String(error), { cause: error });
      }
    },
    close: async () => undefined,
  };
}

async function open(duplex: Duplex): Promise<SubjectMachine> {
  const { reader, arenaBytes } = await openChannel(duplex);
  let ended: Error | undefined;
  let look: () => void = () => undefined;
  const end = (error: Error): void => {
    ended ??= error;
    look();
  };
  const writer = new FrameWriter(duplex, end);
  const frames = new FrameTransport(arenaBytes, { frame: (frame) => writer.push(frame) });
  const read = async (): Promise<void> => {
    for (;;) {
      const frame = await reader.next();
      if (frame === undefined) throw new ControlError("the machine has closed the control channel");
      if (frame.kind !== ControlFrameKind.Outbound)
        throw new ControlError(`the machine sent a frame of kind ${frame.kind}`);
      frames.receive(frame.bytes);
      look();
    }
  };
  read().catch(end);
  const options = {
    frames,
    features: ["control"] as const,
    async turn(mostMs: number): Promise<void> {
      if (ended === undefined && frames.next() < 0) {
        let timer: ReturnType<typeof setTimeout> | undefined;
        await new Promise<void>((resolve) => {
          look = resolve;
          timer = setTimeout(resolve, Math.min(LOOK_MS, mostMs));
        });
        clearTimeout(timer);
      }
      // What came before the end is still taken.
      if (ended !== undefined && frames.next() < 0) throw ended;
    },
    async close(): Promise<void> {
      frames.close();
      writer.close();
      duplex.close();
    },
  };
  // Only the handshake says which slot this connection has.
  const peer = new Peer(frameMachine({ ...options, client: 0 }), 0, HELLO_MS);
  const ask = await hello(peer);
  const { result } = await peer.ok(ask);
  const { client = 0 } = readKernelRuntimeState(await peer.bytes(ask.reply, Number(result)));
  return frameMachine({ ...options, client });
}
