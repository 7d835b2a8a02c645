/** Lines over Node's streams. */
import type { Readable, Writable } from "node:stream";
import type { LineChannel } from "../json-lines.ts";
import { SubjectError } from "../subject.ts";

/** No line of the protocol is longer; what is, is no line. */
const LONGEST = 64 << 20;

/** A LineChannel over two byte streams. `ended` says what it means that there are no more lines. */
export function streamLines(
  input: Readable,
  output: Writable,
  ended: () => string,
  close: () => Promise<void>,
): LineChannel & { tooLong(): boolean } {
  const lines: string[] = [];
  let rest = "";
  let tooLong = false;
  let over = false;
  let look: () => void = () => undefined;
  input.setEncoding("utf8");
  const end = (): void => {
    over = true;
    look();
  };
  input.on("data", (text: string) => {
    if (over) return;
    rest += text;
    tooLong = rest.length > LONGEST;
    if (tooLong) {
      rest = "";
      end();
    } else if (text.includes("\n")) {
      const parts = rest.split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.filter((line) => line.trim() !== ""));
      look();
    }
  });
  input.on("end", end);
  input.on("error", end);
  // EPIPE: the other side is gone, which the input says as well.
  output.on("error", end);
  return {
    send: (line) => void output.write(`${line}\n`),
    async receive() {
      while (lines.length === 0) {
        if (over) throw new SubjectError(tooLong ? `a line has more than ${LONGEST} characters` : ended());
        await new Promise<void>((resolve) => {
          look = resolve;
        });
      }
      return lines.shift() ?? "";
    },
    tooLong: () => tooLong,
    close,
  };
}

/** Lines on this process's own standard streams. */
export function standardLines(): LineChannel {
  return streamLines(
    process.stdin,
    process.stdout,
    () => "standard input has ended",
    async () => void process.stdin.destroy(),
  );
}
