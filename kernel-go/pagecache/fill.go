package pagecache

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Bringing in pages whose bytes are with the host. A fill is one request: a
// run of pages into frames that follow one another. Its frames are in no
// inode until the host has answered, so a page is whole or absent.

const (
	// readAhead is how many pages one touch asks for
	// (PageFill.dead has a bit for each).
	readAhead = 32
	maxFills  = uint32(len(abi.PageCacheLive{}.Fills))
)

// RequestBlob asks the host for bytes at a position of a blob source (a hook:
// boot/wire.go). The answer is FillDone.
var RequestBlob func(source uint32, position uint64, into kmem.Span, token uint32)

// ticketOf is where a request's ticket lies.
func ticketOf(request abi.PendingRequestRef) *abi.RequestTicket {
	t := &state().RequestTickets
	return &t[uint32(request)%uint32(len(t))]
}

// Get is the frame of a page. An absent page that the source has makes the
// caller wait (EBLOCKED), or gives the host's error once it has failed. A hole
// is the shared frame of zeros, or with `create` a new frame.
func Get(c *sched.Ctx, inode abi.InodeRef, page uint32, create bool) (uint32, abi.Errno) {
	if frame := Lookup(inode, page); frame != 0 {
		kmem.Frame(frame).Flags |= abi.FrameFlagReferenced
		return frame, abi.OK
	}
	if Backed(inode, page) {
		return 0, fetchPage(c, inode, page)
	}
	if !create {
		return kmem.ZeroFrame(), abi.OK
	}
	return InsertZero(inode, page)
}

// GetForOverwrite is Get for a caller that writes the whole page: its old
// bytes are not fetched.
func GetForOverwrite(c *sched.Ctx, inode abi.InodeRef, page uint32) (uint32, abi.Errno) {
	if frame := Lookup(inode, page); frame != 0 {
		return frame, abi.OK
	}
	if i := findFill(inode, page); i >= 0 {
		f := &state().Fills[i]
		f.Dead |= 1 << (page - f.Page)
	}
	return InsertZero(inode, page)
}

func findFill(inode abi.InodeRef, page uint32) int {
	if kmem.Inode(inode).Live.FillsInFlight == 0 {
		return -1
	}
	fills := &state().Fills
	for i := range fills {
		f := &fills[i]
		if f.Used != 0 && f.Inode == inode && page-f.Page < f.Pages && f.Dead>>(page-f.Page)&1 == 0 {
			return i
		}
	}
	return -1
}

// fetchPage has an absent page fetched and makes the caller wait for it.
func fetchPage(c *sched.Ctx, inode abi.InodeRef, page uint32) abi.Errno {
	if e := failed(c, inode, page); e != abi.OK {
		return e
	}
	i := findFill(inode, page)
	if i < 0 {
		var e abi.Errno
		if i, e = startFills(inode, page); e != abi.OK {
			return e
		}
		if i < 0 {
			waitsForPage(c, 0)
			return sched.WaitOn(c, &state().FillWait, sched.AllEvents)
		}
	}
	return waitFor(c, inode, state().Fills[i].Ticket)
}

func waitFor(c *sched.Ctx, inode abi.InodeRef, ticket uint32) abi.Errno {
	if c.Request != 0 {
		*ticketOf(c.Request) = abi.RequestTicket{Request: kmem.Handle(c.Request), Ticket: ticket}
	}
	waitsForPage(c, ticket)
	return sched.WaitOn(c, &kmem.Inode(inode).Live.PageWait, sched.AllEvents)
}

// waitsForPage marks the wait of a thread as one that only SIGKILL ends; ticket is the
// fill's, 0 of none yet.
func waitsForPage(c *sched.Ctx, ticket uint32) {
	if c.Thread != 0 {
		b := &c.T().State.Blocked
		b.Reason, b.PageTicket = abi.WaitReasonPageIn, ticket
	}
}

// failed is the error of the fill that this caller has waited for, if it was
// for this page. A caller that never waited tries anew.
func failed(c *sched.Ctx, inode abi.InodeRef, page uint32) abi.Errno {
	ticket := uint32(0)
	if c.Request != 0 {
		if r := ticketOf(c.Request); r.Request == kmem.Handle(c.Request) {
			ticket = r.Ticket
		}
	} else if c.Thread != 0 {
		if b := &c.T().State.Blocked; b.Reason == abi.WaitReasonPageIn {
			ticket = b.PageTicket
		}
	}
	if ticket == 0 {
		return abi.OK
	}
	failures := &state().Failures
	for i := range failures {
		f := &failures[i]
		if f.Ticket != ticket || f.Inode != inode || page-f.Page >= f.Pages {
			continue
		}
		// Told once: the next call of this thread asks the host again.
		if c.Request != 0 {
			ticketOf(c.Request).Ticket = 0
		} else {
			c.T().State.Blocked.Reason = abi.WaitReasonNone
		}
		return abi.Errno(f.Errno)
	}
	return abi.OK
}

// startFills asks for the page and for absent pages behind it. It returns the
// record of `page`, or -1 when all records are in use.
func startFills(inode abi.InodeRef, page uint32) (int, abi.Errno) {
	in := kmem.Inode(inode)
	limit := PagesOf(in.State.SourceBytes) - page
	if limit > readAhead {
		limit = readAhead
	}
	var frames [readAhead]uint32
	n := uint32(0)
	for n < limit && Lookup(inode, page+n) == 0 && findFill(inode, page+n) < 0 {
		// Only the touched page may take what eviction has to make room for.
		if n != 0 && kmem.FreeFrames() < kmem.Header().ReserveFrames+64 {
			break
		}
		frame := kmem.AllocUserFrame(abi.FrameTypeFile, true)
		if frame == 0 {
			break
		}
		// In order of address, so that runs are as long as can be.
		k := n
		for ; k > 0 && frames[k-1] > frame; k-- {
			frames[k] = frames[k-1]
		}
		frames[k] = frame
		n++
	}
	if n == 0 {
		return -1, abi.ENOMEM
	}
	first := -1
	for i := uint32(0); i < n; {
		run := uint32(1)
		for i+run < n && frames[i+run] == frames[i]+run<<kmem.PageShift {
			run++
		}
		k := newFill(inode, page+i, run, frames[i])
		if k < 0 {
			for ; i < n; i++ {
				kmem.UnrefFrame(frames[i])
			}
			break
		}
		if i == 0 {
			first = k
		}
		i += run
	}
	return first, abi.OK
}

func newFill(inode abi.InodeRef, page, pages, addr uint32) int {
	fills := &state().Fills
	for i := range fills {
		f := &fills[i]
		if f.Used != 0 {
			continue
		}
		in := kmem.Inode(inode)
		offset := uint64(page) << kmem.PageShift
		length := pages << kmem.PageShift
		if left := in.State.SourceBytes - offset; left < uint64(length) {
			length = uint32(left)
		}
		s := state()
		s.Tickets++
		if s.Tickets == 0 {
			s.Tickets = 1
		}
		*f = abi.PageFill{Used: 1, Inode: inode, Page: page, Pages: pages, Addr: addr, Length: length, Ticket: s.Tickets, Serial: f.Serial + 1}
		for k := range pages {
			kmem.Frame(addr + k<<kmem.PageShift).Flags |= abi.FrameFlagBusy
		}
		in.Live.FillsInFlight++
		kmem.Header().Counters.PageIns += uint64(pages)
		RequestBlob(in.State.Source, in.State.SourceOffset+offset, kmem.Span{Addr: addr, Len: length}, uint32(i)|f.Serial<<8)
		return i
	}
	return -1
}

// FillDone is the host's answer: `bytes` are in the frames, or it failed with
// `result`. Fewer bytes than were asked for are an error of the source.
// EINVAL: the token is not of a fill in flight.
func FillDone(token, bytes uint32, result abi.Errno) abi.Errno {
	f := &state().Fills[token&(maxFills-1)]
	if f.Used == 0 || token>>8 != f.Serial&0xFFFFFF {
		return abi.EINVAL
	}
	f.Used = 0
	sched.WakeAll(&state().FillWait)
	if f.Inode == 0 {
		dropFrames(f, 0)
		return abi.OK
	}
	in := kmem.Inode(f.Inode)
	in.Live.FillsInFlight--
	if result == abi.OK && bytes < f.Length {
		result = abi.EIO
	}
	if result != abi.OK {
		dropFrames(f, 0)
		s := state()
		s.Failures[s.NextFailure] = abi.PageFailure{Ticket: f.Ticket, Inode: f.Inode, Page: f.Page, Pages: f.Pages, Errno: uint32(result)}
		s.NextFailure = (s.NextFailure + 1) % uint32(len(s.Failures))
	} else {
		for i := range f.Pages {
			page, frame := f.Page+i, f.Addr+i<<kmem.PageShift
			if f.Dead>>i&1 != 0 || !Backed(f.Inode, page) || Lookup(f.Inode, page) != 0 {
				kmem.UnrefFrame(frame)
				continue
			}
			// The source may have been cut while the bytes were on their way.
			if end := in.State.SourceBytes - uint64(page)<<kmem.PageShift; end < uint64(kmem.PageSize) {
				kmem.Zero(frame+uint32(end), kmem.PageSize-uint32(end))
			}
			state := kmem.Frame(frame)
			state.Flags = state.Flags&^abi.FrameFlagBusy | abi.FrameFlagUptodate | abi.FrameFlagReferenced
			if insert(f.Inode, page, frame) != abi.OK {
				// No room for a tree node: whoever waits asks again.
				kmem.UnrefFrame(frame)
			}
		}
	}
	sched.WakeAll(&in.Live.PageWait)
	return abi.OK
}

func dropFrames(f *abi.PageFill, from uint32) {
	for i := from; i < f.Pages; i++ {
		kmem.UnrefFrame(f.Addr + i<<kmem.PageShift)
	}
}

// cancelFills marks pages [first, end) of fills in flight as gone. The frames
// stay until the host answers: it may be writing to them now.
func cancelFills(inode abi.InodeRef, first, end uint32) {
	in := kmem.Inode(inode)
	if in.Live.FillsInFlight == 0 {
		return
	}
	fills := &state().Fills
	for i := range fills {
		f := &fills[i]
		if f.Used == 0 || f.Inode != inode {
			continue
		}
		for k := range f.Pages {
			if page := f.Page + k; page >= first && page < end {
				f.Dead |= 1 << k
			}
		}
		if f.Dead == uint32(1)<<f.Pages-1 {
			f.Inode = 0
			in.Live.FillsInFlight--
		}
	}
	sched.WakeAll(&in.Live.PageWait)
}
