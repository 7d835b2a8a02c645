/** What the one who has a machine's terminal is told of connections to its control socket. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlError, ControlFaultCode, ControlStatus } from "@foreshore/abi";
import { MachineStopped } from "@foreshore/runtime";
import { afterAll, expect, test } from "vitest";
import { controlSocket } from "./socket.ts";

const folder = mkdtempSync(join(tmpdir(), "foreshore-socket-"));

afterAll(() => rmSync(folder, { recursive: true }));

const cutOff = new ControlError("a frame of kind 77", ControlFaultCode.FrameKind);
const version = new ControlError("another ABI", ControlFaultCode.None, ControlStatus.Version);

test.each([
  ["was cut off", cutOff, ["control channel: a frame of kind 77"]],
  ["speaks another ABI", version, ["control channel: another ABI"]],
  ["hung up", undefined, []],
  ["only looked whether somebody listens", new ControlError("the peer left before it said hello"), []],
  ["came when the machine was busy", new ControlError("busy", ControlFaultCode.None, ControlStatus.Busy), []],
  ["was there when the machine stopped", new MachineStopped(), []],
])("a peer that %s", async (_, why, said) => {
  const notes: string[] = [];
  const path = join(folder, "control");
  const { promise, resolve } = Promise.withResolvers<void>();
  const runtime = {
    serveControl: () => {
      resolve();
      return { ended: Promise.resolve(why), close: async () => undefined };
    },
  };
  const socket = await controlSocket(runtime, path, (text) => notes.push(text));
  const peer = connect(path);
  await promise;
  peer.destroy();
  await socket.close();
  expect(notes).toEqual(said);
});
