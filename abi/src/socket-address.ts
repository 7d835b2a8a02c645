/** Addresses of sockets, as people write them. */
import { AddressFamily, SockaddrIn, SockaddrIn6, SockaddrNl } from "../ts/index.ts";

const FAMILY_BYTES = 2;

/** The IPv6 address of 16 bytes as RFC 5952 writes it. */
export function inet6Text(bytes: Uint8Array): string {
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return `::ffff:${bytes.subarray(12).join(".")}`;
  const words = Array.from({ length: 8 }, (_, k) => ((bytes[2 * k] ?? 0) << 8) | (bytes[2 * k + 1] ?? 0));
  const text = words.map((word) => word.toString(16));
  let [start, length] = [0, 1];
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && words[end] === 0) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  if (length === 1) return text.join(":");
  return `${text.slice(0, start).join(":")}::${text.slice(start + length).join(":")}`;
}

/**
 * A struct sockaddr as text: "/run/x.sock", "@abstract" (unix), "127.0.0.1:80", "[::1]:80", "netlink:PID"; empty for no
 * name, and for one that is too short for its family.
 */
export function socketAddressText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < FAMILY_BYTES) return "";
  const family = view.getUint16(0, true);
  if (family === AddressFamily.AF_UNIX) {
    const name = new TextDecoder().decode(bytes.slice(FAMILY_BYTES));
    return name.startsWith("\0") ? `@${name.slice(1)}` : name;
  }
  if (family === AddressFamily.AF_INET && bytes.length >= SockaddrIn.SIZE) {
    const { address } = SockaddrIn.OFFSET;
    return `${bytes.subarray(address, address + 4).join(".")}:${view.getUint16(SockaddrIn.OFFSET.port)}`;
  }
  if (family === AddressFamily.AF_INET6 && bytes.length >= SockaddrIn6.SIZE) {
    const { address } = SockaddrIn6.OFFSET;
    return `[${inet6Text(bytes.subarray(address, address + 16))}]:${view.getUint16(SockaddrIn6.OFFSET.port)}`;
  }
  if (family === AddressFamily.AF_NETLINK && bytes.length >= SockaddrNl.SIZE)
    return `netlink:${view.getUint32(SockaddrNl.OFFSET.pid, true)}`;
  return "";
}
