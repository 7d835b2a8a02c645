import { expect, test } from "vitest";

// What every other browser test stands on: without it there is no shared memory to post.
test("the page is cross-origin isolated and can wait on a shared memory", async () => {
  expect(crossOriginIsolated).toBe(true);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const words = new Int32Array(memory.buffer);
  const waiting = Atomics.waitAsync(words, 0, 0);
  expect(waiting.async).toBe(true);
  expect(Atomics.notify(words, 0)).toBe(1);
  expect(await waiting.value).toBe("ok");
});
