import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCommand, type RunCommand, UsageError } from "./arguments.ts";

const run = (...argv: string[]) => parseCommand(["run", ...argv]) as RunCommand;

describe("parseCommand", () => {
  it("reads every option", () => {
    const command = run(
      ...["--root", "a", "--root=b.tar", "--harts", "4", "--memory", "512", "--env", "A=1", "--env", "B=x=y"],
      ...[
        "--mount",
        "/h:x:/g:ro",
        "--env",
        "EMPTY=",
        "--cwd",
        "/tmp",
        "--timeout",
        "1.5",
        "--strace",
        "--stats=json",
        "--",
        "sh",
        "-c",
        "x",
      ],
    );
    expect(command).toEqual({
      command: "run",
      roots: ["a", "b.tar"],
      mounts: [{ host: "/h:x", guest: "/g" }],
      harts: 4,
      memoryMiB: 512,
      env: new Map([
        ["A", "1"],
        ["B", "x=y"],
        ["EMPTY", ""],
      ]),
      cwd: "/tmp",
      timeoutMs: 1500,
      strace: true,
      straceFile: undefined,
      tty: false,
      allowOsc: false,
      stats: "json",
      program: "sh",
      args: ["-c", "x"],
    });
  });

  it("leaves all that follows PROGRAM alone", () => {
    expect(run("sh", "--root", "x", "--", "--help", "-")).toMatchObject({
      program: "sh",
      args: ["--root", "x", "--", "--help", "-"],
      roots: [],
    });
    expect(run("--stats", "sh", "--stats=text")).toMatchObject({
      stats: "text",
      program: "sh",
      args: ["--stats=text"],
    });
    expect(run("--", "--root", "x")).toMatchObject({ program: "--root", args: ["x"] });
    expect(run("--", "--", "x")).toMatchObject({ program: "--", args: ["x"] });
    expect(run("-", "x")).toMatchObject({ program: "-", args: ["x"] });
  });

  it("gives shells a terminal, and programs that ask for one", () => {
    expect(run("-t", "sh")).toMatchObject({ tty: true, allowOsc: false, program: "sh", args: [] });
    expect(run("-t", "--allow-osc", "sh")).toMatchObject({ tty: true, allowOsc: true });
    expect(run("--tty", "--root", "x", "sh", "-t")).toMatchObject({ tty: true, roots: ["x"], args: ["-t"] });
    expect(parseCommand(["shell", "--root", "x"])).toMatchObject({ command: "run", tty: true, program: undefined });
    expect(parseCommand(["shell", "--root", "x", "dash", "-l"])).toMatchObject({ program: "dash", args: ["-l"] });
  });

  it("has help and version", () => {
    expect(parseCommand(["--help"])).toEqual({ command: "help", topic: "all" });
    expect(parseCommand(["run", "--root", "x", "--help"])).toEqual({ command: "help", topic: "run" });
    expect(parseCommand(["run", "-h"])).toEqual({ command: "help", topic: "run" });
    expect(parseCommand(["--version"])).toEqual({ command: "version", json: false });
  });

  it.each([
    [[], "a command is missing"],
    [["walk"], "unknown command walk"],
    [["--walk"], "unknown option --walk"],
    [["run"], "PROGRAM is missing"],
    [["run", "--tty=yes", "sh"], "--tty takes no value"],
    [["shell"], "shell needs a --root with a shell in it"],
    [["shell", "--root", "x", ""], "PROGRAM is empty"],
    [["run", "--"], "PROGRAM is missing"],
    [["run", ""], "PROGRAM is empty"],
    [["run", "--walk", "x"], "unknown option --walk"],
    [["run", "-x", "sh"], "unknown option -x"],
    [["run", "--constructor", "sh"], "unknown option --constructor"],
    [["run", "--root"], "--root needs a value"],
    [["run", "--root="], "--root needs a value"],
    [["run", "--control", "--root", "x", "sh"], "--control needs a value; one like --root is written --control=--root"],
    [["run", "--harts", "0", "x"], "--harts 0: must be a whole number from 1 to 16"],
    [["run", "--harts", "two", "x"], "--harts two"],
    [["run", "--harts", "1e1", "x"], "--harts 1e1"],
    [["run", "--memory", "5000", "x"], "--memory 5000"],
    [["run", "--env", "A", "x"], "--env A: must be NAME=VALUE"],
    [["run", "--env", "=A", "x"], "--env =A"],
    [["run", "--cwd", "tmp", "x"], "--cwd tmp"],
    [["run", "--timeout", "0", "x"], "--timeout 0"],
    [["run", "--timeout", "-1", "x"], "--timeout -1"],
    [["run", "--timeout", "soon", "x"], "--timeout soon"],
    [["run", "--timeout", "99999999", "x"], "--timeout 99999999"],
    [["run", "--strace=", "x"], "--strace=FILE: not a name of a file"],
    [["run", "--tty=yes", "x"], "--tty takes no value"],
    [["run", "--stats=xml", "x"], "--stats=xml"],
    [["rn"], "unknown command rn (did you mean run?)"],
    [["run", "--rooot", "x"], "unknown option --rooot (did you mean --root?)"],
    [["run", "--mount", "/h:/g:rw", "x"], "ro is the only mode"],
    [["run", "--mount", "/h:g:ro", "x"], "must be HOST:GUEST:ro"],
    [["run", "--mount", "/h", "x"], "must be HOST:GUEST:ro"],
    [["doctor", "--url", "nowhere"], "--url nowhere: must be an address"],
    [["doctor", "now"], "unexpected argument 'now'"],
    [["doctor", "--jsn"], "unknown option '--jsn'"],
    [["help", "walk"], "there is no help on walk"],
  ])("%j: %s", (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(UsageError);
    expect(() => parseCommand(argv)).toThrow(message);
  });

  it("gives a command or a UsageError of one line for anything", () => {
    const word = fc.oneof(
      fc.constantFrom("--root", "--harts", "--env", "--timeout", "--stats", "--strace", "--", "-", "-h", "--x=y", "sh"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        try {
          const command = run(...words);
          if (command.command !== "run") return;
          // PROGRAM and its arguments are the end of what was given, as they are.
          expect([command.program, ...command.args]).toEqual(words.slice(words.length - 1 - command.args.length));
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
        }
      }),
    );
  });
});
