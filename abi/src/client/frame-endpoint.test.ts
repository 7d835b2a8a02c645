/** The machine's side of frames over rings that nobody answers: how much a peer may have in flight. */
import { expect, test } from "vitest";
import { Control, ControlFaultCode, type KernelWorkerRequest, Opcode, type ReplyEvent } from "../../ts/index.ts";
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
const cancel = (requestId: number): KernelWorkerRequest => ({ opcode: Opcode.Cancel, flags: 0, requestId, target: 1 });

test("as many requests as there is room for, then only Cancels, then nothing more", async () => {
  const { kernel, endpoint, send, answered, close } = pair();
  let id = 0;
  while (id < Control.Requests) send(noop(++id));
  expect(fault(() => send(noop(id + 1)))).toBe(ControlFaultCode.InFlight);
  while (id < Control.RequestsAndCancels) send(cancel(++id));
  expect(fault(() => send(cancel(id + 1)))).toBe(ControlFaultCode.InFlight);
  expect(kernel.waiting).toBe(Control.RequestsAndCancels);
  expect(endpoint.inFlight).toBe(Control.RequestsAndCancels);

  // What is answered makes room again.
  for (const { requestId } of kernel.takeAll()) kernel.reply(requestId);
  await expect.poll(() => endpoint.inFlight).toBe(0);
  expect(answered).toHaveLength(Control.RequestsAndCancels);
  send(noop(1));
  expect(fault(() => send(noop(1)))).toBe(ControlFaultCode.RequestId);
  close();
});
