/** Structures of Linux in strace(1)'s words, from their bytes. */

import {
  BusCode,
  CldCode,
  CloneArgs,
  EpollEvent,
  FileMode,
  Flock,
  FlockType,
  FpeCode,
  FsMagic,
  FsMagicExtra,
  IllCode,
  Iovec,
  type IovecData,
  Itimerspec,
  Itimerval,
  Mem,
  OpenHow,
  PollEvent,
  Pollfd,
  type PollfdData,
  ResolveFlag,
  Rlimit64,
  Rusage,
  SeekWhence,
  SegvCode,
  Sigaction,
  SigactionFlag,
  Sigaltstack,
  SigCode,
  Sigevent,
  type SigeventData,
  SigevNotify,
  Siginfo,
  Signal,
  SigStackFlag,
  Sigset,
  Stat,
  Statfs,
  StatfsFlag,
  Statx,
  StatxAttribute,
  StatxExtra,
  StatxMask,
  Sysinfo,
  TermCflag,
  TermIflag,
  Termios,
  TermLflag,
  TermOflag,
  Timespec,
  Timeval,
  Tms,
  TrapCode,
  Utsname,
  Winsize,
} from "@foreshore/abi";
import { quoted, SHOWN } from "./quote.ts";
import { bits, cloneFlags, hex, inOrder, mode, nameOf, openFlags, pointer, signal, signalSet } from "./values.ts";

/** How a structure is shown, and how many bytes it has. */
export interface Shape {
  readonly size: number;
  show(bytes: Uint8Array): string;
}

interface Readable<T> {
  readonly SIZE: number;
  new (mem: Mem, addr?: number): { toData(): T };
}

const LARGEST = 512;
const room = new Mem(new ArrayBuffer(LARGEST));

/** The values of a structure from its bytes, wherever they lie. */
export function read<T>(type: Readable<T>, bytes: Uint8Array): T {
  room.u8.set(bytes.subarray(0, type.SIZE));
  return new type(room, 0).toData();
}

function shape<T>(type: Readable<T>, show: (data: T) => string): Shape {
  return { size: type.SIZE, show: (bytes) => show(read(type, bytes)) };
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

interface TimespecLike {
  readonly sec: bigint;
  readonly nsec: bigint;
}
interface TimevalLike {
  readonly sec: bigint;
  readonly usec: bigint;
}

const timespec = ({ sec, nsec }: TimespecLike): string => `{tv_sec=${sec}, tv_nsec=${unsigned(nsec)}}`;
const timeval = ({ sec, usec }: TimevalLike): string => `{tv_sec=${sec}, tv_usec=${unsigned(usec)}}`;

const INFINITY = 2n ** 64n - 1n;

function limit(value: bigint): string {
  if (value === INFINITY) return "RLIM64_INFINITY";
  return value > 1024n && value % 1024n === 0n ? `${value / 1024n}*1024` : String(value);
}

const KINDS: ReadonlyMap<number, string> = new Map(
  (["S_IFSOCK", "S_IFLNK", "S_IFREG", "S_IFBLK", "S_IFDIR", "S_IFCHR", "S_IFIFO"] as const).map(
    (name): [number, string] => [FileMode[name], name],
  ),
);
const KIND = FileMode.S_IFMT;
const SPECIAL: readonly (readonly [number, string])[] = [
  [0o4000, "S_ISUID"],
  [0o2000, "S_ISGID"],
  [0o1000, "S_ISVTX"],
];

/** A mode with the kind of file. */
export function fileMode(value: number): string {
  const kind = KINDS.get(value & KIND);
  const words = kind === undefined ? [] : [kind];
  for (const [bit, name] of SPECIAL) if ((value & bit) !== 0) words.push(name);
  return [...words, mode(BigInt(value & (kind === undefined ? ~0o7000 : 0o777)))].join("|");
}

export const isDevice = (value: number): boolean => /S_IF(CHR|BLK)/.test(KINDS.get(value & KIND) ?? "");

/** A device's number as stat(2) has it. */
export function device(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return makedev(major, minor);
}

function makedev(major: bigint | number, minor: bigint | number): string {
  return `makedev(${hex(major)}, ${hex(minor)})`;
}

function stat({ mode: fmode, rdev, size }: { mode: number; rdev: bigint; size: bigint }): string {
  const last = isDevice(fmode) ? `st_rdev=${device(rdev)}` : `st_size=${size}`;
  return `{st_mode=${fileMode(fmode)}, ${last}, ...}`;
}

function cString(bytes: readonly number[] | Uint8Array): string {
  const all = Uint8Array.from(bytes);
  const end = all.indexOf(0);
  return quoted(end < 0 ? all : all.subarray(0, end));
}

/** STATX_* of a mask; the bits of STATX_ALL as one. */
export function statxMask(mask: number): string {
  return bits({ ...StatxMask, STATX_MNT_ID: StatxExtra.STATX_MNT_ID }, mask);
}

const HANDLERS: Readonly<Record<string, string>> = { 0: "SIG_DFL", 1: "SIG_IGN" };

function sigaction({ handler, flags, mask }: { handler: bigint; flags: bigint; mask: bigint }): string {
  const shown = HANDLERS[String(handler)] ?? pointer(handler);
  return `{sa_handler=${shown}, sa_mask=${signalSet(mask)}, sa_flags=${inOrder(bits(SigactionFlag, flags), ACTION_ORDER)}}`;
}

/** strace's order is its own. */
const ACTION_ORDER = [
  "SA_RESTORER",
  "SA_ONSTACK",
  "SA_RESTART",
  "SA_NODEFER",
  "SA_RESETHAND",
  "SA_SIGINFO",
  "SA_NOCLDSTOP",
  "SA_NOCLDWAIT",
];

const FAULT_CODES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  [Signal.SIGSEGV]: SegvCode,
  [Signal.SIGBUS]: BusCode,
  [Signal.SIGILL]: IllCode,
  [Signal.SIGFPE]: FpeCode,
  [Signal.SIGTRAP]: TrapCode,
};

/** What a siginfo_t says, wherever it was found. */
export interface SignalDetail {
  readonly signo: number;
  readonly code: number;
  readonly errno: number;
  /** The words at offsets 16 and 24. */
  readonly field0: bigint;
  readonly field1: bigint;
  readonly utime: bigint;
  readonly stime: bigint;
}

const TICKS = 100n;

function ticks(value: bigint): string {
  if (value <= 0n) return String(value);
  return `${value} /* ${value / TICKS}.${String(value % TICKS).padStart(2, "0")} s */`;
}

const low = (word: bigint): number => Number(BigInt.asIntN(32, word));
const high = (word: bigint): number => Number(BigInt.asUintN(32, word >> 32n));

/** A siginfo_t as of a signal that is delivered. */
export function signalDetail(info: SignalDetail): string {
  const { signo, code } = info;
  const fault = FAULT_CODES[signo];
  const own = signo === Signal.SIGCHLD ? CldCode : (fault ?? {});
  const parts = [
    `si_signo=${signal(signo)}`,
    `si_code=${nameOf(code, SigCode, own) ?? hex(BigInt.asUintN(32, BigInt(code)))}`,
  ];
  if (info.errno !== 0) parts.push(`si_errno=${info.errno}`);
  const sender = [`si_pid=${low(info.field0)}`, `si_uid=${high(info.field0)}`];
  if (code === SigCode.SI_USER || code === SigCode.SI_TKILL) parts.push(...sender);
  else if (code === SigCode.SI_QUEUE) parts.push(...sender, ...value(info.field1));
  else if (code === SigCode.SI_TIMER) {
    parts.push(
      `si_timerid=${hex(BigInt.asUintN(32, info.field0))}`,
      `si_overrun=${high(info.field0)}`,
      ...value(info.field1),
    );
  } else if (code > 0 && code !== SigCode.SI_KERNEL) {
    if (signo === Signal.SIGCHLD) {
      const status = low(info.field1);
      parts.push(
        ...sender,
        `si_status=${code === CldCode.CLD_EXITED ? status : signal(status)}`,
        `si_utime=${ticks(info.utime)}`,
        `si_stime=${ticks(info.stime)}`,
      );
    } else if (fault !== undefined) parts.push(`si_addr=${pointer(info.field0)}`);
    else parts.push(...sender);
  }
  return `{${parts.join(", ")}}`;
}

function value(word: bigint): string[] {
  return [`si_int=${low(word)}`, `si_ptr=${pointer(word)}`];
}

const TABS = ["TAB0", "TAB1", "TAB2", "TAB3"];
const SIZES = ["CS5", "CS6", "CS7", "CS8"];
const SPEEDS = [..."B0 B50 B75 B110 B134 B150 B200 B300 B600 B1200 B1800 B2400 B4800 B9600 B19200 B38400".split(" ")];
/** strace's order of c_lflag. */
const LOCAL = [
  "ISIG",
  "ICANON",
  "ECHO",
  "ECHOE",
  "ECHOK",
  "ECHONL",
  "NOFLSH",
  "IEXTEN",
  "ECHOCTL",
  "ECHOPRT",
  "ECHOKE",
];

function termios(t: { iflag: number; oflag: number; cflag: number; lflag: number }): string {
  const delays = `NL${(t.oflag >> 8) & 1}|CR${(t.oflag >> 9) & 3}|${TABS[(t.oflag >> 11) & 3]}|BS${(t.oflag >> 13) & 1}|VT${(t.oflag >> 14) & 1}|FF${(t.oflag >> 15) & 1}`;
  const output = [delays, bits(TermOflag, t.oflag & ~0xff00, "", ["TABDLY", "XTABS"])].filter((word) => word !== "");
  const speed = (t.cflag & TermCflag.CBAUDEX) === 0 ? SPEEDS[t.cflag & 15] : hex(t.cflag & TermCflag.CBAUD);
  const control = bits(TermCflag, t.cflag & ~(TermCflag.CBAUD | TermCflag.CSIZE), "", ["B38400", "CSIZE", "CS8"]);
  const local = inOrder(bits(TermLflag, t.lflag, ""), LOCAL);
  return `{c_iflag=${bits(TermIflag, t.iflag, "")}, c_oflag=${output.join("|")}, c_cflag=${[speed, SIZES[(t.cflag >> 4) & 3], control].filter((word) => word !== "").join("|")}, c_lflag=${local}, ...}`;
}

const POLL = Object.fromEntries(Object.entries(PollEvent).filter(([name]) => name.startsWith("POLL")));
const EPOLL = Object.fromEntries(
  Object.entries(PollEvent).map(([name, bit]) => [name.startsWith("POLL") ? `E${name}` : name, bit]),
);

export const pollEvents = (events: number): string => bits(POLL, events & 0xffff);

function openHow({ flags, mode: how, resolve }: { flags: bigint; mode: bigint; resolve: bigint }): string {
  const parts = [`flags=${openFlags(flags)}`];
  if (how !== 0n) parts.push(`mode=${mode(how)}`);
  parts.push(`resolve=${bits(ResolveFlag, resolve)}`);
  return `{${parts.join(", ")}}`;
}

const NAMES_OF_FILE_SYSTEMS = { ...FsMagic, ...FsMagicExtra };

function sigevent(e: SigeventData): string {
  const isSignal = e.notify === SigevNotify.SIGEV_SIGNAL || e.notify === SigevNotify.SIGEV_THREAD_ID;
  const notify = nameOf(e.notify, SigevNotify) ?? `${hex(BigInt.asUintN(32, BigInt(e.notify)))} /* SIGEV_??? */`;
  const parts = [
    `sigev_value={sival_int=${low(e.value)}, sival_ptr=${pointer(e.value)}}`,
    `sigev_signo=${isSignal ? signal(e.signo) : e.signo}`,
    `sigev_notify=${notify}`,
  ];
  if (e.notify === SigevNotify.SIGEV_THREAD_ID) parts.push(`sigev_notify_thread_id=${e.tid}`);
  return `{${parts.join(", ")}}`;
}

/** Structures by their names in the ABI. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  Timespec: shape(Timespec, timespec),
  Timeval: shape(Timeval, timeval),
  Itimerspec: shape(Itimerspec, (t) => `{it_interval=${timespec(t.interval)}, it_value=${timespec(t.value)}}`),
  Itimerval: shape(Itimerval, (t) => `{it_interval=${timeval(t.interval)}, it_value=${timeval(t.value)}}`),
  Rlimit64: shape(Rlimit64, (l) => `{rlim_cur=${limit(l.cur)}, rlim_max=${limit(l.max)}}`),
  Rusage: shape(Rusage, (r) => `{ru_utime=${timeval(r.utime)}, ru_stime=${timeval(r.stime)}, ...}`),
  Tms: shape(
    Tms,
    (t) => `{tms_utime=${t.utime}, tms_stime=${t.stime}, tms_cutime=${t.cutime}, tms_cstime=${t.cstime}}`,
  ),
  Stat: shape(Stat, stat),
  Statx: shape(Statx, (s) => {
    const last = isDevice(s.mode) ? `stx_rdev=${makedev(s.rdevMajor, s.rdevMinor)}, ` : "";
    return `{stx_mask=${statxMask(s.mask)}, stx_attributes=${statxAttributes(s.attributes)}, stx_mode=${fileMode(s.mode)}, ${last}stx_size=${s.size}, ...}`;
  }),
  Statfs: shape(Statfs, (f) => {
    const type = nameOf(Number(f.type & 0xffffffffn), NAMES_OF_FILE_SYSTEMS) ?? hex(f.type);
    const [first = 0, second = 0] = f.fsid;
    return `{f_type=${type}, f_bsize=${f.bsize}, f_blocks=${f.blocks}, f_bfree=${f.bfree}, f_bavail=${f.bavail}, f_files=${f.files}, f_ffree=${f.ffree}, f_fsid={val=[${hex(first >>> 0)}, ${hex(second >>> 0)}]}, f_namelen=${f.namelen}, f_frsize=${f.frsize}, f_flags=${bits(StatfsFlag, f.flags)}}`;
  }),
  Sysinfo: shape(
    Sysinfo,
    (s) =>
      `{uptime=${s.uptime}, loads=[${[...s.loads].join(", ")}], totalram=${s.totalram}, freeram=${s.freeram}, sharedram=${s.sharedram}, bufferram=${s.bufferram}, totalswap=${s.totalswap}, freeswap=${s.freeswap}, procs=${s.procs}, totalhigh=${s.totalhigh}, freehigh=${s.freehigh}, mem_unit=${s.memUnit}}`,
  ),
  Utsname: shape(Utsname, (u) => `{sysname=${cString(u.sysname)}, nodename=${cString(u.nodename)}, ...}`),
  Sigaction: shape(Sigaction, sigaction),
  Sigaltstack: shape(
    Sigaltstack,
    (s) => `{ss_sp=${pointer(s.sp)}, ss_flags=${bits(SigStackFlag, s.flags, "0", ["MINSIGSTKSZ"])}, ss_size=${s.size}}`,
  ),
  Sigevent: shape(Sigevent, sigevent),
  Sigset: shape(Sigset, ({ bits: set }) => signalSet(set)),
  Siginfo: shape(Siginfo, (s) => signalDetail({ ...s, utime: s.field2, stime: s.field3 })),
  EpollEvent: shape(
    EpollEvent,
    (e) => `{events=${bits(EPOLL, e.events)}, data={u32=${e.data & 0xffffffffn}, u64=${e.data}}}`,
  ),
  OpenHow: shape(OpenHow, openHow),
  Flock: shape(Flock, (f) => {
    const whence = nameOf(f.whence, SeekWhence) ?? hex(f.whence & 0xffff);
    return `{l_type=${nameOf(f.type, FlockType) ?? hex(f.type & 0xffff)}, l_whence=${whence}, l_start=${f.start}, l_len=${f.len}}`;
  }),
  Termios: shape(Termios, termios),
  Winsize: shape(Winsize, (w) => `{ws_row=${w.row}, ws_col=${w.col}, ws_xpixel=${w.xpixel}, ws_ypixel=${w.ypixel}}`),
  CloneArgs: shape(CloneArgs, (a) => {
    const parts = [`flags=${cloneFlags(a.flags)}`];
    const flags = cloneFlags(a.flags);
    if (/CLONE_CHILD_(SET|CLEAR)TID/.test(flags)) parts.push(`child_tid=${pointer(a.childTid)}`);
    if (flags.includes("CLONE_PARENT_SETTID")) parts.push(`parent_tid=${pointer(a.parentTid)}`);
    parts.push(`exit_signal=${a.exitSignal === 0n ? "0" : signal(Number(a.exitSignal))}`);
    parts.push(`stack=${pointer(a.stack)}`, `stack_size=${hex(a.stackSize)}`);
    if (flags.includes("CLONE_SETTLS")) parts.push(`tls=${pointer(a.tls)}`);
    return `{${parts.join(", ")}}`;
  }),
};

function statxAttributes(attributes: bigint): string {
  return bits({ STATX_ATTR_MOUNT_ROOT: Number(StatxAttribute.STATX_ATTR_MOUNT_ROOT) }, attributes);
}

/** Where clone3's caller has the child's tid written; undefined when nowhere. */
export function parentTid(bytes: Uint8Array): bigint | undefined {
  const args = read(CloneArgs, bytes);
  return cloneFlags(args.flags).includes("CLONE_PARENT_SETTID") ? args.parentTid : undefined;
}

/** Structures that lie one behind the other. */
function each<T>(type: Readable<T>, bytes: Uint8Array): T[] {
  const count = Math.floor(bytes.length / type.SIZE);
  return Array.from({ length: count }, (_, i) => read(type, bytes.subarray(i * type.SIZE)));
}

export const pollfds = (bytes: Uint8Array): PollfdData[] => each(Pollfd, bytes);
export const iovecs = (bytes: Uint8Array): IovecData[] => each(Iovec, bytes);

/** Little-endian words of 64 bits. */
export function words64(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => view.getBigUint64(i * 8, true));
}

/** Little-endian signed words of 32 bits. */
export function words32(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getInt32(i * 4, true));
}

/** Elements that are shown, and dots for the rest. */
export function list(shown: readonly string[], all: number | bigint): string {
  const rest = BigInt(all) > BigInt(Math.min(shown.length, SHOWN));
  return `[${[...shown.slice(0, SHOWN), ...(rest ? ["..."] : [])].join(", ")}]`;
}
