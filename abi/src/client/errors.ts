/** What can go wrong at the Runtime's border, as types that a caller can distinguish. */
import { Errno, errnoName } from "../../ts/index.ts";

/** Texts of the errnos that callers of this API meet; the others show their name only. */
const TEXT: Readonly<Record<number, string>> = {
  [Errno.EPERM]: "operation not permitted",
  [Errno.ENOENT]: "no such file or directory",
  [Errno.ESRCH]: "no such process",
  [Errno.EIO]: "input/output error",
  [Errno.E2BIG]: "argument list too long",
  [Errno.ENOEXEC]: "not an executable for this machine",
  [Errno.EBADF]: "stale or closed handle",
  [Errno.EAGAIN]: "resource temporarily unavailable",
  [Errno.ENOMEM]: "out of memory",
  [Errno.EACCES]: "permission denied",
  [Errno.EBUSY]: "resource busy",
  [Errno.EEXIST]: "file exists",
  [Errno.ENOTDIR]: "not a directory",
  [Errno.EISDIR]: "is a directory",
  [Errno.EINVAL]: "invalid argument",
  [Errno.ENFILE]: "too many open files in the machine",
  [Errno.EFBIG]: "file too large",
  [Errno.ENOSPC]: "no space left",
  [Errno.EROFS]: "read-only file system",
  [Errno.EPIPE]: "broken pipe",
  [Errno.ENAMETOOLONG]: "file name too long",
  [Errno.ENOSYS]: "function not implemented",
  [Errno.ENOTEMPTY]: "directory not empty",
  [Errno.ELOOP]: "too many symbolic links",
  [Errno.ECANCELED]: "operation canceled",
};

/** An errno of the kernel: `code` is its name, `errno` its positive number. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: string;
  readonly errno: number;
  /** The call that failed, as Linux names it ("open", "mkdir", "spawn"). */
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(errno: number, syscall: string, path?: string) {
    const code = errnoName(errno);
    const text = TEXT[errno];
    super(`${code}: ${text === undefined ? "" : `${text}, `}${syscall}${path === undefined ? "" : ` '${path}'`}`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.path = path;
  }
}

/** The machine was stopped by `stop()`, before or during the call. */
export class MachineStopped extends Error {
  override readonly name: string = "MachineStopped";
  readonly code: string = "ERR_MACHINE_STOPPED";

  constructor(message = "the machine has been stopped") {
    super(message);
  }
}

/** The machine broke: a worker died, an invariant of the kernel did not hold, or its answers make no sense. */
export class MachineFailed extends Error {
  override readonly name: string = "MachineFailed";
  readonly code: string = "ERR_MACHINE_FAILED";
}

/** The session was closed, here or by the machine's Runtime, before or during the call. */
export class SessionClosed extends Error {
  override readonly name = "SessionClosed";
  readonly code = "ERR_SESSION_CLOSED";

  constructor(message = "the session has been closed") {
    super(message);
  }
}

/** The other end of the rings wrote what no kernel of this ABI writes. */
export class RpcProtocolError extends MachineFailed {
  override readonly name = "RpcProtocolError";
  override readonly code = "ERR_RPC_PROTOCOL";
}

/** The kernel is of another ABI, or no Foreshore kernel at all. */
export class AbiMismatch extends Error {
  override readonly name = "AbiMismatch";
  readonly code = "ERR_ABI_MISMATCH";
}

/** The machine could not be made: workers, memory or the kernel module were refused. */
export class MachineStartError extends Error {
  override readonly name = "MachineStartError";
  readonly code = "ERR_MACHINE_START";
}

/** A call did not answer within its `timeoutMs`. What it asked for may still have happened. */
export class RequestTimeout extends Error {
  override readonly name = "TimeoutError";
  readonly code = "ERR_REQUEST_TIMEOUT";
}

/** What an `AbortSignal` says was its reason, always an object of type Error. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new DOMException(String(reason ?? "aborted"), "AbortError");
}
