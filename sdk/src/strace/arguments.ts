/** One argument of a system call in strace(1)'s words. */

import {
  AccessMode,
  AtFlag,
  EpollEvent,
  EventfdFlag,
  FallocExtra,
  FallocFlag,
  FcntlCmd,
  FdFlag,
  Flock,
  FlockOp,
  FutexOp,
  Ioctl,
  MapFlag,
  MemfdExtra,
  MemfdFlag,
  MountFlag,
  MremapFlag,
  OpenFlag,
  Pollfd,
  PrctlOp,
  Prot,
  RusageWho,
  SchedPolicy,
  SignalfdFlag,
  Sigset,
  StatxExtra,
  SYSCALL_ENUMS,
  type SyscallArgument,
  Termios,
  TimerfdFlag,
  Timespec,
  UtimeNsec,
  Winsize,
} from "@foreshore/abi";
import { argument, buffer, type Call, count, flags, named, type Show, unknownAs, vectors } from "./memory.ts";
import { quoted, quotedHex, SHOWN } from "./quote.ts";
import type { Captured } from "./record.ts";
import { SHOW_SOCKETS, SHOW_SOCKETS_IN } from "./sockets.ts";
import {
  device,
  fileMode,
  isDevice,
  list,
  pollEvents,
  pollfds,
  SHAPES,
  statxMask,
  words32,
  words64,
} from "./structs.ts";
import {
  bits,
  cloneFlags,
  dirfd,
  hex,
  inOrder,
  int32,
  isLockCommand,
  isLockQuery,
  mode,
  type Names,
  nameOf,
  openFlags,
  pointer,
  signal,
  signalSet,
  uint32,
  waitStatus,
} from "./values.ts";

const CREATES = BigInt(OpenFlag.O_CREAT);
const TEMPORARY = BigInt(OpenFlag.O_TMPFILE);

/** The same in an order of strace's own. */
const ordered =
  (names: Names, order: readonly string[]): Show =>
  (value) =>
    inOrder(bits(names, value), order);

/** What the kernel has written: as many bytes as the result says. */
const written =
  (quote = quoted): Show =>
  (value, { after, errno, result }) =>
    after === undefined || errno !== 0 ? pointer(value) : buffer(after, value, result, quote);

/** A string, cut to SHOWN. */
function text(memory: Captured, value: bigint): string {
  const found = memory.string(value);
  if (found === undefined) return pointer(value);
  const cut = found.bytes.length > SHOWN || !found.whole;
  return `${quoted(found.bytes.subarray(0, SHOWN))}${cut ? "..." : ""}`;
}

/** A string, whole. */
const path: Show = (value, { before }) => {
  const found = before.string(value);
  if (found === undefined) return pointer(value);
  return `${quoted(found.bytes)}${found.whole ? "" : "..."}`;
};

/** The memory that a word means: what the kernel has written, where it begins with `>`. */
const memoryOf = (call: Call, out: boolean): Captured | undefined =>
  out ? (call.errno === 0 ? call.after : undefined) : call.before;

function shaped(name: string, out: boolean): Show {
  const { size, show } = SHAPES[name]!;
  return (value, call) => {
    const bytes = memoryOf(call, out)?.bytes(value, size);
    return bytes === undefined ? pointer(value) : show(bytes);
  };
}

/** Something of a fixed size. */
const fixed =
  (size: number, out: boolean, show: (bytes: Uint8Array) => string): Show =>
  (value, call) => {
    const bytes = memoryOf(call, out)?.bytes(value, size);
    return bytes === undefined ? pointer(value) : show(bytes);
  };

function strings(value: bigint, { before }: Call): string {
  const found = before.vector(value);
  if (found === undefined) return pointer(value);
  const shown = words64(found.bytes)
    .slice(0, SHOWN)
    .map((address) => text(before, address));
  return list(shown, found.count);
}

function counted(value: bigint, { before }: Call): string {
  const found = before.vector(value);
  if (found === undefined) return pointer(value);
  return `${pointer(value)} /* ${found.count} var${found.count === 1 ? "" : "s"} */`;
}

const entries: Show = (value, { after, errno }) => {
  const found = errno === 0 ? after?.vector(value) : undefined;
  if (found === undefined) return pointer(value);
  return `${pointer(value)} /* ${found.count} entr${found.count === 1 ? "y" : "ies"} */`;
};

const polled: Show = (value, call) => {
  const length = uint32(argument(call, 1));
  if (length === 0) return value === 0n ? "NULL" : "[]";
  const bytes = call.before.bytes(value, Math.min(length, SHOWN) * Pollfd.SIZE);
  if (bytes === undefined) return pointer(value);
  const shown = pollfds(bytes).map(({ fd, events }) =>
    fd < 0 ? `{fd=${fd}}` : `{fd=${fd}, events=${pollEvents(events)}}`,
  );
  return list(shown, length);
};

/** Descriptors of an fd_set. */
export function descriptors(memory: Captured | undefined, value: bigint, limit: bigint): number[] | undefined {
  const most = Math.max(0, Math.min(int32(limit), 0xffff));
  const bytes = memory?.bytes(value, Math.ceil(most / 64) * 8);
  if (bytes === undefined) return undefined;
  return Array.from({ length: most }, (_, fd) => fd).filter((fd) => ((bytes[fd >> 3] ?? 0) >> (fd & 7)) & 1);
}

const fdSet: Show = (value, call) => {
  if (value === 0n) return "NULL";
  if (int32(argument(call, 0)) <= 0) return "[]";
  const found = descriptors(call.before, value, argument(call, 0));
  return found === undefined ? pointer(value) : `[${found.join(" ")}]`;
};

const selectMask: Show = (value, { before }) => {
  const [at, size] = words64(before.bytes(value, 2 * 8) ?? new Uint8Array());
  if (at === undefined || size === undefined) return pointer(value);
  const bytes = before.bytes(at, Sigset.SIZE);
  return `{sigmask=${bytes === undefined ? pointer(at) : signalSet(words64(bytes)[0]!)}, sigsetsize=${size}}`;
};

const epollEvents: Show = (value, { after, errno, result }) => {
  if (errno !== 0 || after === undefined) return pointer(value);
  if (result === 0n) return "[]";
  const length = count(result);
  const bytes = after.bytes(value, Math.min(length, SHOWN) * EpollEvent.SIZE);
  if (bytes === undefined) return pointer(value);
  const shown: string[] = [];
  for (let at = 0; at < bytes.length; at += EpollEvent.SIZE) shown.push(SHAPES["EpollEvent"]!.show(bytes.subarray(at)));
  return list(shown, length);
};

/** What is left of a sleep: written only when it was interrupted. */
const remaining: Show = (value, { after, errno }) => {
  const bytes = errno === 0 ? undefined : after?.bytes(value, Timespec.SIZE);
  return bytes === undefined ? pointer(value) : SHAPES["Timespec"]!.show(bytes);
};

/** A position that a call moves: before and after. */
const position: Show = (value, { before, after, errno }) => {
  const [from] = words64(before.bytes(value, 8) ?? new Uint8Array());
  if (from === undefined) return pointer(value);
  const [to] = errno === 0 ? words64(after?.bytes(value, 8) ?? new Uint8Array()) : [];
  const shown = `[${BigInt.asIntN(64, from)}]`;
  return to === undefined || to === from ? shown : `${shown} => [${BigInt.asIntN(64, to)}]`;
};

const TERMINAL_SETS: readonly number[] = [Ioctl.TCSETS, Ioctl.TCSETSW, Ioctl.TCSETSF];
const NUMBERS: readonly number[] = [
  Ioctl.TIOCGPGRP,
  Ioctl.TIOCSPGRP,
  Ioctl.TIOCGSID,
  Ioctl.FIONREAD,
  Ioctl.FIONBIO,
  Ioctl.FIOASYNC,
  Ioctl.TIOCOUTQ,
  Ioctl.TIOCPKT,
  Ioctl.TIOCGPTN,
  Ioctl.TIOCSPTLCK,
];
const NO_ARGUMENT: readonly number[] = [Ioctl.FIOCLEX, Ioctl.FIONCLEX, Ioctl.TIOCNOTTY, Ioctl.TIOCEXCL];

const ioctlArgument: Show = (value, call) => {
  const command = uint32(argument(call, 1));
  if (NO_ARGUMENT.includes(command)) return undefined;
  const get = (size: number) =>
    call.before.bytes(value, size) ?? (call.errno === 0 ? call.after?.bytes(value, size) : undefined);
  const isTerminal = command === Ioctl.TCGETS || TERMINAL_SETS.includes(command);
  const isSize = command === Ioctl.TIOCGWINSZ || command === Ioctl.TIOCSWINSZ;
  const shape = isTerminal ? SHAPES["Termios"] : isSize ? SHAPES["Winsize"] : undefined;
  const bytes = get(isTerminal ? Termios.SIZE : isSize ? Winsize.SIZE : 4);
  if (bytes === undefined) return pointer(value);
  if (shape !== undefined) return shape.show(bytes);
  return NUMBERS.includes(command) ? `[${words32(bytes)[0]}]` : pointer(value);
};

const fcntlArgument: Show = (value, call) => {
  const cmd = argument(call, 1);
  if (isLockCommand(cmd)) {
    const query = isLockQuery(cmd);
    const bytes = (query ? (call.errno === 0 ? call.after : undefined) : call.before)?.bytes(value, Flock.SIZE);
    return bytes === undefined ? pointer(value) : SHAPES["Flock"]!.show(bytes);
  }
  switch (int32(cmd)) {
    case FcntlCmd.F_GETFD:
    case FcntlCmd.F_GETFL:
    case FcntlCmd.F_GETOWN:
    case FcntlCmd.F_GETPIPE_SZ:
    case FcntlCmd.F_GET_SEALS:
      return undefined;
    case FcntlCmd.F_SETFD:
      return bits(FdFlag, value);
    case FcntlCmd.F_SETFL:
      return openFlags(value);
    case FcntlCmd.F_DUPFD:
    case FcntlCmd.F_DUPFD_CLOEXEC:
    case FcntlCmd.F_SETPIPE_SZ:
    case FcntlCmd.F_SETOWN:
      return String(int32(value));
    default:
      return pointer(value);
  }
};

const prctlArgument: Show = (value, call) => {
  const option = int32(argument(call, 0));
  if (option === PrctlOp.PR_SET_NAME) return text(call.before, value);
  if (option === PrctlOp.PR_GET_NAME) return call.after === undefined ? pointer(value) : text(call.after, value);
  return hex(value);
};

const prctlRest: Show = (value, call) => {
  const option = int32(argument(call, 0));
  return option === PrctlOp.PR_SET_NAME || option === PrctlOp.PR_GET_NAME ? undefined : hex(value);
};

const utimes: Show = (value, { before }) => {
  const bytes = before.bytes(value, 2 * Timespec.SIZE);
  if (bytes === undefined) return pointer(value);
  const time = (at: number): string => {
    const part = bytes.subarray(at, at + Timespec.SIZE);
    const nsec = words64(part)[1]!;
    return nameOf(Number(nsec & 0xffffffffn), nsec >> 32n === 0n ? UtimeNsec : {}) ?? SHAPES["Timespec"]!.show(part);
  };
  return `[${time(0)}, ${time(Timespec.SIZE)}]`;
};

const cpus: Show = (value, { after, errno, result }) => {
  const bytes = errno === 0 ? after?.bytes(value, Math.min(count(result), SHOWN)) : undefined;
  if (bytes === undefined) return pointer(value);
  const all = Array.from({ length: bytes.length * 8 }, (_, cpu) => cpu);
  return `[${all.filter((cpu) => (bytes[cpu >> 3]! >> (cpu & 7)) & 1).join(" ")}]`;
};

/** strace names the two ways of statx's flags first. */
const statxFlags: Show = (value) => {
  const sync = uint32(value) & StatxExtra.AT_STATX_SYNC_TYPE;
  const first =
    sync === StatxExtra.AT_STATX_FORCE_SYNC
      ? "AT_STATX_FORCE_SYNC"
      : sync === StatxExtra.AT_STATX_DONT_SYNC
        ? "AT_STATX_DONT_SYNC"
        : sync === 0
          ? "AT_STATX_SYNC_AS_STAT"
          : hex(sync);
  const rest = bits(AtFlag, uint32(value) & ~sync, "", ["AT_REMOVEDIR", "AT_EACCESS"]);
  return rest === "" ? first : `${first}|${rest}`;
};

const FUTEX_COMMANDS = FutexOp.FUTEX_PRIVATE_FLAG - 1;

function futexOp(value: bigint): string {
  const op = int32(value);
  const name = Object.entries(FutexOp).find(([, known]) => known === (op & FUTEX_COMMANDS))?.[0] ?? hex(value);
  const shared = (op & FutexOp.FUTEX_PRIVATE_FLAG) === 0 ? "" : "_PRIVATE";
  return `${name}${shared}${(op & FutexOp.FUTEX_CLOCK_REALTIME) === 0 ? "" : "|FUTEX_CLOCK_REALTIME"}`;
}

/** A futex argument that only some operations have. */
const futexOnly =
  (show: Show, ...operations: readonly number[]): Show =>
  (value, call, i) =>
    operations.includes(int32(argument(call, 1)) & FUTEX_COMMANDS) ? show(value, call, i) : undefined;

const { FUTEX_WAIT, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI } = FutexOp;
const { FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET } = FutexOp;
const TWO = [FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP] as const;
const MATCH_ANY = 0xffffffffn;

const futexBits: Show = (value, call) => {
  const op = int32(argument(call, 1)) & FUTEX_COMMANDS;
  const isSet = op === FUTEX_WAIT_BITSET || op === FUTEX_WAKE_BITSET;
  return isSet && (value & MATCH_ANY) === MATCH_ANY ? "FUTEX_BITSET_MATCH_ANY" : hex(BigInt.asUintN(32, value));
};

const number: (bytes: Uint8Array) => string = (bytes) => `[${words32(bytes)[0]}]`;
const status: Show = (value, call) => {
  const bytes = call.errno === 0 && call.result !== 0n ? call.after?.bytes(value, 4) : undefined;
  return bytes === undefined ? pointer(value) : `[${waitStatus(words32(bytes)[0]!)}]`;
};

const int: Show = (value) => String(int32(value));
const ptr: Show = (value) => pointer(value);

/** How each word for an argument is shown. */
const SHOW: Readonly<Record<string, Show>> = {
  fd: int,
  dirfd,
  newfd: int,
  pid: int,
  tid: int,
  uid: int,
  gid: int,
  int,
  timerid: int,
  uint: (value) => String(uint32(value)),
  size: String,
  count: String,
  offset: (value) => String(BigInt.asIntN(64, value)),
  offsethigh: () => undefined,
  address: ptr,
  flags: hex,
  value: hex,
  mode,
  timerflags: (value) => ((value & 1n) === 0n ? "0" : "TIMER_ABSTIME"),
  // Numbers of enums that strace shows in a way of its own; the others are in SYSCALL_ENUMS.
  // strace's list begins with R_OK.
  AccessMode: (value) => bits(AccessMode, value, "F_OK").split("|").reverse().join("|"),
  AtFlag: flags(AtFlag, "0", ["AT_REMOVEDIR", "AT_EACCESS"]),
  CloneFlag: cloneFlags,
  EventfdFlag: ordered(EventfdFlag, ["EFD_SEMAPHORE", "EFD_CLOEXEC", "EFD_NONBLOCK"]),
  FallocFlag: flags({ ...FallocFlag, ...FallocExtra }),
  FcntlCmd: named(FcntlCmd),
  FlockOp: flags(FlockOp),
  FutexOp: futexOp,
  MapFlag: flags(MapFlag, "0", ["MAP_TYPE"]),
  MemfdFlag: flags({ ...MemfdFlag, ...MemfdExtra }),
  Prot: flags(Prot, "PROT_NONE"),
  RusageWho: unknownAs("RUSAGE_???", RusageWho),
  SchedPolicy: unknownAs("SCHED_???", SchedPolicy),
  Signal: (value) => signal(int32(value)),
  SignalfdFlag: ordered(SignalfdFlag, ["SFD_CLOEXEC", "SFD_NONBLOCK"]),
  StatxMask: (value) => statxMask(uint32(value)),
  TimerfdFlag: ordered(TimerfdFlag, ["TFD_CLOEXEC", "TFD_NONBLOCK"]),
  // Memory.
  path,
  text: (value, { before }) => text(before, value),
  bytes: (value, call, i) => buffer(call.before, value, argument(call, i + 1)),
  ">bytes": written(),
  ">random": written(quotedHex),
  ">cwd": (value, { after, errno }) => (errno === 0 && after !== undefined ? text(after, value) : pointer(value)),
  iovecs: (value, call, i) => vectors(call.before, value, argument(call, i + 1)),
  ">iovecs": (value, call, i) =>
    vectors(call.after, value, argument(call, i + 1), call.errno === 0 ? call.result : 0n, call.errno === 0),
  remote_iovecs: (value, call, i) => vectors(call.before, value, argument(call, i + 1), undefined, false),
  argv: strings,
  envp: counted,
  ">dirents": entries,
  "<>pollfds": polled,
  "<>fdset": fdSet,
  "<>timeout": shaped("Timespec", false),
  sigmask: selectMask,
  ">epollevents": epollEvents,
  ">pair": fixed(8, true, (bytes) => `[${words32(bytes).join(", ")}]`),
  ">int": fixed(4, true, number),
  ">tid": fixed(4, true, number),
  ">uid": fixed(4, true, number),
  ">gid": fixed(4, true, number),
  ">timerid": fixed(4, true, number),
  sched_param: fixed(4, false, number),
  ">sched_param": fixed(4, true, number),
  ">address": fixed(8, true, (bytes) => `[${pointer(words64(bytes)[0]!)}]`),
  ">size": fixed(8, true, (bytes) => `[${words64(bytes)[0]}]`),
  ">status": status,
  ">remaining": remaining,
  "<>offset": position,
  utimes,
  ">cpus": cpus,
  "<>fcntlarg?": fcntlArgument,
  "<>ioctlarg?": ioctlArgument,
  "<>prctlarg": prctlArgument,
  ...SHOW_SOCKETS,
  // Structures that traces do not show.
  RobustListHead: ptr,
  SchedAttr: ptr,
  ">SchedAttr": ptr,
  ...Object.fromEntries(Object.keys(SHAPES).map((name) => [name, shaped(name, false)])),
  ...Object.fromEntries(Object.keys(SHAPES).map((name) => [`>${name}`, shaped(name, true)])),
};

/** What a word is in one call, where it is shown otherwise than in others: `call:word`. */
const SHOW_IN: Readonly<Record<string, Show>> = {
  "openat:OpenFlag": openFlags,
  "openat:mode?": (value, { args: [, , open = 0n] }) =>
    (open & CREATES) !== 0n || (open & TEMPORARY) === TEMPORARY ? mode(value) : undefined,
  "unlinkat:AtFlag": flags(AtFlag, "0", ["AT_EACCESS"]),
  "statx:AtFlag": statxFlags,
  "mknodat:mode": (value) => fileMode(uint32(value)),
  "mknodat:dev?": (value, { args: [, , type = 0n] }) =>
    isDevice(uint32(type)) ? device(BigInt.asUintN(32, value)) : undefined,
  "mount:text": (value, call, i) => {
    const how = argument(call, 3);
    // What the flags make meaningless is not looked at.
    const isType = i === 2;
    const ignored = MountFlag.MS_BIND | (isType ? MountFlag.MS_REMOUNT : 0);
    return (how & BigInt(ignored)) === 0n ? text(call.before, value) : pointer(value);
  },
  "mmap:offset": hex,
  "mremap:address?": (value, { args: [, , , how = 0n] }) =>
    (how & BigInt(MremapFlag.MREMAP_FIXED)) === 0n ? undefined : pointer(value),
  "wait4:>Rusage": (value, call, i) => (call.result === 0n ? pointer(value) : shaped("Rusage", true)(value, call, i)),
  "futex:futexarg?": (value, call, i) =>
    futexOnly(shaped("Timespec", false), FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI)(value, call, i) ??
    futexOnly(int, ...TWO)(value, call, i),
  "futex:address?": futexOnly(ptr, ...TWO),
  "futex:value?": futexOnly(futexBits, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET),
  "membarrier:int?": (value, call, i) => ((argument(call, 1) & 1n) === 0n ? undefined : int(value, call, i)),
  "prctl:value?": prctlRest,
  "rseq:size": hex,
  ...SHOW_SOCKETS_IN,
};

/** Words that are shown as what the call made of them, beside those that begin with `>`. */
const SHOWN_LATE: ReadonlySet<string> = new Set(["<>offset", "<>fcntlarg?", "<>ioctlarg?", "<>prctlarg", "mmsghdrs"]);

/** Enums of bits are called so. */
const BITS = /(Flag|Mask)$/;

function ofEnum(word: string): Show | undefined {
  const names = SYSCALL_ENUMS[word];
  if (names === undefined) return undefined;
  return BITS.test(word) ? flags(names) : named(names);
}

/** How a call shows an argument; undefined when there is no way. */
export function showOf(name: string, word: SyscallArgument): Show | undefined {
  return SHOW_IN[`${name}:${word}`] ?? SHOW[word] ?? ofEnum(word);
}

/** Whether an argument is shown when the call is over, with all behind it. */
export function isShownLate(word: SyscallArgument): boolean {
  return word.startsWith(">") || SHOWN_LATE.has(word);
}
