/** Small guest programs, so that tests need no compiler and run in browsers too. */
import { Ioctl, Signal, Syscall, TermCc, TermCflag, Termios } from "@foreshore/abi";
import { Assembler, REG } from "./assembler.ts";

const { zero, sp, t0, t1, s0, s1, s2, a0, a1, a2, a3 } = REG;
const BUFFER = 16384;

/** Writes `text` and exits with `code`. */
export function hello(text = "hello, world\n", code = 0): Uint8Array {
  return new Assembler()
    .li(a0, 1)
    .la(a1, "text")
    .li(a2, new TextEncoder().encode(text).length)
    .syscall(Syscall.SYS_write)
    .li(a0, code)
    .syscall(Syscall.SYS_exit_group)
    .data("text", text)
    .elf();
}

/** Copies stdin, or the file named by argv[1] when `file`, to stdout; exits 1 when the file cannot be read. */
export function cat(file = false, program = new Assembler()): Uint8Array {
  program.li(s0, 0);
  if (file) {
    program
      .ld(a1, sp, 16)
      .addi(a0, zero, -100)
      .li(a2, 0)
      .li(a3, 0)
      .syscall(Syscall.SYS_openat)
      .addi(s0, a0, 0)
      .blt(a0, zero, "failed");
  }
  return program
    .label("next")
    .addi(a0, s0, 0)
    .la(a1, "spare")
    .li(a2, BUFFER)
    .syscall(Syscall.SYS_read)
    .beq(a0, zero, "end")
    .blt(a0, zero, "failed")
    .addi(s1, a0, 0)
    .la(s2, "spare")
    .label("more")
    .li(a0, 1)
    .addi(a1, s2, 0)
    .addi(a2, s1, 0)
    .syscall(Syscall.SYS_write)
    .blt(a0, zero, "failed")
    .add(s2, s2, a0)
    .label("left")
    .beq(a0, zero, "counted")
    .addi(a0, a0, -1)
    .addi(s1, s1, -1)
    .j("left")
    .label("counted")
    .beq(s1, zero, "next")
    .j("more")
    .label("end")
    .li(a0, 0)
    .syscall(Syscall.SYS_exit_group)
    .label("failed")
    .li(a0, 1)
    .syscall(Syscall.SYS_exit_group)
    .elf(BUFFER);
}

/** Puts terminal 0 into raw mode: bytes as they are typed, no echo. */
function raw(program: Assembler): Assembler {
  const termios = new Uint8Array(Termios.SIZE);
  new DataView(termios.buffer).setUint32(
    Termios.OFFSET.cflag,
    TermCflag.B38400 | TermCflag.CS8 | TermCflag.CREAD,
    true,
  );
  termios[Termios.OFFSET.cc + TermCc.VMIN] = 1;
  return program.li(a0, 0).li(a1, Ioctl.TCSETS).la(a2, "termios").syscall(Syscall.SYS_ioctl).data("termios", termios);
}

/** Says "raw" when its terminal is in raw mode, then copies what is typed. */
export function rawCat(): Uint8Array {
  const program = raw(new Assembler());
  return cat(false, program.li(a0, 1).la(a1, "ready").li(a2, 3).syscall(Syscall.SYS_write).data("ready", "raw"));
}

/** Writes struct winsize of its terminal, and again after each SIGWINCH. */
export function windowSizes(): Uint8Array {
  const mask = new Uint8Array(8);
  new DataView(mask.buffer).setBigUint64(0, 1n << BigInt(Signal.SIGWINCH - 1), true);
  return raw(new Assembler())
    .li(a0, 0)
    .la(a1, "mask")
    .li(a2, 0)
    .li(a3, 8)
    .syscall(Syscall.SYS_rt_sigprocmask)
    .label("again")
    .li(a0, 0)
    .li(a1, Ioctl.TIOCGWINSZ)
    .la(a2, "size")
    .syscall(Syscall.SYS_ioctl)
    .li(a0, 1)
    .la(a1, "size")
    .li(a2, 8)
    .syscall(Syscall.SYS_write)
    .la(a0, "mask")
    .li(a1, 0)
    .li(a2, 0)
    .li(a3, 8)
    .syscall(Syscall.SYS_rt_sigtimedwait)
    .j("again")
    .data("mask", mask)
    .data("size", new Uint8Array(8))
    .elf();
}

/** Writes argv and then the environment to stdout, a line each. */
export function printArguments(): Uint8Array {
  return new Assembler()
    .addi(s0, sp, 8)
    .li(s1, 2)
    .label("next")
    .ld(a1, s0, 0)
    .addi(s0, s0, 8)
    .beq(a1, zero, "list-end")
    .addi(t0, a1, 0)
    .li(a2, 0)
    .label("length")
    .lbu(t1, t0, 0)
    .beq(t1, zero, "line")
    .addi(t0, t0, 1)
    .addi(a2, a2, 1)
    .j("length")
    .label("line")
    .li(a0, 1)
    .syscall(Syscall.SYS_write)
    .li(a0, 1)
    .la(a1, "newline")
    .li(a2, 1)
    .syscall(Syscall.SYS_write)
    .j("next")
    .label("list-end")
    .addi(s1, s1, -1)
    .blt(zero, s1, "next")
    .li(a0, 0)
    .syscall(Syscall.SYS_exit_group)
    .data("newline", "\n")
    .elf();
}

/** Loops for ever without a system call. */
export function spin(): Uint8Array {
  return new Assembler().label("here").j("here").elf();
}

/** Writes one letter for ever. */
export function flood(): Uint8Array {
  return new Assembler()
    .label("again")
    .li(a0, 1)
    .la(a1, "text")
    .li(a2, 64)
    .syscall(Syscall.SYS_write)
    .j("again")
    .data("text", "y".repeat(64))
    .elf();
}

/** Reads address 0. */
export function crash(): Uint8Array {
  return new Assembler().ld(a0, zero, 0).elf();
}

/** Makes a system call that no Linux has, then exits with its errno. */
export function unsupported(number = 1999): Uint8Array {
  return new Assembler()
    .li(a0, 11)
    .li(a1, 22)
    .syscall(number)
    .add(t0, zero, a0)
    .li(a0, 0)
    .label("negate")
    .beq(t0, zero, "exit")
    .addi(t0, t0, 1)
    .addi(a0, a0, 1)
    .j("negate")
    .label("exit")
    .syscall(Syscall.SYS_exit_group)
    .elf();
}
