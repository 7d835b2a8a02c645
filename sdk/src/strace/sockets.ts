/** Sockets in strace(1)'s words: kinds, addresses, options and messages. */

import {
  AddressFamily,
  Cmsghdr,
  ControlMessage,
  IpOption,
  IpProtocol,
  Ipv6Option,
  inet6Text,
  Linger,
  MessageFlag,
  Mmsghdr,
  Msghdr,
  type MsghdrData,
  NetlinkOption,
  NetlinkProtocol,
  ShutdownHow,
  SockaddrIn,
  SockaddrIn6,
  SockaddrNl,
  SocketLevel,
  SocketOption,
  SocketType,
  TcpOption,
  Timespec,
  Timeval,
  Ucred,
  UdpOption,
} from "@foreshore/abi";
import { argument, buffer, type Call, elements, type Show, unknownAs, vectors } from "./memory.ts";
import { quoted, quotedHex, SHOWN } from "./quote.ts";
import type { Captured } from "./record.ts";
import { list, read, SHAPES, words32 } from "./structs.ts";
import { bits, hex, int32, type Names, nameOf, pointer, uint32 } from "./values.ts";

/** Bits of which none has a name get the family's. */
function commented(names: Names, value: number, family: string): string {
  const text = bits(names, value);
  return /^0x/.test(text) ? `${text} /* ${family} */` : text;
}

const messageFlags = (value: number): string => commented(MessageFlag, value, "MSG_???");

const { SOCK_NONBLOCK, SOCK_CLOEXEC, ...TYPES } = SocketType;
/** strace's order. */
const TYPE_FLAGS: readonly (readonly [string, number])[] = Object.entries({ SOCK_CLOEXEC, SOCK_NONBLOCK });
const TYPE_MASK = 0xf;

/** Flags of a type, in strace's order and not in that of the bits. */
function typeFlags(value: number): string[] {
  const found = TYPE_FLAGS.filter(([, bit]) => (value & bit) !== 0);
  const rest = (value & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) >>> 0;
  const names = found.map(([name]) => name);
  if (rest === 0) return names;
  return [...names, names.length === 0 ? `${hex(rest)} /* SOCK_??? */` : hex(rest)];
}

const socketType: Show = (value) => {
  const type = nameOf(uint32(value) & TYPE_MASK, TYPES);
  if (type === undefined) return typeFlags(uint32(value)).join("|") || "0";
  return [type, ...typeFlags(uint32(value) & ~TYPE_MASK)].join("|");
};

const protocol: Show = (value, call) => {
  switch (int32(argument(call, 0))) {
    case AddressFamily.AF_INET:
    case AddressFamily.AF_INET6:
      return unknownAs("IPPROTO_???", IpProtocol)(value, call, 2);
    case AddressFamily.AF_NETLINK:
      return unknownAs("NETLINK_???", NetlinkProtocol)(value, call, 2);
    default:
      return String(int32(value));
  }
};

// Addresses.

/** sizeof(struct sockaddr_storage), of which the kernel takes as much. */
const ADDRESS_MOST = 128;
const FAMILY_BYTES = 2;
const PATH_MOST = 108;
/** A struct sockaddr_in6 without the scope, which was not always there. */
const IN6_LEAST = 24;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const inet = (bytes: Uint8Array): string => `inet_addr("${bytes.subarray(0, 4).join(".")}")`;

/** An IPv6 address as inet_ntop(3) writes it. */
function inet6(bytes: Uint8Array): string {
  const isCompatible = bytes.subarray(0, 12).every((byte) => byte === 0) && (bytes[12] !== 0 || bytes[13] !== 0);
  return isCompatible ? `::${bytes.subarray(12, 16).join(".")}` : inet6Text(bytes.subarray(0, 16));
}

/** The interface of a number: a machine has one. */
const interfaceName = (index: number): string => (index === 1 ? 'if_nametoindex("lo")' : String(index));

/** Whether a scope is an interface: of fe80::/10 and ff02::/16. */
function isLinkLocal([first = 0, second = 0]: Uint8Array): boolean {
  return (first === 0xfe && (second & 0xc0) === 0x80) || (first === 0xff && (second & 0x0f) === 2);
}

function unixName(name: Uint8Array): string {
  if (name[0] === 0) return `@${quoted(name.subarray(1))}`;
  const end = name.indexOf(0);
  return quoted(end < 0 ? name : name.subarray(0, end));
}

function inAddress(bytes: Uint8Array): string {
  const { port, address } = SockaddrIn.OFFSET;
  return `sin_port=htons(${view(bytes).getUint16(port)}), sin_addr=${inet(bytes.subarray(address))}`;
}

function in6Address(bytes: Uint8Array): string {
  const { port, flowinfo, address, scope } = SockaddrIn6.OFFSET;
  const at = view(bytes);
  const number = bytes.subarray(address, address + 16);
  const parts = [
    `sin6_port=htons(${at.getUint16(port)})`,
    `sin6_flowinfo=htonl(${at.getUint32(flowinfo)})`,
    `inet_pton(AF_INET6, "${inet6(number)}", &sin6_addr)`,
  ];
  if (bytes.length >= SockaddrIn6.SIZE) {
    const index = at.getUint32(scope, true);
    parts.push(`sin6_scope_id=${isLinkLocal(number) ? interfaceName(index) : index}`);
  }
  return parts.join(", ");
}

function netlinkAddress(bytes: Uint8Array): string {
  const { pid, groups } = SockaddrNl.OFFSET;
  const mask = view(bytes).getUint32(groups, true);
  const shown = mask === 0 ? "00000000" : `0x${mask.toString(16).padStart(6, "0")}`;
  return `nl_pid=${view(bytes).getInt32(pid, true)}, nl_groups=${shown}`;
}

/** A struct sockaddr of two bytes at least. */
export function socketAddress(bytes: Uint8Array): string {
  const family = view(bytes).getUint16(0, true);
  const rest = bytes.subarray(FAMILY_BYTES);
  const shown = [`sa_family=${nameOf(family, AddressFamily) ?? `${hex(family)} /* AF_??? */`}`];
  if (rest.length === 0) return `{${shown}}`;
  if (family === AddressFamily.AF_UNIX) shown.push(`sun_path=${unixName(rest.subarray(0, PATH_MOST))}`);
  else if (family === AddressFamily.AF_INET && bytes.length >= SockaddrIn.SIZE) shown.push(inAddress(bytes));
  else if (family === AddressFamily.AF_INET6 && bytes.length >= IN6_LEAST) shown.push(in6Address(bytes));
  else if (family === AddressFamily.AF_NETLINK && bytes.length >= SockaddrNl.SIZE) shown.push(netlinkAddress(bytes));
  else shown.push(`sa_data=${quoted(rest)}`);
  return `{${shown.join(", ")}}`;
}

function addressAt(memory: Captured | undefined, at: bigint, length: number): string {
  const bytes = length < FAMILY_BYTES ? undefined : memory?.bytes(at, Math.min(length, ADDRESS_MOST));
  return bytes === undefined ? pointer(at) : socketAddress(bytes);
}

// Values and their lengths.

const wordAt = (memory: Captured | undefined, at: bigint): number | undefined =>
  words32(memory?.bytes(at, 4) ?? new Uint8Array())[0];

/** How much a call has put where argument `i` points, with the length behind it: no more than there was room for. */
function lengthOf({ args, before, after, errno }: Call, i: number): number {
  const at = args[i + 1] ?? 0n;
  const [room, length] = [wordAt(before, at), wordAt(after, at)];
  return errno !== 0 || room === undefined || length === undefined ? 0 : Math.min(room, length);
}

const socketLength: Show = (value, { before, after, errno }) => {
  const room = wordAt(before, value);
  if (room === undefined) return pointer(value);
  const length = errno === 0 ? wordAt(after, value) : undefined;
  return length === undefined || length === room ? `[${room}]` : `[${room} => ${length}]`;
};

const lengthOfAddress: Show = (value, call, i) =>
  argument(call, i - 1) === 0n ? pointer(value) : socketLength(value, call, i);

// Options.

const { SO_RCVTIMEO, SO_SNDTIMEO, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING, ...OPTIONS } = SocketOption;
/** These have a second number, of a time of 64 bits on machines of 32. */
const OLD_OPTIONS: Names = {
  SO_RCVTIMEO_OLD: SO_RCVTIMEO,
  SO_SNDTIMEO_OLD: SO_SNDTIMEO,
  SO_TIMESTAMP_OLD: SO_TIMESTAMP,
  SO_TIMESTAMPNS_OLD: SO_TIMESTAMPNS,
  SO_TIMESTAMPING_OLD: SO_TIMESTAMPING,
};
const { IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, ...IPV6_OPTIONS } = Ipv6Option;
/** Names of options by level, and what strace calls those that have none. */
const OPTION_NAMES: ReadonlyMap<number, readonly [Names, string]> = new Map([
  [SocketLevel.SOL_IP, [IpOption, "IP_???"]],
  [SocketLevel.SOL_SOCKET, [{ ...OPTIONS, ...OLD_OPTIONS }, "SO_???"]],
  [SocketLevel.SOL_TCP, [TcpOption, "TCP_???"]],
  [SocketLevel.SOL_UDP, [UdpOption, "UDP_???"]],
  [
    SocketLevel.SOL_IPV6,
    [{ ...IPV6_OPTIONS, IPV6_ADD_MEMBERSHIP: IPV6_JOIN_GROUP, IPV6_DROP_MEMBERSHIP: IPV6_LEAVE_GROUP }, "IPV6_???"],
  ],
  [SocketLevel.SOL_RAW, [{ ICMP_FILTER: 1 }, "RAW_???"]],
  [SocketLevel.SOL_NETLINK, [NetlinkOption, "NETLINK_???"]],
]);

const optionName: Show = (value, call) => {
  const [names, family] = OPTION_NAMES.get(int32(argument(call, 1))) ?? [];
  return names === undefined ? String(int32(value)) : unknownAs(family ?? "", names)(value, call, 2);
};

/** Options of SOL_SOCKET that strace does not know as numbers: it shows them as their size suggests. */
const NO_NUMBERS: ReadonlySet<number> = new Set([
  SocketOption.SO_TYPE,
  SocketOption.SO_ERROR,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SocketOption.SO_BINDTODEVICE,
  SocketOption.SO_PEERNAME,
  SocketOption.SO_PEERSEC,
  SocketOption.SO_PROTOCOL,
  SocketOption.SO_DOMAIN,
  SocketOption.SO_MAX_PACING_RATE,
  SocketOption.SO_COOKIE,
  SocketOption.SO_PEERGROUPS,
  SocketOption.SO_TXTIME,
  SocketOption.SO_BINDTOIFINDEX,
  SocketOption.SO_NETNS_COOKIE,
  SocketOption.SO_BUF_LOCK,
  SocketOption.SO_PASSPIDFD,
  SocketOption.SO_PEERPIDFD,
  SocketOption.SO_ATTACH_BPF,
  SocketOption.SO_PEERCRED,
]);
const KNOWN_OPTIONS: ReadonlySet<number> = new Set(Object.values(SocketOption));

type OptionKind = "number" | "linger" | "ucred" | "group" | "group6" | "filter" | "any";

function optionKind(level: number, name: number): OptionKind {
  if (level === SocketLevel.SOL_NETLINK) return "number";
  if (level === SocketLevel.SOL_IP) {
    return name === IpOption.IP_ADD_MEMBERSHIP || name === IpOption.IP_DROP_MEMBERSHIP ? "group" : "any";
  }
  if (level === SocketLevel.SOL_IPV6) return name === IPV6_JOIN_GROUP || name === IPV6_LEAVE_GROUP ? "group6" : "any";
  if (level !== SocketLevel.SOL_SOCKET) return "any";
  if (name === SocketOption.SO_LINGER) return "linger";
  if (name === SocketOption.SO_PEERCRED) return "ucred";
  if (name === SocketOption.SO_ATTACH_FILTER) return "filter";
  return KNOWN_OPTIONS.has(name) && !NO_NUMBERS.has(name) ? "number" : "any";
}

const kindOf = (call: Call): OptionKind => optionKind(int32(argument(call, 1)), int32(argument(call, 2)));

const group = (bytes: Uint8Array): string => `{imr_multiaddr=${inet(bytes)}, imr_interface=${inet(bytes.subarray(4))}}`;
const group6 = (bytes: Uint8Array): string =>
  `{inet_pton(AF_INET6, "${inet6(bytes)}", &ipv6mr_multiaddr), ipv6mr_interface=${interfaceName(view(bytes).getUint32(16, true))}}`;

const number = (bytes: Uint8Array): string => `[${words32(bytes)[0]}]`;

/** Numbers of a structure by name, as far as there are bytes of them. */
function fields(names: readonly string[], bytes: Uint8Array): string {
  const shown = names.slice(0, Math.ceil(bytes.length / 4)).map((name, i) => {
    const part = bytes.subarray(i * 4, i * 4 + 4);
    return `${name}=${part.length < 4 ? quotedHex(part) : words32(part)[0]}`;
  });
  return `{${shown.join(", ")}}`;
}

const LINGER = ["l_onoff", "l_linger"];
const UCRED = ["pid", "uid", "gid"];

/** Options that are set: how many bytes they have at least, and how they are shown. */
const SET: Readonly<Partial<Record<OptionKind, readonly [number, (bytes: Uint8Array) => string]>>> = {
  number: [4, number],
  linger: [Linger.SIZE, (bytes) => fields(LINGER, bytes)],
  group: [8, group],
  group6: [20, group6],
  filter: [Number.POSITIVE_INFINITY, String],
};

/** What has no description: a number where it has a number's size, bytes otherwise. */
function anyOption(memory: Captured, value: bigint, length: number): string {
  const bytes = length === 4 ? memory.bytes(value, 4) : undefined;
  return bytes === undefined ? buffer(memory, value, BigInt(length)) : number(bytes);
}

const setOption: Show = (value, call) => {
  const length = int32(argument(call, 4));
  const known = SET[kindOf(call)];
  if (length < 0) return pointer(value);
  if (known === undefined) return anyOption(call.before, value, length);
  const [least, show] = known;
  const bytes = length < least ? undefined : call.before.bytes(value, least);
  return bytes === undefined ? pointer(value) : show(bytes);
};

const gotOption: Show = (value, call, i) => {
  const { after } = call;
  const length = lengthOf(call, i);
  if (after === undefined || length <= 0) return pointer(value);
  const kind = kindOf(call);
  const names = kind === "linger" ? LINGER : kind === "ucred" ? UCRED : undefined;
  if (names === undefined && kind !== "number") return anyOption(after, value, length);
  const bytes = after.bytes(value, Math.min(length, 4 * (names?.length ?? 1)));
  if (bytes === undefined) return pointer(value);
  if (names !== undefined) return fields(names, bytes);
  return bytes.length < 4 ? quotedHex(bytes) : number(bytes);
};

// Messages.

/** As much of control data as the kernel takes. */
const CONTROL_MOST = 1024;

const CONTROL_NAMES: Names = {
  ...OLD_OPTIONS,
  SCM_RIGHTS: ControlMessage.SCM_RIGHTS,
  SCM_CREDENTIALS: ControlMessage.SCM_CREDENTIALS,
  SCM_SECURITY: ControlMessage.SCM_SECURITY,
};

const numbers = (bytes: Uint8Array): string => list(words32(bytes).map(String), bytes.length >> 2);

/** How control messages show their data: how many bytes there are at least, and the text. */
type Data = readonly [number, (bytes: Uint8Array) => string];

const time = (name: "Timeval" | "Timespec", bytes: Uint8Array): string => SHAPES[name]!.show(bytes);
const SOCKET_DATA: Readonly<Record<number, Data>> = {
  [ControlMessage.SCM_RIGHTS]: [4, numbers],
  [ControlMessage.SCM_CREDENTIALS]: [Ucred.SIZE, (bytes) => fields(UCRED, bytes.subarray(0, Ucred.SIZE))],
  [ControlMessage.SCM_SECURITY]: [1, quoted],
  [SO_TIMESTAMP]: [Timeval.SIZE, (bytes) => time("Timeval", bytes)],
  [SO_TIMESTAMPNS]: [Timespec.SIZE, (bytes) => time("Timespec", bytes)],
};
const IP_DATA: Readonly<Record<number, Data>> = {
  [IpOption.IP_TTL]: [4, numbers],
  [IpOption.IP_TOS]: [1, (bytes) => list(Array.from(bytes.subarray(0, SHOWN), hex), bytes.length)],
  [IpOption.IP_PKTINFO]: [
    12,
    (bytes) =>
      `{ipi_ifindex=${interfaceName(view(bytes).getUint32(0, true))}, ipi_spec_dst=${inet(bytes.subarray(4))}, ipi_addr=${inet(bytes.subarray(8))}}`,
  ],
};

function controlType(level: number, type: number): readonly [string, Data | undefined] {
  const shown = (names: Names, family: string) => nameOf(type, names) ?? `${hex(type >>> 0)} /* ${family} */`;
  if (level === SocketLevel.SOL_SOCKET) return [shown(CONTROL_NAMES, "SCM_???"), SOCKET_DATA[type]];
  if (level === SocketLevel.SOL_IP) return [shown(IpOption, "IP_???"), IP_DATA[type]];
  return [hex(type >>> 0), undefined];
}

/** One control message at the beginning of bytes. */
function controlMessage(bytes: Uint8Array, length: bigint): string {
  const { level: levelAt, type: typeAt } = Cmsghdr.OFFSET;
  const level = view(bytes).getInt32(levelAt, true);
  const [type, data] = controlType(level, view(bytes).getInt32(typeAt, true));
  const shown = [
    `cmsg_len=${length}`,
    `cmsg_level=${nameOf(level, SocketLevel) ?? `${hex(level >>> 0)} /* SOL_??? */`}`,
    `cmsg_type=${type}`,
  ];
  const end = length < BigInt(bytes.length) ? Number(length) : bytes.length;
  const rest = bytes.subarray(Cmsghdr.SIZE, Math.max(Cmsghdr.SIZE, end));
  if (data !== undefined && rest.length >= data[0]) shown.push(`cmsg_data=${data[1](rest)}`);
  return `{${shown.join(", ")}}`;
}

/** Control messages at an address. */
function control(memory: Captured, at: bigint, length: bigint): string {
  const isCut = length > CONTROL_MOST;
  const bytes = length < Cmsghdr.SIZE ? undefined : memory.bytes(at, isCut ? CONTROL_MOST : Number(length));
  if (bytes === undefined) return pointer(at);
  const shown: string[] = [];
  let from = 0;
  while (bytes.length - from >= Cmsghdr.SIZE) {
    const one = bytes.subarray(from);
    const size = view(one).getBigUint64(Cmsghdr.OFFSET.len, true);
    shown.push(controlMessage(one, size));
    if (size < Cmsghdr.SIZE) {
      shown.push(`... /* ${pointer(at + BigInt(from + Cmsghdr.SIZE))} */`);
      break;
    }
    from += size > bytes.length ? bytes.length : Math.ceil(Number(size) / 8) * 8;
  }
  if (isCut && !shown.at(-1)!.startsWith("...")) shown.push("...");
  return `[${shown.join(", ")}]`;
}

/** A message: its header, and what there is to know of it. */
interface Message {
  readonly head: MsghdrData;
  /** The memory that it points at. */
  readonly memory: Captured;
  /** Of one that was received: the room for its name, and how many bytes came. */
  readonly room?: number | undefined;
  readonly left?: bigint | undefined;
}

function message({ head, memory, room, left }: Message): string {
  const length = head.namelen | 0;
  const parts = [
    `msg_name=${addressAt(memory, head.name, room === undefined ? length : Math.min(room, length))}`,
    `msg_namelen=${room === undefined || room === length ? length : `${room} => ${length}`}`,
    `msg_iov=${head.iov === 0n ? "NULL" : vectors(memory, head.iov, head.iovlen, left)}`,
    `msg_iovlen=${head.iovlen}`,
  ];
  if (head.controllen !== 0n) parts.push(`msg_control=${control(memory, head.control, head.controllen)}`);
  parts.push(`msg_controllen=${head.controllen}`, `msg_flags=${messageFlags(head.flags)}`);
  return `{${parts.join(", ")}}`;
}

const headOf = (memory: Captured | undefined, at: bigint): MsghdrData | undefined => {
  const bytes = memory?.bytes(at, Msghdr.SIZE);
  return bytes === undefined ? undefined : read(Msghdr, bytes);
};

const sent: Show = (value, { before }) => {
  const found = headOf(before, value);
  return found === undefined ? pointer(value) : message({ head: found, memory: before });
};

const received: Show = (value, { before, after, errno, result }) => {
  const room = headOf(before, value)?.namelen;
  const found = errno === 0 ? headOf(after, value) : undefined;
  if (found !== undefined && after !== undefined) {
    return message({ head: found, memory: after, room: room === undefined ? undefined : room | 0, left: result });
  }
  return room === undefined ? pointer(value) : `{msg_namelen=${room | 0}}`;
};

const LEN = Mmsghdr.OFFSET.len;
const STEP = Mmsghdr.SIZE;

/** Of those that were sent, with how much of them was. */
const manySent: Show = (value, call) => {
  const { before, after, errno, result } = call;
  const length = BigInt(uint32(argument(call, 2)));
  if (length === 0n) return "[]";
  const done = errno === 0 ? Number(result) : 0;
  let i = 0;
  return elements(before, { at: value, size: STEP, length }, (bytes) => {
    const size = i < done ? wordAt(after, value + BigInt(i * STEP + LEN)) : undefined;
    i++;
    const shown = message({ head: read(Msghdr, bytes), memory: before });
    return `{msg_hdr=${shown}${size === undefined ? "" : `, msg_len=${size >>> 0}`}}`;
  });
};

const manyReceived: Show = (value, { before, after, errno, result }) => {
  if (errno !== 0 || after === undefined) return pointer(value);
  if (result === 0n) return "[]";
  let i = 0;
  return elements(after, { at: value, size: STEP, length: result }, (bytes) => {
    const room = headOf(before, value + BigInt(i++ * STEP))?.namelen;
    const size = view(bytes).getUint32(LEN, true);
    const shown = message({
      head: read(Msghdr, bytes),
      memory: after,
      room: room === undefined ? undefined : room | 0,
      left: BigInt(size),
    });
    return `{msg_hdr=${shown}, msg_len=${size}}`;
  });
};

/** How the words of socket calls are shown. */
export const SHOW_SOCKETS: Readonly<Record<string, Show>> = {
  AddressFamily: unknownAs("AF_???", AddressFamily),
  SocketType: socketType,
  MessageFlag: (value) => messageFlags(uint32(value)),
  ShutdownHow: unknownAs("SHUT_???", ShutdownHow),
  SocketLevel: unknownAs("SOL_??", SocketLevel),
  protocol,
  optname: optionName,
  sockaddr: (value, call, i) => addressAt(call.before, value, int32(argument(call, i + 1))),
  ">sockaddr": (value, call, i) => addressAt(call.after, value, lengthOf(call, i)),
  "<>socklen": socketLength,
  sockopt: setOption,
  ">sockopt": gotOption,
  msghdr: sent,
  ">msghdr": received,
  mmsghdrs: manySent,
  ">mmsghdrs": manyReceived,
};

/** The same in one call only. */
export const SHOW_SOCKETS_IN: Readonly<Record<string, Show>> = {
  "socketpair:protocol": (value) => String(int32(value)),
  // With no room for an address, strace looks at no length.
  "getsockname:<>socklen": lengthOfAddress,
  "getpeername:<>socklen": lengthOfAddress,
  "accept:<>socklen": lengthOfAddress,
  "accept4:<>socklen": lengthOfAddress,
  "accept4:SocketType": (value) => typeFlags(uint32(value)).join("|") || "0",
  // With MSG_TRUNC the result is how much there was, not how much of it came.
  "recvfrom:>bytes": (value, { after, errno, result, args: [, , size = 0n] }) =>
    after === undefined || errno !== 0 ? pointer(value) : buffer(after, value, result < size ? result : size),
};
