/**
 * Mutations that the kit does not see, each with the reason. The test holds the list to what is so: one that is seen may not
 * stand here, and none that is not seen may be missing.
 */

const OWN_COUNT = "how much a kernel counts until then is its own, and no other word says it";
const ZERO_ONLY = "while the major is 0, whatever the minor is, the layout alone counts (AbiVersion)";
const TRACE = "what is traced goes to the host, not to a client";

export const UNSEEN: Readonly<Record<string, string>> = {
  "BlobFilled: bytes is one more": "more than was asked for is no more than was asked for",
  "Diagnostics: rpc_requests in the reply's bytes is one more": "whoever looks makes requests",
  "KernelInit: abi_minor is not heard": ZERO_ONLY,
  "KernelInit: abi_minor is one more": ZERO_ONLY,
  "Processes: instret in the reply's bytes is one more": OWN_COUNT,
  "Processes: resident_pages in the reply's bytes is one more": OWN_COUNT,
  "Processes: syscalls in the reply's bytes is one more": OWN_COUNT,
  "SetTrace: syscalls is not heard": TRACE,
  "SetTrace: syscalls is one more": TRACE,
  "Stat: dev in the reply's bytes is one more": "numbers of devices are the kernel's own, and no other word says them",
  "WaitProcess: the reply's value2 is one more": "whether the last ecall of a program is retired is not said",
  "WriteFile: open_flags is one more":
    "the access mode that is 0 or 1 then is not looked at: it is a write in any case",
};
