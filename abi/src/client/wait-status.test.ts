import { describe, expect, test } from "vitest";
import { exitStatus, signalName, signalNumber } from "./wait-status.ts";

describe("wait statuses", () => {
  test("an exit code", () => {
    expect(exitStatus(0)).toEqual({ code: 0, signal: null, signalNumber: 0, status: 0 });
    expect(exitStatus(0x2a00)).toEqual({ code: 42, signal: null, signalNumber: 0, status: 0x2a00 });
    expect(exitStatus(0xff00).code).toBe(255);
  });

  test("a signal, with or without a core", () => {
    expect(exitStatus(9)).toEqual({ code: null, signal: "SIGKILL", signalNumber: 9, status: 9 });
    expect(exitStatus(11 | 0x80)).toMatchObject({ code: null, signal: "SIGSEGV", signalNumber: 11 });
    expect(exitStatus(35).signal).toBe("SIGRTMIN+3");
  });
});

describe("signals", () => {
  test("names and numbers", () => {
    expect(signalNumber("SIGTERM")).toBe(15);
    expect(signalNumber(0)).toBe(0);
    expect(signalName(2)).toBe("SIGINT");
    expect(signalName(64)).toBe("SIGRTMIN+32");
    expect(() => signalNumber(65)).toThrow(RangeError);
    expect(() => signalNumber(1.5)).toThrow(RangeError);
  });
});
