/** One argument of a system call in strace(1)'s words. */

import {
  AccessMode,
  AtFlag,
  Clock,
  CloneFlag,
  CloseRangeFlag,
  EpollCreateFlag,
  EpollOp,
  EventfdFlag,
  FcntlCmd,
  FcntlFileCmd,
  FdFlag,
  FlockOp,
  FutexOp,
  GrndFlag,
  IdType,
  Ioctl,
  ItimerWhich,
  Madvice,
  MapFlag,
  MremapFlag,
  MsyncFlag,
  OpenFlag,
  PrioWhich,
  Prot,
  RenameFlag,
  RlimitId,
  RusageWho,
  SeekWhence,
  SigHow,
  Signal,
  WaitFlag,
} from "@foreshore/abi";

type Names = Readonly<Record<string, number>>;
/** Undefined: the call does not use the argument. */
type Show = (value: bigint, all: readonly bigint[]) => string | undefined;

const CREATES = BigInt(OpenFlag.O_CREAT);
const TEMPORARY = BigInt(OpenFlag.O_TMPFILE);

export function int32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

export function pointer(value: bigint): string {
  return value === 0n ? "NULL" : `0x${value.toString(16)}`;
}

export function hex(value: bigint): string {
  return value === 0n ? "0" : `0x${value.toString(16)}`;
}

/** Names of the bits in ascending order, then what has no name in hexadecimal. */
function bits(names: Names, value: bigint, zero = "0", without: readonly string[] = []): string {
  let rest = Number(BigInt.asUintN(32, value));
  if (rest === 0) return zero;
  const found: [number, string][] = [];
  // Widest first: O_SYNC holds O_DSYNC.
  const known = Object.entries(names).filter(([name, bit]) => bit > 0 && !without.includes(name));
  for (const [name, bit] of known.sort((a, b) => weight(b[1]) - weight(a[1]))) {
    if ((rest & bit) >>> 0 !== bit >>> 0) continue;
    found.push([bit, name]);
    rest = (rest & ~bit) >>> 0;
  }
  const words = found.sort((a, b) => a[0] - b[0]).map(([, name]) => name);
  if (rest !== 0) words.push(`0x${rest.toString(16)}`);
  return words.join("|");
}

function weight(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
}

const named =
  (...tables: readonly Names[]): Show =>
  (value) => {
    const wanted = int32(value);
    for (const names of tables) {
      for (const [name, number] of Object.entries(names)) if ((number | 0) === wanted) return name;
    }
    return hex(BigInt.asUintN(32, value));
  };

const flags =
  (names: Names, zero?: string, without?: readonly string[]): Show =>
  (value) =>
    bits(names, value, zero, without);

function openFlags(value: bigint): string {
  const mode = value & BigInt(OpenFlag.O_ACCMODE);
  const access = mode === 0n ? "O_RDONLY" : mode === 1n ? "O_WRONLY" : mode === 2n ? "O_RDWR" : "O_ACCMODE";
  const rest = bits(OpenFlag, value & ~3n, "", ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"]).split("|");
  // strace's list ends with it.
  const last = rest.filter((name) => name === "O_DIRECTORY");
  return [access, ...rest.filter((name) => name !== "O_DIRECTORY" && name !== ""), ...last].join("|");
}

function mode(value: bigint): string {
  const number = value & 0xffffffffn;
  return number < 0o100n ? `0${number.toString(8).padStart(2, "0")}` : `0${number.toString(8)}`;
}

/** What fcntl's result means, where it is flags. */
export function fcntlFlags(cmd: bigint, result: bigint): string | undefined {
  switch (int32(cmd)) {
    case FcntlCmd.F_GETFD:
      return result === 0n ? undefined : bits(FdFlag, result);
    case FcntlCmd.F_GETFL:
      return openFlags(result);
    default:
      return undefined;
  }
}

function fcntlArgument(value: bigint, [, cmd = 0n]: readonly bigint[]): string | undefined {
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
}

function signal(value: bigint): string {
  const number = int32(value);
  const entry = Object.entries(Signal).find(([, known]) => known === number);
  return entry?.[0] ?? String(number);
}

const FUTEX_COMMANDS = FutexOp.FUTEX_PRIVATE_FLAG - 1;

function futexOp(value: bigint): string {
  const op = int32(value);
  const name = Object.entries(FutexOp).find(([, known]) => known === (op & FUTEX_COMMANDS))?.[0] ?? hex(value);
  const shared = (op & FutexOp.FUTEX_PRIVATE_FLAG) === 0 ? "" : "_PRIVATE";
  return `${name}${shared}${(op & FutexOp.FUTEX_CLOCK_REALTIME) === 0 ? "" : "|FUTEX_CLOCK_REALTIME"}`;
}

/** A futex argument that only some operations have. */
const futexOnly =
  (show: (value: bigint) => string, ...operations: readonly number[]): Show =>
  (value, [, op = 0n]) =>
    operations.includes(int32(op) & FUTEX_COMMANDS) ? show(value) : undefined;

const { FUTEX_WAIT, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI } = FutexOp;
const { FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET } = FutexOp;
const TWO = [FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP] as const;

/** clone's first argument: flags, and the signal that tells the parent. */
export function cloneFlags(value: bigint): string {
  const exit = value & BigInt(CloneFlag.CSIGNAL);
  const words = bits(CloneFlag, value & ~BigInt(CloneFlag.CSIGNAL), "", ["CSIGNAL"]);
  return [words, exit === 0n ? "" : signal(exit)].filter((word) => word !== "").join("|") || "0";
}

/** How each word of a signature is shown. */
export const SHOW: Readonly<Record<string, Show>> = {
  ptr: pointer,
  fd: (value) => String(int32(value)),
  dirfd: (value) => (int32(value) === AtFlag.AT_FDCWD ? "AT_FDCWD" : String(int32(value))),
  int: (value) => String(int32(value)),
  uint: (value) => String(BigInt.asUintN(32, value)),
  size: (value) => String(value),
  off: (value) => String(BigInt.asIntN(64, value)),
  offhex: hex,
  hex,
  mode,
  "mode?": (value, [, , open = 0n]) =>
    (open & CREATES) !== 0n || (open & TEMPORARY) === TEMPORARY ? mode(value) : undefined,
  open: openFlags,
  fdflags: flags(OpenFlag),
  at: flags(AtFlag, "0", ["AT_REMOVEDIR", "AT_EACCESS"]),
  removeat: flags(AtFlag, "0", ["AT_EACCESS"]),
  // strace's list begins with R_OK.
  access: (value) => bits(AccessMode, value, "F_OK").split("|").reverse().join("|"),
  whence: named(SeekWhence),
  fcntl: named(FcntlCmd, FcntlFileCmd),
  "fcntlarg?": fcntlArgument,
  ioctl: named(Ioctl),
  flock: flags(FlockOp),
  closerange: flags(CloseRangeFlag),
  rename: flags(RenameFlag),
  epollcreate: flags(EpollCreateFlag),
  epollop: named(EpollOp),
  eventfd: flags(EventfdFlag),
  prot: flags(Prot, "PROT_NONE"),
  map: flags(MapFlag, "0", ["MAP_TYPE"]),
  mremap: flags(MremapFlag),
  "ptr?": (value, [, , , how = 0n]) => ((how & BigInt(MremapFlag.MREMAP_FIXED)) === 0n ? undefined : pointer(value)),
  madvise: named(Madvice),
  msync: flags(MsyncFlag),
  wait: flags(WaitFlag),
  idtype: named(IdType),
  signal,
  sighow: named(SigHow),
  futex: futexOp,
  futexval: (value) => String(BigInt.asUintN(32, value)),
  "futextime?": (value, all) =>
    futexOnly(pointer, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI)(value, all) ??
    futexOnly((count) => String(int32(count)), ...TWO)(value, all),
  "futexptr?": futexOnly(pointer, ...TWO, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET),
  "futexbits?": futexOnly(hex, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET),
  rlimit: named(RlimitId),
  who: named(RusageWho),
  priowhich: named(PrioWhich),
  clock: named(Clock),
  itimer: named(ItimerWhich),
  grnd: flags(GrndFlag),
};
