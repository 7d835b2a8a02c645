/**
 * What the enum `Syscall` says of each system call beside its number: its arguments, how much of it the kernel has,
 * and what is missing. One vocabulary of arguments serves what traces take of memory, strace's text, the reference
 * and random calls.
 */
import type { Attributes } from "./bfbs.ts";
import type { CallText, EnumModel, EnumValueModel, Model, StructModel } from "./model.ts";

/** The enum whose values are system calls. */
export const SYSCALL = "Syscall";

export const LEVELS = ["full", "partial"] as const;
export type Level = (typeof LEVELS)[number];

/** How a word of the vocabulary may stand: alone, behind `>` (the call writes there), behind `<>` (reads and writes). */
type Mark = "" | ">" | "<>";

interface ArgumentType {
  /** By mark: the letter by which the kernel takes what the argument points at into a trace (kernel-go/trace/letters.go). */
  readonly letters: Readonly<Partial<Record<Mark, string>>>;
  readonly doc: string;
}

/** Letter of what traces show nothing of. */
const VALUE = "v";

/**
 * The words for arguments. Where one that is no memory has a `>`, the call writes such a number to an address.
 * Beside these, the name of an enum of the schema is one of its numbers (or bits), and that of a struct the address of one.
 */
export const ARGUMENTS: Readonly<Record<string, ArgumentType>> = {
  fd: { letters: { "": "." }, doc: "a descriptor; its file is kept while the call waits" },
  dirfd: { letters: { "": "." }, doc: "a directory's descriptor, or AT_FDCWD" },
  newfd: { letters: { "": VALUE }, doc: "a number that becomes a descriptor" },
  pid: { letters: { "": VALUE }, doc: "a process, or what the call says that 0 and negative numbers are" },
  tid: { letters: { "": VALUE, ">": "N" }, doc: "a thread" },
  uid: { letters: { "": VALUE, ">": "N" }, doc: "a user, -1 for no change" },
  gid: { letters: { "": VALUE, ">": "N" }, doc: "a group, -1 for no change" },
  timerid: { letters: { "": VALUE, ">": "N" }, doc: "a timer of timer_create" },
  int: { letters: { "": VALUE, ">": "N" }, doc: "a number of 32 bits" },
  uint: { letters: { "": VALUE }, doc: "a number of 32 bits without sign" },
  size: { letters: { "": VALUE, ">": "Q" }, doc: "how many bytes" },
  count: { letters: { "": VALUE }, doc: "how many elements" },
  offset: { letters: { "": VALUE, "<>": "=" }, doc: "a position or length in a file, of 64 bits" },
  offsethigh: { letters: { "": VALUE }, doc: "the upper half of an offset on machines of 32 bits; unused" },
  address: { letters: { "": VALUE, ">": "Q" }, doc: "an address; traces do not show what is there" },
  flags: { letters: { "": VALUE }, doc: "bits without an enum" },
  value: { letters: { "": VALUE }, doc: "what another argument says that it is" },
  mode: { letters: { "": VALUE }, doc: "permission bits, with the type of file where one is made" },
  dev: { letters: { "": VALUE }, doc: "a device's number" },
  timerflags: { letters: { "": VALUE }, doc: "0 or TIMER_ABSTIME" },
  path: { letters: { "": "s" }, doc: "a path" },
  text: { letters: { "": "s" }, doc: "a string that is no path" },
  bytes: {
    letters: { "": "w", ">": "W" },
    doc: "bytes: read, as many as the next argument says; written, as the result says",
  },
  random: { letters: { ">": "W" }, doc: "bytes that are no text" },
  cwd: { letters: { ">": "W" }, doc: "a path with its NUL" },
  cpus: { letters: { ">": "W" }, doc: "a set of processors" },
  iovecs: { letters: { "": "i", ">": "I" }, doc: "Iovecs, as many as the next argument says, and the bytes there" },
  remote_iovecs: { letters: { "": ":" }, doc: "Iovecs of another process's memory, as many as the next argument says" },
  argv: { letters: { "": "*" }, doc: "addresses of strings up to NULL, and the strings" },
  envp: { letters: { "": "#" }, doc: "the same, of which traces show only how many there are" },
  dirents: { letters: { ">": "/" }, doc: "directory entries, of which traces show only how many there are" },
  pollfds: { letters: { "<>": "p" }, doc: "Pollfds, as many as the next argument says" },
  epollevents: { letters: { ">": "E" }, doc: "EpollEvents, as many as the result says" },
  fdset: { letters: { "<>": "S" }, doc: "a set of descriptors, of as many bits as the first argument says" },
  timeout: { letters: { "<>": "&" }, doc: "a Timespec; what is left of it is written there" },
  remaining: { letters: { ">": "T" }, doc: "a Timespec, written when a signal ended the sleep" },
  sigmask: { letters: { "": "@" }, doc: "address and size of a Sigset" },
  status: { letters: { ">": "N" }, doc: "a wait status" },
  pair: { letters: { ">": "Q" }, doc: "two descriptors" },
  sched_param: { letters: { "": "n", ">": "N" }, doc: "a priority" },
  utimes: { letters: { "": "j" }, doc: "two Timespecs" },
  fcntlarg: { letters: { "<>": "|" }, doc: "a number or a Flock, by fcntl's command" },
  ioctlarg: { letters: { "<>": "!" }, doc: "a number or memory, by ioctl's command" },
  prctlarg: { letters: { "<>": "%" }, doc: "a number or a name, by prctl's option" },
  sockaddr: {
    letters: { "": "$", ">": "^" },
    doc: "a socket's address: read, of as many bytes as the next argument says; written, of as many as is written where that points",
  },
  sockopt: { letters: { "": "$", ">": "^" }, doc: "an option's value, with its length as a sockaddr has it" },
  socklen: { letters: { "<>": ";" }, doc: "the size of a buffer; how much there was to put into it is written there" },
  msghdr: {
    letters: { "": "(", ">": ")" },
    doc: "a Msghdr with what it points at: name, Iovecs with their bytes, control messages",
  },
  mmsghdrs: {
    letters: { "": "[", ">": "]" },
    doc: "the same of Mmsghdrs: as many as the next argument says, and are over as the result says",
  },
  protocol: { letters: { "": VALUE }, doc: "a protocol of the socket's family" },
  optname: { letters: { "": VALUE }, doc: "an option of the level before it" },
  futexarg: { letters: { "": "~" }, doc: "a Timespec or a number, by futex's operation" },
};

/** Structs that traces show: the letter where a call reads one; where it writes one, the capital. */
const STRUCTS: Readonly<Record<string, string>> = {
  Sigaction: "a",
  Stat: "b",
  CloneArgs: "+",
  Statx: "d",
  EpollEvent: "e",
  Statfs: "f",
  Siginfo: "g",
  Tms: "h",
  Itimerspec: "j",
  Itimerval: "j",
  Sigaltstack: "k",
  Rlimit64: "l",
  Sigset: "m",
  OpenHow: "o",
  Rusage: "r",
  Timespec: "t",
  Timeval: "u",
  Sigevent: "x",
  Sysinfo: "y",
  Utsname: "z",
};

/** Most arguments of a system call. */
const MOST = 6;

/** A described system call. */
export interface Call {
  readonly number: bigint;
  /** Without `SYS_`. */
  readonly name: string;
  /** Its words as they are written: `>Stat`, `mode?`. */
  readonly args: readonly string[];
  /** A letter for each argument. */
  readonly letters: string;
  readonly level: Level;
  /** Of a partial one: what is missing, or all that there is. */
  readonly note: string;
}

export function readCall(attributes: Attributes, where: string): CallText | undefined {
  const text = { args: attributes.get("args"), level: attributes.get("level"), note: attributes.get("note") };
  return Object.values(text).every((value) => value === undefined) ? undefined : { ...text, where };
}

function words(args: string): string[] {
  return args.split(" ").filter((word) => word !== "");
}

const WORD = /^(<>|>|)(\w+)(\??)$/;

type Declared = Pick<Model, "enums" | "structs">;

/** The letter of an argument; undefined for a word that means nothing, or not there. */
function letterOf(word: string, { enums, structs }: Declared): string | undefined {
  const [, mark = "", name = ""] = WORD.exec(word) ?? [];
  if (Object.hasOwn(ARGUMENTS, name)) return ARGUMENTS[name]?.letters[mark as Mark];
  if (enums.has(name)) return mark === "" ? VALUE : undefined;
  if (!structs.has(name)) return undefined;
  const letter = STRUCTS[name];
  if (letter === undefined) return VALUE;
  if (letter.toUpperCase() === letter.toLowerCase()) return mark === "" ? letter : undefined;
  return mark === "" ? letter : mark === ">" ? letter.toUpperCase() : undefined;
}

/** All system calls that the kernel has, by number. */
export function callsOf(model: Declared): Call[] {
  return (model.enums.get(SYSCALL)?.values ?? []).flatMap((value) => {
    const { args = "", level, note = "" } = value.call ?? {};
    const known = LEVELS.find((name) => name === level);
    if (known === undefined) return [];
    const list = words(args);
    const letters = list.map((word) => letterOf(word, model)).join("");
    return [{ number: value.value, name: callName(value), args: list, letters, level: known, note }];
  });
}

export function callName(value: EnumValueModel): string {
  return value.name.replace(/^SYS_/, "");
}

/** Letters of structures of a fixed size, with what has that size. */
export function sizedLetters(structs: ReadonlyMap<string, StructModel>): [string, string | number][] {
  const named = Object.entries(STRUCTS).filter(([name, letter]) => structs.has(name) && /[a-z]/.test(letter));
  const sizes = new Map<string, string | number>([
    ["n", 4],
    ["q", 8],
    ...named.map(([name, letter]) => [letter, name] as const),
  ]);
  return [...sizes].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Problems of the descriptions, each a sentence with its place. */
export function checkCalls(declared: Declared): string[] {
  return [...declared.enums.values()].flatMap((item) =>
    item.values.flatMap(({ name, call }) =>
      call === undefined
        ? []
        : problemsOf(item, call, declared).map((text) => `${call.where}: ${item.name}.${name}: ${text}.`),
    ),
  );
}

function problemsOf(item: EnumModel, { args, level, note }: CallText, declared: Declared): string[] {
  if (item.name !== SYSCALL)
    return [`(args), (level) and (note) describe system calls, values of ${SYSCALL}; remove them`];
  if (level === undefined)
    return [`it says nothing of how much the kernel has; add (level: "full") or (level: "partial")`];
  if (!LEVELS.some((name) => name === level))
    return [`there is no level "${level}"; use ${LEVELS.join(" or ")}, or nothing at all for a call that is missing`];
  const problems: string[] = [];
  if (args === undefined) problems.push('it has no arguments; list them, or write (args: "")');
  if (level === "partial" && (note ?? "") === "") problems.push("it is partial; say in (note) what is missing");
  if (level === "full" && note !== undefined) problems.push("it is full, so nothing is missing; remove (note)");
  const list = words(args ?? "");
  if (list.length > MOST) problems.push(`${list.length} arguments; a system call has at most ${MOST}`);
  for (const word of list) {
    if (letterOf(word, declared) !== undefined) continue;
    const name = WORD.exec(word)?.[2] ?? word;
    const isKnown = Object.hasOwn(ARGUMENTS, name) || declared.enums.has(name) || declared.structs.has(name);
    problems.push(
      isKnown
        ? `"${word}" cannot stand so; ${marksOf(name, declared)}`
        : `unknown argument "${word}"; use a word of ARGUMENTS in codegen/src/syscalls.ts, or an enum or struct of the schema`,
    );
  }
  return problems;
}

/** How a word may stand, in words. */
function marksOf(name: string, declared: Declared): string {
  const forms = (["", ">", "<>"] as const).map((mark) => `${mark}${name}`);
  return `write ${forms.filter((form) => letterOf(form, declared) !== undefined).join(" or ")}`;
}
