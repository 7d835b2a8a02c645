package hart

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/syscalls"
)

// line is a text that is being built in a scratch page.
type line struct{ base, n uint32 }

func (l *line) byte(b byte) {
	if l.n < kmem.PageSize {
		*(*byte)(kmem.Ptr(l.base + l.n)) = b
		l.n++
	}
}

func (l *line) text(s string) {
	for i := range len(s) {
		l.byte(s[i])
	}
}

func (l *line) decimal(v uint64) {
	div := uint64(1)
	for v/div >= 10 {
		div *= 10
	}
	for ; div != 0; div /= 10 {
		l.byte('0' + byte(v/div%10))
	}
}

func (l *line) hex(v uint64) {
	l.text("0x")
	shift := 60
	for shift > 0 && v>>shift == 0 {
		shift -= 4
	}
	for ; shift >= 0; shift -= 4 {
		l.byte("0123456789abcdef"[v>>shift&15])
	}
}

func traceLine(c *sched.Ctx, tid uint32) line {
	l := line{base: c.Page}
	l.byte('[')
	l.decimal(uint64(tid))
	l.text("] ")
	return l
}

// traceEnd writes how a thread ended, in strace(1)'s words.
func traceEnd(c *sched.Ctx, tid, status uint32) {
	l := traceLine(c, tid)
	if signal := status & 0x7f; signal != 0 {
		l.text("+++ killed by ")
		l.text(abi.Signal(signal).String())
	} else {
		l.text("+++ exited with ")
		l.decimal(uint64(status >> 8 & 0xff))
	}
	l.text(" +++\n")
	host.Trace(l.base, l.n)
}

// traceCall writes one line: tid, name, raw arguments, result.
func traceCall(c *sched.Ctx, b *abi.BlockedSyscall, v uint64, e abi.Errno) {
	l := traceLine(c, c.T().State.Tid)
	name, args := syscalls.Describe(b.Number)
	if name == "" {
		l.text("syscall_")
		l.decimal(uint64(b.Number))
	} else {
		l.text(name)
	}
	l.byte('(')
	for i := range args {
		if i != 0 {
			l.text(", ")
		}
		l.hex(b.Args[i])
	}
	l.text(") = ")
	switch {
	case e == abi.ENORETURN:
		l.byte('?')
	case e >= abi.ERESTARTSYS:
		l.text("? (interrupted)")
	case e != abi.OK:
		l.text("-1 ")
		l.text(e.String())
	case v>>32 == 0 && v < 1<<31:
		l.decimal(v)
	default:
		l.hex(v)
	}
	l.byte('\n')
	host.Trace(l.base, l.n)
}
