/**
 * One worker that is kernel worker and only hart: pages without COOP/COEP. Its
 * memory is its own; entries come and go by messages, so it returns to its
 * event loop after each round instead of sleeping on words.
 */
import { type BlobBytes, BootState, ControlFrame, clientAddress, FrameEndpoint, SharedTransport } from "@foreshore/abi";
import { type BootedMachine, bootMachine } from "../common/boot.ts";
import { openClock } from "../common/clock.ts";
import { CooperativeLoop } from "../common/cooperative.ts";
import type { StartSingle, ToWorker } from "../common/worker-protocol.ts";
import { sinkOf, type WorkerPort } from "./port.ts";

export class SingleWorker {
  readonly #port: WorkerPort;
  #machine: BootedMachine | undefined;
  #endpoint: FrameEndpoint | undefined;
  #loop: CooperativeLoop | undefined;
  readonly #fail: (error: unknown) => void;

  constructor(port: WorkerPort, fail: (error: unknown) => void) {
    this.#port = port;
    this.#fail = fail;
  }

  async start(start: StartSingle): Promise<void> {
    const machine = await bootMachine(start, sinkOf(this.#port));
    this.#machine = machine;
    const slot = clientAddress(machine.header, 0);
    const transport: SharedTransport = new SharedTransport(machine.mem, slot, {
      useKick: true,
      inPlace: () => loop.requests(),
    });
    const loop = new CooperativeLoop(machine, {
      budgetInsns: start.budgetInsns,
      now: openClock(start.baseMs),
      served: () => transport.kicked(),
      stopped: () => this.#end(),
      failed: this.#fail,
    });
    this.#loop = loop;
    this.#endpoint = new FrameEndpoint(transport, {
      frame: (frame) => this.#port.post({ type: "rpc", frame }, [frame.buffer]),
      failed: this.#fail,
    });
    this.#port.post({ type: "ready", single: { maxPages: machine.maxPages, arenaBytes: transport.arenaBytes } });
    loop.schedule();
  }

  message(message: ToWorker): void {
    if (message.type === "stop") {
      if (this.#machine !== undefined) this.#machine.header.bootState = BootState.Stopping;
      this.#loop?.close();
      this.#end();
    } else if (message.type === "blob")
      this.#fill(message); // BlobFilled follows in a message of its own
    else if (message.type === "rpc") {
      this.#request(message.frame);
    }
  }

  #request(frame: Uint8Array): void {
    try {
      this.#endpoint?.request(frame.subarray(ControlFrame.SIZE));
      this.#endpoint?.flush();
    } catch (error) {
      this.#fail(error);
    }
  }

  #end(): void {
    this.#port.post({ type: "stopped" });
    this.#port.close();
  }

  #fill(message: BlobBytes): void {
    const mem = this.#machine?.mem;
    // The frames may lie in what the memory has grown by.
    mem?.check(message.address, message.bytes.length, 1);
    mem?.u8.set(message.bytes, message.address);
  }
}
