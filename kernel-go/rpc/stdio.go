package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/tty"
)

// The standard descriptors of a process that a host starts.

// stdio makes descriptors 0, 1 and 2 and puts the host's ends into the reply.
// After an error none of the host's is left; the process's go with it.
func stdio(c *sched.Ctx, process abi.ProcessRef, r *abi.RegisterProcessRequest, reply *abi.RegisterProcessReply) abi.Errno {
	table := kmem.Process(process).State.FdTable
	kinds := [3]abi.StdioKind{r.Stdin, r.Stdout, r.Stderr}
	ends := [3]*abi.SlotHandle{&reply.Stdin, &reply.Stdout, &reply.Stderr}
	master, slave := abi.OfdRef(0), abi.OfdRef(0)
	e := abi.OK
	for fd := uint32(0); fd < 3 && e == abi.OK; fd++ {
		end := abi.OfdRef(0)
		switch kinds[fd] {
		case abi.StdioKindNull:
			e = nullDevice(c, table, fd)
		case abi.StdioKindPipe:
			end, e = newPipe(c, table, fd)
		case abi.StdioKindPty:
			if slave == 0 {
				if master, slave, e = newTerminal(c, process, r); e != abi.OK {
					break
				}
			}
			file.Hold(slave)
			file.InstallIn(table, fd, slave)
			// What goes to 1 and 2 comes out of one end.
			if fd != 2 || kinds[1] != abi.StdioKindPty {
				file.Hold(master)
				end = master
			}
		default:
			e = abi.EINVAL
		}
		if end != 0 {
			*ends[fd] = kmem.Handle(end)
		}
	}
	if slave != 0 {
		file.CloseOfd(c, slave)
		file.CloseOfd(c, master)
	}
	for _, end := range ends {
		switch {
		case end.Index == 0:
		case e != abi.OK:
			file.CloseOfd(c, abi.OfdRef(end.Index))
		default:
			lend(kmem.Process(process).Live.Client, abi.OfdRef(end.Index))
		}
	}
	return e
}

// Init takes the machine's null device, a dentry that is held.
func Init(device abi.DentryRef) { state().NullDevice = device }

func nullDevice(c *sched.Ctx, table abi.FdTableRef, fd uint32) abi.Errno {
	o, e := file.OpenDentry(c, state().NullDevice, abi.O_RDWR)
	if e == abi.OK {
		file.InstallIn(table, fd, o)
	}
	return e
}

// newPipe makes a pipe for a descriptor and returns the host's end.
func newPipe(c *sched.Ctx, table abi.FdTableRef, fd uint32) (abi.OfdRef, abi.Errno) {
	r, w, e := file.NewPipe(c, 0)
	if e != abi.OK {
		return 0, e
	}
	if fd != 0 {
		r, w = w, r
	}
	file.InstallIn(table, fd, r)
	return w, abi.OK
}

// newTerminal makes the controlling terminal of the process, which leads a
// session of its own. As terminal emulators do, the host takes and shows UTF-8.
func newTerminal(c *sched.Ctx, process abi.ProcessRef, r *abi.RegisterProcessRequest) (master, slave abi.OfdRef, e abi.Errno) {
	if master, slave, e = file.NewPty(c); e != abi.OK {
		return 0, 0, e
	}
	pair := kmem.TtyOf(kmem.Ofd(master))
	t := &kmem.Tty(pair).State
	t.Winsize = abi.Winsize{Col: r.Columns, Row: r.Rows}
	t.Termios.Iflag |= abi.IUTF8
	tty.Control(process, pair)
	return master, slave, abi.OK
}

func resizeTerminal(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ResizeTerminalRequest) abi.Errno {
	i := kmem.Lookup[abi.OfdRef](r.Ofd)
	if i == 0 {
		return abi.EBADF
	}
	if _, master := file.IsTty(i); !master {
		return abi.ENOTTY
	}
	if r.Columns > 0xffff || r.Rows > 0xffff {
		return abi.EINVAL // more than struct winsize holds
	}
	tty.Resize(c, kmem.TtyOf(kmem.Ofd(i)), abi.Winsize{Col: uint16(r.Columns), Row: uint16(r.Rows)})
	return abi.OK
}
