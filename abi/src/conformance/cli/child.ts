/** A subject that is a command: a child process with JSON lines on its standard streams. */
import { spawn } from "node:child_process";
import { jsonLinesSubject } from "../json-lines.ts";
import { type Subject, SubjectError } from "../subject.ts";
import { streamLines } from "./lines.ts";

/** How long the child may take to end after `bye`, in milliseconds. */
const GRACE_MS = 2000;
/** How long an answer may take by itself, in milliseconds; `completions` waits for some more. */
export const ANSWER_MS = 10_000;

/**
 * Starts the command and greets it. What it writes on standard error goes to this process's.
 * @param answerMs a subject that is silent for so long is given up: more than KitOptions.timeoutMs
 * @throws SubjectError when it cannot be started, does not answer, or does not speak the protocol
 */
export async function childSubject(
  command: string,
  args: readonly string[],
  answerMs = 2 * ANSWER_MS,
): Promise<Subject> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  let how = "closed its standard output";
  const over = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      how = `cannot be started: ${error.message}`;
      resolve();
    });
    child.on("exit", (code, signal) => {
      how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
      resolve();
    });
  });
  const close = async (): Promise<void> => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await over;
    clearTimeout(timer);
    // What it has started itself may still hold them.
    child.stdin.destroy();
    child.stdout.destroy();
  };
  const lines = streamLines(child.stdout, child.stdin, () => `the subject ${how}`, close);
  const received = () =>
    lines.receive().catch(async (error: unknown) => {
      // Its output ends a moment before it is known why.
      const patience = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
      await over;
      clearTimeout(patience);
      throw error instanceof SubjectError && !lines.tooLong() ? new SubjectError(`the subject ${how}`) : error;
    });
  let late: SubjectError | undefined;
  const channel = {
    ...lines,
    receive: async () => {
      if (late !== undefined) throw late;
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        late = new SubjectError(`the subject has not answered for ${answerMs} ms`);
        child.kill("SIGKILL");
        reject(late);
      }, answerMs);
      return await Promise.race([received(), promise]).finally(() => clearTimeout(timer));
    },
  };
  try {
    return await jsonLinesSubject(channel);
  } catch (error) {
    await close();
    throw error;
  }
}
