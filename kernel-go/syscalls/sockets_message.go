package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
)

// Sockets: what moves bytes, names, descriptors and credentials.

const (
	// messagesMost is UIO_MAXIOV: messages of one sendmmsg(2) or recvmmsg(2).
	messagesMost = uint32(abi.IOV_MAX)
	// controlMost is how much of what goes with a message is looked at.
	controlMost = kmem.PageSize
	userFlags   = ^(abi.MSG_CMSG_CLOEXEC)
)

// moved is how many bytes of the message in progress earlier attempts have moved.
func moved(c *sched.Ctx) *abi.SocketWait { return c.T().State.Blocked.SocketWait() }

// begun is a message with what an earlier attempt at it has kept.
func begun(c *sched.Ctx, flags abi.MessageFlag, nonblock bool) *sock.Message {
	m := sock.Begin(c, flags)
	m.Nonblock = m.Nonblock || nonblock
	if b := &c.T().State.Blocked; b.Attempt != 0 && b.Held.Message.Index != 0 {
		m.Resume(kmem.Held[abi.SocketMessageRef](b.Held.Message))
		b.Held.Message = abi.SlotHandle{}
	}
	return m
}

// over ends an attempt at a message of which n bytes were moved: what it would have
// carried goes on with the call, or nowhere.
func over(c *sched.Ctx, m *sock.Message, n uint32, e abi.Errno) (uint32, abi.Errno) {
	if sched.GoesOn(e) {
		if r := m.Keep(); r != 0 {
			h := &c.T().State.Blocked.Held
			h.Message, h.Held = kmem.Handle(r), 1
		}
		moved(c).Moved = n
		return 0, e
	}
	m.Abandon(c)
	moved(c).Moved = 0
	if n != 0 {
		return n, abi.OK
	}
	return 0, e
}

// before is what earlier attempts have moved of the message in progress.
func before(c *sched.Ctx) uint32 {
	if c.T().State.Blocked.Attempt == 0 {
		return 0
	}
	return moved(c).Moved
}

// single ends a call of one message: what it has moved is its result when a signal
// ends its wait.
func single(c *sched.Ctx, n uint32, e abi.Errno) (uint64, abi.Errno) {
	if sched.GoesOn(e) {
		c.T().State.Blocked.Progress = uint64(moved(c).Moved)
	}
	return uint64(n), e
}

// send sends a message behind what earlier attempts have sent of it.
func send(c *sched.Ctx, i abi.SocketRef, m *sock.Message) (uint32, abi.Errno) {
	done := before(c)
	m.Skip(c, done)
	n, e := sock.Send(c, i, m)
	return over(c, m, done+n, e)
}

func sysSendto(c *sched.Ctx) (uint64, abi.Errno) {
	i, nonblock, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	m := begun(c, abi.MessageFlag(arg32(c, 3))&userFlags, nonblock)
	m.Whole(*bufOf(c, 1))
	if c.Arg(4) != 0 {
		e = addressIn(c, &m.Name, c.Arg(4), int32(arg32(c, 5)))
	}
	if e == abi.OK {
		e = sock.Address(c, i, m)
	}
	if e != abi.OK {
		return single(c, 0, e)
	}
	n, e := send(c, i, m)
	return single(c, n, e)
}

func sysRecvfrom(c *sched.Ctx) (uint64, abi.Errno) {
	i, nonblock, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	if c.Arg(4) != 0 {
		if e := mm.Await(c, c.Arg(4), addressMost); e != abi.OK {
			return 0, e
		}
		if e := mm.Await(c, c.Arg(5), 4); e != abi.OK {
			return 0, e
		}
	}
	m := begun(c, abi.MessageFlag(arg32(c, 3))&userFlags, nonblock)
	m.Whole(*bufOf(c, 1))
	done := before(c)
	m.Skip(c, done)
	n, e := sock.Receive(c, i, m)
	m.DropRights(c)
	n, e = over(c, m, done+n, e)
	if e == abi.OK && c.Arg(4) != 0 {
		if m.Name.Length == 0 {
			return uint64(n), mm.Store32(c, c.Arg(5), 0)
		}
		if e := addressOut(c, &m.Name, c.Arg(4), c.Arg(5)); e != abi.OK {
			return 0, e
		}
	}
	return single(c, n, e)
}

// header is a struct msghdr in progress; it lies in c.Path2's page.
func header(c *sched.Ctx) *abi.Msghdr { return (*abi.Msghdr)(kmem.Ptr(c.Path2)) }

// headerIn copies a struct msghdr and its iovecs from a program and says how many
// bytes these are.
func headerIn(c *sched.Ctx, m *sock.Message, va uint64) abi.Errno {
	if e := mm.CopyIn(c, kmem.Span{Addr: c.Path2, Len: abi.MsghdrSize}, va); e != abi.OK {
		return e
	}
	h := header(c)
	if int32(h.Namelen) < 0 {
		return abi.EINVAL
	}
	vec, held := file.HeldIovecs(c, c.Vec)
	total := uint64(0)
	if held {
		total = uint64(vec.Total())
	} else {
		if h.Iovlen > uint64(abi.IOV_MAX) {
			return abi.EMSGSIZE
		}
		vec = mm.Iovecs{Addr: c.Vec, Count: uint32(h.Iovlen)}
		var e abi.Errno
		if total, e = iovecsAt(c, vec, h.Iov); e != abi.OK {
			return e
		}
	}
	m.Scatter(vec, uint32(total))
	return abi.OK
}

// holdHeader has a call that waits go on with the iovecs that it has copied.
func holdHeader(c *sched.Ctx, e abi.Errno) {
	if sched.GoesOn(e) {
		file.HoldIovecs(c, mm.Iovecs{Addr: c.Vec, Count: uint32(header(c).Iovlen)})
	}
}

// through is the socket that messages go through, and how.
type through struct {
	i        abi.SocketRef
	nonblock bool
	flags    abi.MessageFlag
}

// throughArg is the socket of descriptor argument 0, with flags.
func throughArg(c *sched.Ctx, flags uint32) (through, abi.Errno) {
	i, nonblock, e := socketArg(c)
	return through{i, nonblock, abi.MessageFlag(flags)}, e
}

func sendOne(c *sched.Ctx, va uint64, x through) (uint32, abi.Errno) {
	i := x.i
	m := begun(c, x.flags&userFlags, x.nonblock)
	e := headerIn(c, m, va)
	if e == abi.OK {
		if h := header(c); h.Name != 0 && h.Namelen != 0 {
			e = addressIn(c, &m.Name, h.Name, int32(min(h.Namelen, addressMost)))
		}
	}
	if e == abi.OK && !m.Resumed() && before(c) == 0 {
		e = controlIn(c, i, m)
	}
	if e == abi.OK {
		e = sock.Address(c, i, m)
	}
	if e != abi.OK {
		return over(c, m, before(c), e)
	}
	n, e := send(c, i, m)
	holdHeader(c, e)
	return n, e
}

func sysSendmsg(c *sched.Ctx) (uint64, abi.Errno) {
	x, e := throughArg(c, arg32(c, 2))
	if e != abi.OK {
		return 0, e
	}
	n, e := sendOne(c, c.Arg(1), x)
	return single(c, n, e)
}

// controlIn reads what goes with a message that is sent: descriptors and credentials.
func controlIn(c *sched.Ctx, i abi.SocketRef, m *sock.Message) abi.Errno {
	h := header(c)
	family := kmem.Socket(i).State.Family
	if h.Control == 0 || h.Controllen == 0 {
		return abi.OK
	}
	if h.Controllen > uint64(controlMost) {
		return abi.ENOBUFS
	}
	total := uint32(h.Controllen)
	control := c.Path
	if e := mm.CopyIn(c, kmem.Span{Addr: control, Len: total}, h.Control); e != abi.OK {
		return e
	}
	for at := uint32(0); at+abi.CmsghdrSize <= total; {
		one := (*abi.Cmsghdr)(kmem.Ptr(control + at))
		if one.Len < uint64(abi.CmsghdrSize) || one.Len > uint64(total-at) {
			return abi.EINVAL
		}
		length := uint32(one.Len) - abi.CmsghdrSize
		data := kmem.Span{Addr: control + at + abi.CmsghdrSize, Len: length}
		// Nobody could take them of a socket of the Internet: there they are not looked at.
		known := one.Type == abi.SCM_RIGHTS || one.Type == abi.SCM_CREDENTIALS
		inert := known && (family == abi.AF_INET || family == abi.AF_INET6)
		if one.Level == abi.SOL_SOCKET && !inert {
			e := abi.EINVAL
			switch {
			case one.Type == abi.SCM_RIGHTS && family == abi.AF_UNIX:
				e = rightsIn(c, m, data)
			case one.Type == abi.SCM_CREDENTIALS:
				e = claimIn(c, m, data)
			}
			if e != abi.OK {
				return e
			}
		}
		at += (uint32(one.Len) + 7) &^ 7
	}
	return abi.OK
}

func rightsIn(c *sched.Ctx, m *sock.Message, data kmem.Span) abi.Errno {
	if e := sock.MayAdd(c); e != abi.OK {
		return e
	}
	n := data.Len / 4
	if m.Carries()+n > sock.MaxRights {
		return abi.EINVAL
	}
	for k := range n {
		ofd, e := file.GetAny(c, int32(kmem.Load32(data.Addr+k*4)))
		if e == abi.OK {
			e = m.AddRight(c, ofd)
		}
		if e != abi.OK {
			return e
		}
	}
	return abi.OK
}

// claimIn is SCM_CREDENTIALS: who somebody says that he is, if he may.
func claimIn(c *sched.Ctx, m *sock.Message, data kmem.Span) abi.Errno {
	if data.Len != abi.UcredSize {
		return abi.EINVAL
	}
	u := (*abi.Ucred)(kmem.Ptr(data.Addr))
	if e := proc.MayClaim(c, u.Pid, u.Uid, u.Gid); e != abi.OK {
		return e
	}
	return m.Claim(abi.SocketCredentials{Pid: u.Pid, Uid: u.Uid, Gid: u.Gid})
}

func receiveOne(c *sched.Ctx, va uint64, x through) (uint32, abi.Errno) {
	i, cloexec := x.i, x.flags&abi.MSG_CMSG_CLOEXEC
	m := begun(c, x.flags&userFlags, x.nonblock)
	if e := headerIn(c, m, va); e != abi.OK {
		return over(c, m, before(c), e)
	}
	h := header(c)
	// What is taken out must find its place: nothing may have to come in then.
	e := mm.Await(c, va, abi.MsghdrSize)
	if e == abi.OK && h.Name != 0 {
		e = mm.Await(c, h.Name, addressMost)
	}
	if e == abi.OK && h.Control != 0 {
		e = mm.Await(c, h.Control, uint32(min(h.Controllen, uint64(controlMost))))
	}
	if e != abi.OK {
		return over(c, m, before(c), e)
	}
	done := before(c)
	m.Skip(c, done)
	n, e := sock.Receive(c, i, m)
	holdHeader(c, e)
	if n, e = over(c, m, done+n, e); e != abi.OK {
		m.DropRights(c)
		return n, e
	}
	if h.Name != 0 {
		length := addressToPage(c, &m.Name)
		if e = mm.CopyOut(c, h.Name, c.InPage(min(length, h.Namelen))); e == abi.OK {
			h.Namelen = length
		}
	}
	if e == abi.OK {
		e = controlOut(c, i, m, cloexec != 0)
	}
	if e == abi.OK {
		h.Flags = m.Out | cloexec
		e = mm.CopyOut(c, va, kmem.Span{Addr: c.Path2, Len: abi.MsghdrSize})
	}
	m.DropRights(c)
	if e != abi.OK {
		return 0, e
	}
	return n, abi.OK
}

func sysRecvmsg(c *sched.Ctx) (uint64, abi.Errno) {
	x, e := throughArg(c, arg32(c, 2))
	if e != abi.OK {
		return 0, e
	}
	n, e := receiveOne(c, c.Arg(1), x)
	return single(c, n, e)
}

// controlOut tells what came with a message: credentials where they were asked for,
// and descriptors, which become the caller's. The header then says how much that was.
func controlOut(c *sched.Ctx, i abi.SocketRef, m *sock.Message, cloexec bool) abi.Errno {
	h := header(c)
	out := control{c: c, va: h.Control, room: h.Controllen}
	if h.Control == 0 {
		out.room = 0
	}
	if sock.WantsTime(i) {
		ns := m.ArrivedNs
		if ns == 0 {
			ns = sched.RealNs()
		}
		*(*abi.Timeval)(kmem.Ptr(c.Page + abi.CmsghdrSize)) = abi.Timeval{Sec: int64(ns / nsPerSec), Usec: int64(ns % nsPerSec / 1000)}
		if e := out.put(m, abi.SCM_TIMESTAMP, abi.TimevalSize); e != abi.OK {
			return e
		}
	}
	if sock.WantsCredentials(i) {
		u := m.Sender
		if u.Uid == ^uint32(0) {
			u.Uid, u.Gid = overflowId, overflowId
		}
		*(*abi.Ucred)(kmem.Ptr(c.Page + abi.CmsghdrSize)) = abi.Ucred{Pid: u.Pid, Uid: u.Uid, Gid: u.Gid}
		if e := out.put(m, abi.SCM_CREDENTIALS, abi.UcredSize); e != abi.OK {
			return e
		}
	}
	if m.Rights != 0 {
		if e := out.rights(m, cloexec); e != abi.OK {
			return e
		}
	}
	h.Controllen = out.done
	return abi.OK
}

const overflowId = 65534

// control is what is written of a message's control data.
type control struct {
	c    *sched.Ctx
	va   uint64
	room uint64
	done uint64
}

// put writes one control message whose n bytes lie in c.Page behind the room for its
// header; what does not fit is cut off (MSG_CTRUNC).
func (o *control) put(m *sock.Message, kind abi.ControlMessage, n uint32) abi.Errno {
	if o.room < uint64(abi.CmsghdrSize) {
		m.Out |= abi.MSG_CTRUNC
		return abi.OK
	}
	length := uint64(abi.CmsghdrSize + n)
	if length > o.room {
		m.Out |= abi.MSG_CTRUNC
		length = o.room
	}
	*(*abi.Cmsghdr)(kmem.Ptr(o.c.Page)) = abi.Cmsghdr{Len: length, Level: abi.SOL_SOCKET, Type: kind}
	if e := mm.CopyOut(o.c, o.va, o.c.InPage(uint32(length))); e != abi.OK {
		return e
	}
	step := min((length+7)&^7, o.room)
	o.va += step
	o.room -= step
	o.done += step
	return abi.OK
}

// rights gives the caller descriptors for what came, as far as there is room.
func (o *control) rights(m *sock.Message, cloexec bool) abi.Errno {
	fits := uint32(0)
	if o.room > uint64(abi.CmsghdrSize) {
		fits = uint32(min((o.room-uint64(abi.CmsghdrSize))/4, uint64(m.Rights)))
	}
	n := uint32(0)
	for n < fits {
		if _, e := file.FreeFd(o.c, 0); e != abi.OK {
			break
		}
		ofd := m.RightAt(o.c, n)
		file.Hold(ofd) // m gives its own reference back
		fd, e := file.NewFd(o.c, ofd, cloexec)
		if e != abi.OK {
			break
		}
		kmem.Store32(o.c.Page+abi.CmsghdrSize+n*4, fd)
		n++
	}
	if n < m.Rights {
		m.Out |= abi.MSG_CTRUNC
	}
	if n == 0 {
		return abi.OK
	}
	e := o.put(m, abi.SCM_RIGHTS, n*4)
	for k := uint32(0); e != abi.OK && k < n; k++ { // nobody knows them
		file.Close(o.c, int32(kmem.Load32(o.c.Page+abi.CmsghdrSize+k*4)))
	}
	return e
}

// many makes sendmmsg(2) and recvmmsg(2): one message after the other, until there is
// none or an error. BlockedSyscall.progress counts those that are through.
func many(c *sched.Ctx, one func(c *sched.Ctx, va uint64, x through) (uint32, abi.Errno), x through) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	count := min(arg32(c, 2), messagesMost)
	done := uint32(0)
	if b.Attempt != 0 {
		done = uint32(b.Progress)
	}
	for done < count {
		va := c.Arg(1) + uint64(done*abi.MmsghdrSize)
		n, e := one(c, va, x)
		switch {
		case sched.GoesOn(e):
			b.Progress = uint64(done)
			return 0, e
		case e != abi.OK && done != 0:
			return uint64(done), abi.OK
		case e != abi.OK:
			return 0, e
		}
		file.NextMessage(c)
		if e := mm.Store32(c, va+uint64(abi.MsghdrSize), n); e != abi.OK {
			return uint64(done), e
		}
		if done++; moved(c).DeadlineNs != 0 && moved(c).DeadlineNs <= sched.NowNs() {
			break
		}
		if x.flags&abi.MSG_WAITFORONE != 0 {
			x.nonblock = true
		}
		if done < count && sched.Overdue(c) {
			b.Progress = uint64(done)
			return 0, abi.ERESCHED
		}
	}
	return uint64(done), abi.OK
}

func sysSendmmsg(c *sched.Ctx) (uint64, abi.Errno) {
	x, e := throughArg(c, arg32(c, 3))
	if e != abi.OK {
		return 0, e
	}
	return many(c, sendOne, x)
}

// sysRecvmmsg takes messages until it has all, or its time is over, which is looked at
// between two of them.
func sysRecvmmsg(c *sched.Ctx) (uint64, abi.Errno) {
	b := moved(c)
	if c.Arg(4) != 0 && b.DeadlineNs == 0 {
		ns, e := timespecIn(c, c.Arg(4))
		if e != abi.OK {
			return 0, e
		}
		b.DeadlineNs = addNs(sched.NowNs(), ns)
	}
	x, e := throughArg(c, arg32(c, 3))
	if e != abi.OK {
		return 0, e
	}
	n, e := many(c, receiveOne, x)
	if e != abi.OK || c.Arg(4) == 0 {
		return n, e
	}
	left := max(b.DeadlineNs, sched.NowNs()) - sched.NowNs()
	*(*abi.Timespec)(kmem.Ptr(c.Page)) = abi.Timespec{Sec: int64(left / nsPerSec), Nsec: int64(left % nsPerSec)}
	return n, mm.CopyOut(c, c.Arg(4), c.InPage(abi.TimespecSize))
}
