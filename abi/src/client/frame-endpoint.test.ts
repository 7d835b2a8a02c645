/** The machine's side of frames over rings that nobody answers: how much a peer may have in flight. */
import { expect, test } from "vitest";
import { Control, ControlFaultCode, Fixed, type KernelWorkerRequest, Opcode, type ReplyEvent } from "../../ts/index.ts";
import { ControlError } from "../control/frames.ts";
import { FakeKernel } from "../testing/fake-kernel.ts";
import { FrameEndpoint } from "./frame-endpoint.ts";
import { FrameTransport } from "./frame-transport.ts";
import { SharedTransport } from "./shared-transport.ts";

const HEADER = 16;

/** A peer whose frames go straight to an endpoint on a fake kernel's rings. */
function pair() {
  const kernel = new FakeKernel();
  const answered: number[] = [];
  const transport = new SharedTransport(kernel.mem, kernel.slotAddress);
  const endpoint = new FrameEndpoint(transport, {
    frame: () => undefined,
    answered: (request: KernelWorkerRequest, _reply: ReplyEvent) => void answered.push(request.requestId),
    failed: (error) => {
      throw error;
    },
  });
  const peer = new FrameTransport(transport.arenaBytes, { frame: (frame) => endpoint.request(frame.subarray(HEADER)) });
  const send = (entry: KernelWorkerRequest): void => {
    expect(peer.submit(entry)).toBe(true);
    peer.flush();
  };
  return { kernel, endpoint, send, answered, close: () => transport.close() };
}

/** The code of the fault that ends the connection. */
function fault(work: () => void): ControlFaultCode {
  try {
    work();
  } catch (error) {
    if (error instanceof ControlError) return error.fault;
    throw error;
  }
  return ControlFaultCode.None;
}

const noop = (requestId: number): KernelWorkerRequest => ({ opcode: Opcode.Noop, flags: 0, requestId });
test("as many requests as a peer may have in flight, whatever the ring holds, then no more", async () => {
  const { kernel, endpoint, send, answered, close } = pair();
  let id = 0;
  while (id < Control.RequestsAndPrompt) send(noop(++id));
  expect(fault(() => send(noop(id + 1)))).toBe(ControlFaultCode.InFlight);
  expect(kernel.waiting).toBe(Fixed.RingEntries);
  expect(endpoint.inFlight).toBe(Control.RequestsAndPrompt);

  // The ring's entries are read: the others follow, in order.
  const seen: number[] = [];
  const serving = kernel.serve(({ requestId }) => {
    seen.push(requestId);
    return {};
  });
  await expect.poll(() => endpoint.inFlight, { timeout: 10_000 }).toBe(0);
  serving.stop();
  expect(answered).toHaveLength(Control.RequestsAndPrompt);
  expect(seen).toEqual(Array.from({ length: Control.RequestsAndPrompt }, (_, i) => i + 1));
  send(noop(1));
  expect(fault(() => send(noop(1)))).toBe(ControlFaultCode.RequestId);
  close();
});
