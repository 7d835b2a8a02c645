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
	// (fill.dead has a bit for each).
	readAhead = 32
	maxFills  = 256
)

// RequestBlob asks the host for `length` bytes at `position` of a blob source,
// into memory from `addr` on (a hook: boot/wire.go). The answer is FillDone.
var RequestBlob func(source uint32, position uint64, addr, length, token uint32)

type fill struct {
	used bool
	// orphan: the pages went away meanwhile; the frames wait for the host.
	inode  uint32
	page   uint32
	pages  uint32
	addr   uint32
	length uint32
	// dead has a bit for each page that was truncated away.
	dead   uint32
	ticket uint32
	// serial makes a token of an earlier use of this record stale.
	serial uint32
}

var (
	fills   [maxFills]fill
	tickets uint32
	// waitSlot is an Eventfd slot whose queue has the waiters for a free
	// record: heads of queues lie in the machine's memory.
	waitSlot uint32
)

func fillWait() *uint32 { return &kmem.Eventfd(waitSlot).Wait }

// failure remembers a fill that the host could not do, until those who waited
// for it have been told.
type failure struct {
	ticket, inode, page, pages uint32
	errno                      abi.Errno
}

var (
	failures    [64]failure
	nextFailure uint32
)

// requestTicket is for an RPC request what Blocked.PageTicket is for a thread.
type requestTicket struct{ request, generation, ticket uint32 }

var requestTickets [64]requestTicket

// Get is the frame of a page. An absent page that the source has makes the
// caller wait (EBLOCKED), or gives the host's error once it has failed. A hole
// is the shared frame of zeros, or with `create` a new frame.
func Get(c *sched.Ctx, inode, page uint32, create bool) (uint32, abi.Errno) {
	if frame := Lookup(inode, page); frame != 0 {
		kmem.Frame(frame).Flags |= abi.FrameFlagReferenced
		return frame, abi.OK
	}
	if Backed(inode, page) {
		return 0, bringIn(c, inode, page)
	}
	if !create {
		return kmem.ZeroFrame(), abi.OK
	}
	return InsertZero(inode, page)
}

// GetForOverwrite is Get for a caller that writes the whole page: its old
// bytes are not fetched.
func GetForOverwrite(c *sched.Ctx, inode, page uint32) (uint32, abi.Errno) {
	if frame := Lookup(inode, page); frame != 0 {
		return frame, abi.OK
	}
	if i := findFill(inode, page); i >= 0 {
		fills[i].dead |= 1 << (page - fills[i].page)
	}
	return InsertZero(inode, page)
}

func findFill(inode, page uint32) int {
	if kmem.Inode(inode).Live.FillsInFlight == 0 {
		return -1
	}
	for i := range fills {
		f := &fills[i]
		if f.used && f.inode == inode && page-f.page < f.pages && f.dead>>(page-f.page)&1 == 0 {
			return i
		}
	}
	return -1
}

// bringIn has an absent page fetched and makes the caller wait for it.
func bringIn(c *sched.Ctx, inode, page uint32) abi.Errno {
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
			return sched.WaitOn(c, fillWait(), ^uint32(0))
		}
	}
	return waitFor(c, inode, fills[i].ticket)
}

func waitFor(c *sched.Ctx, inode, ticket uint32) abi.Errno {
	if c.Request != 0 {
		h := kmem.Handle(abi.SlotKindPendingRequest, c.Request)
		requestTickets[c.Request%uint32(len(requestTickets))] = requestTicket{h.Index, h.Generation, ticket}
	} else if c.Thread != 0 {
		b := &c.T().State.Blocked
		b.Reason, b.PageTicket = abi.WaitReasonPageIn, ticket
	}
	return sched.WaitOn(c, &kmem.Inode(inode).Live.PageWait, ^uint32(0))
}

// failed is the error of the fill that this caller has waited for, if it was
// for this page. A caller that never waited tries anew.
func failed(c *sched.Ctx, inode, page uint32) abi.Errno {
	ticket := uint32(0)
	if c.Request != 0 {
		r := requestTickets[c.Request%uint32(len(requestTickets))]
		if h := kmem.Handle(abi.SlotKindPendingRequest, c.Request); r.request == h.Index && r.generation == h.Generation {
			ticket = r.ticket
		}
	} else if c.Thread != 0 {
		if b := &c.T().State.Blocked; b.Reason == abi.WaitReasonPageIn {
			ticket = b.PageTicket
		}
	}
	if ticket == 0 {
		return abi.OK
	}
	for i := range failures {
		f := &failures[i]
		if f.ticket != ticket || f.inode != inode || page-f.page >= f.pages {
			continue
		}
		// Told once: the next call of this thread asks the host again.
		if c.Request != 0 {
			requestTickets[c.Request%uint32(len(requestTickets))].ticket = 0
		} else {
			c.T().State.Blocked.Reason = abi.WaitReasonNone
		}
		return f.errno
	}
	return abi.OK
}

// startFills asks for the page and for absent pages behind it. It returns the
// record of `page`, or -1 when all records are in use.
func startFills(inode, page uint32) (int, abi.Errno) {
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

func newFill(inode, page, pages, addr uint32) int {
	for i := range fills {
		f := &fills[i]
		if f.used {
			continue
		}
		in := kmem.Inode(inode)
		offset := uint64(page) << kmem.PageShift
		length := pages << kmem.PageShift
		if left := in.State.SourceBytes - offset; left < uint64(length) {
			length = uint32(left)
		}
		tickets++
		if tickets == 0 {
			tickets = 1
		}
		*f = fill{used: true, inode: inode, page: page, pages: pages, addr: addr, length: length, ticket: tickets, serial: f.serial + 1}
		for k := range pages {
			kmem.Frame(addr + k<<kmem.PageShift).Flags |= abi.FrameFlagBusy
		}
		in.Live.FillsInFlight++
		kmem.Header().Counters.PageIns += uint64(pages)
		RequestBlob(in.State.Source, in.State.SourceOffset+offset, addr, length, uint32(i)|f.serial<<8)
		return i
	}
	return -1
}

// FillDone is the host's answer: `bytes` are in the frames, or it failed with
// `result`. Fewer bytes than were asked for are an error of the source.
// EINVAL: the token is not of a fill in flight.
func FillDone(token, bytes uint32, result abi.Errno) abi.Errno {
	f := &fills[token&(maxFills-1)]
	if !f.used || token>>8 != f.serial&0xFFFFFF {
		return abi.EINVAL
	}
	f.used = false
	sched.WakeAll(fillWait())
	if f.inode == 0 {
		dropFrames(f, 0)
		return abi.OK
	}
	in := kmem.Inode(f.inode)
	in.Live.FillsInFlight--
	if result == abi.OK && bytes < f.length {
		result = abi.EIO
	}
	if result != abi.OK {
		dropFrames(f, 0)
		failures[nextFailure] = failure{f.ticket, f.inode, f.page, f.pages, result}
		nextFailure = (nextFailure + 1) % uint32(len(failures))
	} else {
		for i := range f.pages {
			page, frame := f.page+i, f.addr+i<<kmem.PageShift
			if f.dead>>i&1 != 0 || !Backed(f.inode, page) || Lookup(f.inode, page) != 0 {
				kmem.UnrefFrame(frame)
				continue
			}
			// The source may have been cut while the bytes were on their way.
			if end := in.State.SourceBytes - uint64(page)<<kmem.PageShift; end < uint64(kmem.PageSize) {
				kmem.Zero(frame+uint32(end), kmem.PageSize-uint32(end))
			}
			state := kmem.Frame(frame)
			state.Flags = state.Flags&^abi.FrameFlagBusy | abi.FrameFlagUptodate | abi.FrameFlagReferenced
			if insert(f.inode, page, frame) != abi.OK {
				// No room for a tree node: whoever waits asks again.
				kmem.UnrefFrame(frame)
			}
		}
	}
	sched.WakeAll(&in.Live.PageWait)
	return abi.OK
}

func dropFrames(f *fill, from uint32) {
	for i := from; i < f.pages; i++ {
		kmem.UnrefFrame(f.addr + i<<kmem.PageShift)
	}
}

// cancelFills marks pages [first, end) of fills in flight as gone. The frames
// stay until the host answers: it may be writing to them now.
func cancelFills(inode, first, end uint32) {
	in := kmem.Inode(inode)
	if in.Live.FillsInFlight == 0 {
		return
	}
	for i := range fills {
		f := &fills[i]
		if !f.used || f.inode != inode {
			continue
		}
		for k := range f.pages {
			if page := f.page + k; page >= first && page < end {
				f.dead |= 1 << k
			}
		}
		if f.dead == uint32(1)<<f.pages-1 {
			f.inode = 0
			in.Live.FillsInFlight--
		}
	}
	sched.WakeAll(&in.Live.PageWait)
}
