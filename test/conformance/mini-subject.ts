/** Our kernel as the kit's subject: kernel.wasm in the mini-host's loop, where the kit is client 0. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ownCodec, type Subject, sharedMachine } from "@foreshore/abi/conformance";
import { boot } from "../../examples/mini-host/machine.ts";

const KERNEL = join(import.meta.dirname, "../../build/kernel.wasm");

/** Turns that a wake may take: what is asked is answered in one, what guests do takes some more. */
const TURNS = 8;

export async function miniSubject(): Promise<Subject> {
  const module = await WebAssembly.compile(readFileSync(KERNEL));
  return {
    name: "kernel.wasm in the mini-host",
    codec: ownCodec,
    async open(options) {
      const machine = await boot(module);
      return sharedMachine({
        mem: machine.mem,
        header: machine.header,
        client: 0,
        open: options,
        wake: () => undefined,
        turn: async () => {
          let busy = true;
          for (let i = 0; i < TURNS && busy; i++) busy = machine.turn();
          // Nothing to do: others on this thread have their turn.
          if (!busy) await new Promise((resolve) => setImmediate(resolve));
        },
        close: async () => undefined,
      });
    },
    close: async () => undefined,
  };
}
