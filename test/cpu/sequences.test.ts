/**
 * The interpreter as TinyGo compiles it, in V8, against qemu on random instruction sequences: what it writes and how
 * many instructions it retires. The Go build of the same sources has its own, larger slice (riscv/internal/randseq).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildFlat, ROOT, runFlat } from "./flat.ts";

const QEMU = "qemu-riscv64-static";
const SEEDS = [2_000_001, 2_000_002, 2_000_003, 2_000_004];
const SEQUENCES = 500;
const available = spawnSync(QEMU, ["--version"]).status === 0 && spawnSync("tinygo", ["version"]).status === 0;

describe.skipIf(!available)("random instruction sequences in V8", () => {
  let folder = "";
  let flat: WebAssembly.Module;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sequences-"));
    flat = buildFlat();
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(SEEDS)("seed %i", { timeout: 60_000 }, (seed) => {
    const elf = join(folder, `${seed}.elf`);
    const emit = ["run", "./riscv/internal/randseqrun", "-emit", elf, "-from", `${seed}`, "-sequences", `${SEQUENCES}`];
    execFileSync("go", emit, { cwd: join(ROOT, "kernel-go") });
    const want = execFileSync(QEMU, [elf], { maxBuffer: 64 << 20 });
    const got = runFlat(flat, readFileSync(elf));
    expect(got.exit).toBe(0);
    expect(got.output.length).toBe(want.length);
    expect(got.output.equals(want), `seed ${seed}: node test/cpu/flat.ts and ${QEMU} differ on the emitted file`).toBe(
      true,
    );
    expect(got.instructions).toBeGreaterThan(SEQUENCES * 100);
  });
});
