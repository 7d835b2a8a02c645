package trace

import "foreshore.dev/kernel/abi"

// Letters say, one per argument of a system call, what of the caller's memory
// its record shows (abi.SyscallLetters). Which word of abi/syscalls.fbs has which
// is written in codegen/src/syscalls.ts.
//
// Those of abi.TracedSizes stand for structures of a fixed size: a small letter
// where the kernel reads one, so that it is taken when the call begins, a capital
// where it writes one, taken when the call is over. The others:
//
//	v  a value: nothing; .  a descriptor, which the call holds while it waits
//	s  a string, whole
//	w  bytes that the kernel reads, as many as the next argument says
//	W  bytes that it writes, as many as the result says
//	i  iovecs and the bytes that it reads there; I writes; : iovecs alone
//	p  pollfds, read and written
//	E  epoll_events, as many as the result says
//	S  fd_set, read and written; argument 0 says of how many bits
//	=  a long that is read and written; &  the same of a Timespec
//	*  a vector of strings up to NULL; # only how many there are
//	/  directory entries: only how many
//	$  bytes that the kernel reads, as many as the next argument says; ^ that it
//	   writes, as many as the word says that the next argument points at
//	;  that word of 32 bits
//	(  a Msghdr that is sent, with what it points at; ) that is filled
//	[  Mmsghdrs of the same kind, as many as the next argument says; ] that are
//	   filled, as many as the result says
//	@  pselect6's mask: address and size, and what is there
//	+  CloneArgs, and the child's tid where they have it written
//	!  ioctl's, by argument 1; | fcntl's; ~ futex's; % prctl's, by argument 0

// sizeOf is the size of a letter's structure, and whether the kernel reads it
// (it writes it otherwise); 0 for letters that stand for something else.
func sizeOf(letter byte) (size uint32, reads bool) {
	reads = letter >= 'a'
	if !reads {
		letter += 'a' - 'A'
	}
	if letter < 'a' || letter > 'z' {
		return 0, false
	}
	return uint32(abi.TracedSizes[letter-'a']), reads
}

// ioctlSize is how many bytes an ioctl reads (or writes, when reads is false).
func ioctlSize(command uint32) (size uint32, reads bool) {
	switch abi.Ioctl(command) {
	case abi.TCGETS:
		return abi.TermiosSize, false
	case abi.TCSETS, abi.TCSETSW, abi.TCSETSF:
		return abi.TermiosSize, true
	case abi.TIOCGWINSZ:
		return abi.WinsizeSize, false
	case abi.TIOCSWINSZ:
		return abi.WinsizeSize, true
	case abi.TIOCGPGRP, abi.TIOCGSID, abi.FIONREAD, abi.TIOCOUTQ, abi.TIOCGETD:
		return 4, false
	case abi.TIOCSPGRP, abi.FIONBIO, abi.FIOASYNC, abi.TIOCPKT, abi.TIOCSETD:
		return 4, true
	}
	// Numbers of the newer kind carry direction and size (asm-generic/ioctl.h).
	const write, read = 1 << 30, 1 << 31
	size = command >> 16 & 0x3fff
	if command&(write|read) == 0 || size > abi.Termios2Size {
		return 0, false
	}
	return size, command&write != 0
}
