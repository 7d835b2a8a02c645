package syscalls

import (
	"math/bits"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Waiting for several files. The deadline is set at the first attempt and kept
// in the thread's record; a wait that ends is made again from the beginning.

// maskIn swaps the signal mask for the call's duration, if the user gives one.
func maskIn(c *sched.Ctx, va, size uint64) abi.Errno {
	if va == 0 {
		return abi.OK
	}
	if size != sigsetSize {
		return abi.EINVAL
	}
	return swapMask(c, va)
}

// swapMask puts the mask at va in place of the caller's until the call is over. A
// call that is made again has done so already.
func swapMask(c *sched.Ctx, va uint64) abi.Errno {
	if proc.MaskSwapped(c) {
		return abi.OK
	}
	if e := mm.CopyIn(c, c.InPage(sigsetSize), va); e != abi.OK {
		return e
	}
	proc.SwapMask(c, kmem.Load64(c.Page))
	return abi.OK
}

// timeoutIn fixes the deadline at the first attempt: `va` is a struct timespec,
// 0 waits for ever.
func timeoutIn(c *sched.Ctx, va uint64) abi.Errno {
	b := &c.T().State.Blocked
	if b.DeadlineNs != forever || va == 0 {
		return abi.OK
	}
	ns, e := timespecIn(c, va)
	if e == abi.OK {
		b.DeadlineNs = addNs(sched.NowNs(), ns)
	}
	return e
}

// timeoutOut writes what is left of the time, as Linux's ppoll and pselect6 do.
// A page that cannot be written does not fail the call.
func timeoutOut(c *sched.Ctx, va uint64) {
	if va == 0 {
		return
	}
	left := uint64(0)
	if now, d := sched.NowNs(), c.T().State.Blocked.DeadlineNs; d > now {
		left = d - now
	}
	if timespecOut(c, va, left) == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
}

// expired says whether the call's time is over.
func expired(c *sched.Ctx) bool {
	b := &c.T().State.Blocked
	return b.TimedOut != 0 || b.DeadlineNs <= sched.NowNs()
}

// sleepOn blocks the caller on the queues that it is registered on; e is what
// registering gave.
func sleepOn(c *sched.Ctx, reason abi.WaitReason, e abi.Errno) abi.Errno {
	if e != abi.OK && e != abi.EBLOCKED {
		sched.CancelWaits(c)
		return e
	}
	b := &c.T().State.Blocked
	b.Reason = reason
	sched.SetDeadline(c, b.DeadlineNs)
	return abi.EBLOCKED
}

// A watch is one attempt of poll or select. It looks at the descriptors in
// pieces, between which others get their turn (ERESCHED). While none has anything
// to tell, the caller joins the queues of a piece in the hold in which it was
// looked at, and stays there when it gives way: nothing is missed between pieces.
type watch struct {
	c *sched.Ctx
	// from is the first descriptor of the next piece, ready how many before it
	// have something to tell.
	from  uint32
	ready uint64
	// over: the time is over, nobody waits any more.
	over bool
	// at is the element that was held of the descriptor that select looked at last.
	at uint32
}

// watchPiece is how many descriptors are looked at before others may have a
// turn: 8 KiB of struct pollfd, 16 words of an fd_set.
const watchPiece = 1024

// What select keeps in c.Vec fits it, and what poll does; and iovecs.
const (
	_ = kmem.VecBytes - 3*setBytes
	_ = kmem.VecBytes - watchPiece*abi.PollfdSize
	_ = kmem.VecBytes - uint32(abi.IOV_MAX)*abi.IovecSize
)

// watchOn begins an attempt, or goes on where it gave way. The record keeps how
// far it came, what it found and whether it waits (PollWait).
func watchOn(c *sched.Ctx) watch {
	b := &c.T().State.Blocked
	p := b.PollWait()
	w := watch{c: c, from: uint32(b.Progress), ready: p.Ready, over: expired(c)}
	if p.Waits != 0 && c.T().Live.WaitEntries == 0 {
		w.from, p.Waits = 0, 0 // woken before it slept: look at all of them again
	}
	return w
}

// found counts n descriptors that have something to tell; the first ends the wait.
func (w *watch) found(n uint64) {
	if b := &w.c.T().State.Blocked; b.PollWait().Waits != 0 && n != 0 {
		// Should a page have to come in now, all are looked at again: they may have
		// nothing to tell then, and the caller stands in no queue.
		sched.CancelWaits(w.c)
		b.Progress, *b.PollWait() = 0, abi.PollWait{}
	}
	w.ready += n
}

// waits says whether the caller is to wait for what it looks at now.
func (w *watch) waits() bool { return w.ready == 0 && !w.over }

// wait registers the caller for events of a file.
func (w *watch) wait(ofd abi.OfdRef, events abi.PollEvent) abi.Errno {
	e := file.WaitFor(w.c, ofd, events)
	if e == abi.EBLOCKED {
		w.c.T().State.Blocked.PollWait().Waits = 1
		return abi.OK
	}
	return e
}

// next ends a piece: ERESCHED when others are to have a turn before the next one.
func (w *watch) next(from uint32) abi.Errno {
	w.from = from
	if !sched.Overdue(w.c) {
		return abi.OK
	}
	b := &w.c.T().State.Blocked
	b.Progress, b.PollWait().Ready = uint64(from), w.ready
	return abi.ERESCHED
}

// end ends an attempt that has looked at all, or failed with e: OK when the call
// is over, EBLOCKED when it is to be made again from its beginning.
func (w *watch) end(e abi.Errno) abi.Errno {
	if sched.GoesOn(e) {
		return e
	}
	b := &w.c.T().State.Blocked
	b.Progress, *b.PollWait() = 0, abi.PollWait{}
	if e == abi.OK && w.waits() {
		return sleepOn(w.c, abi.WaitReasonPoll, abi.OK)
	}
	return e
}

// watched is a call that is over, unless it is to be made again: it stands in no
// queue any more, whatever ended it.
func watched(c *sched.Ctx, v uint64, e abi.Errno) (uint64, abi.Errno) {
	if !sched.GoesOn(e) {
		sched.CancelWaits(c)
	}
	return v, e
}

func sysPpoll(c *sched.Ctx) (uint64, abi.Errno) {
	v, e := ppoll(c)
	return watched(c, v, e)
}

func sysPselect6(c *sched.Ctx) (uint64, abi.Errno) {
	v, e := pselect(c)
	return watched(c, v, e)
}

func ppoll(c *sched.Ctx) (uint64, abi.Errno) {
	count := arg32(c, 1)
	if uint64(count) > c.P().State.Rlimits[abi.RLIMIT_NOFILE].Cur || count > uint32(abi.LimitFds) {
		return 0, abi.EINVAL
	}
	if e := timeoutIn(c, c.Arg(2)); e != abi.OK {
		return 0, e
	}
	if e := maskIn(c, c.Arg(3), c.Arg(4)); e != abi.OK {
		return 0, e
	}
	w := watchOn(c)
	e := abi.OK
	for w.from < count && e == abi.OK {
		e = w.poll(count)
	}
	if e = w.end(e); e == abi.OK {
		timeoutOut(c, c.Arg(2))
	}
	return w.ready, e
}

// poll asks the next piece of the caller's array. What it found is written back
// at once when there are more pieces: only what lies in the array is kept.
func (w *watch) poll(count uint32) abi.Errno {
	c, n := w.c, min(count-w.from, watchPiece)
	va := c.Arg(0) + uint64(w.from)*abi.PollfdSize
	held := w.from+n <= file.HeldPolls(c)
	if held {
		for k := range n {
			h := file.HeldPoll(c, w.from+k)
			*pollfdAt(c, k) = abi.Pollfd{Fd: h.Fd, Events: int16(h.Events)}
		}
	} else if e := mm.CopyIn(c, c.InVec(n*abi.PollfdSize), va); e != abi.OK {
		return e
	}
	found := uint64(0)
	for k := range n {
		p := pollfdAt(c, k)
		if p.Revents = 0; p.Fd < 0 {
			continue
		}
		state := abi.POLLNVAL
		if ofd, e := file.GetAny(c, p.Fd); e == abi.OK {
			state = file.Poll(ofd) & (abi.PollEvent(uint16(p.Events)) | file.PollAlways)
		}
		if state != 0 {
			p.Revents = int16(state)
			found++
		}
	}
	w.found(found)
	if w.waits() {
		for k := range n {
			p := pollfdAt(c, k)
			if file.HeldPolls(c) == w.from+k {
				file.HoldPoll(c, p.Fd, uint16(p.Events), 0)
			}
			if p.Fd >= 0 {
				ofd, _ := file.GetAny(c, p.Fd)
				if e := w.wait(ofd, abi.PollEvent(uint16(p.Events))); e != abi.OK {
					return e
				}
			}
		}
	}
	if count > watchPiece || !w.waits() {
		if e := pollfdsOut(c, va, n, held); e != abi.OK {
			return e
		}
	}
	return w.next(w.from + n)
}

// pollfdsOut writes n struct pollfds in c.Vec back. Of those that were read at an
// earlier attempt only what was found: the rest may be another's by now.
func pollfdsOut(c *sched.Ctx, va uint64, n uint32, held bool) abi.Errno {
	if !held {
		return mm.CopyOut(c, va, c.InVec(n*abi.PollfdSize))
	}
	const revents = abi.PollfdSize - 2
	e := abi.OK
	for k := uint32(0); k < n && e == abi.OK; k++ {
		at := k*abi.PollfdSize + revents
		e = mm.CopyOut(c, va+uint64(at), kmem.Span{Addr: c.Vec + at, Len: 2})
	}
	return e
}

func pollfdAt(c *sched.Ctx, k uint32) *abi.Pollfd {
	return (*abi.Pollfd)(kmem.Ptr(c.Vec + k*abi.PollfdSize))
}

// What select(2) means by its three sets.
var selectEvents = [3]abi.PollEvent{
	abi.POLLIN | abi.POLLRDNORM | abi.POLLRDBAND | abi.POLLHUP | abi.POLLERR,
	abi.POLLOUT | abi.POLLWRNORM | abi.POLLWRBAND | abi.POLLERR,
	abi.POLLPRI,
}

// setBytes is the size of each of the three sets in c.Vec.
const setBytes = uint32(abi.LimitFds) / 8

// setLength is the size of an fd_set for n descriptors.
func setLength(n uint32) uint32 { return (n + 63) / 64 * 8 }

// setsIn reads select's three sets into c.Vec, of which those before `from` have
// their answers. Descriptors for which the call has waited are taken as they were
// then. Sets that are not given are empty.
func setsIn(c *sched.Ctx, n, from uint32) abi.Errno {
	held := min(n, file.Covered(c))
	for k := range uint32(3) {
		to := c.Vec + k*setBytes
		va := c.Arg(int(k) + 1)
		if va == 0 {
			kmem.Zero(to, setLength(n))
			continue
		}
		if held < n {
			if e := mm.CopyIn(c, kmem.Span{Addr: to, Len: setLength(n)}, va); e != abi.OK {
				return e
			}
		}
		kmem.Zero(to, setLength(held))
	}
	for i := range file.HeldPolls(c) {
		h := file.HeldPoll(c, i)
		fd, sets := uint32(h.Fd), h.Sets
		if fd >= held {
			break
		}
		if fd < from {
			sets = h.Found
		}
		for k := uint32(0); sets>>k != 0; k++ {
			at := c.Vec + k*setBytes + fd/64*8
			kmem.Store64(at, kmem.Load64(at)|uint64(sets>>k&1)<<(fd%64))
		}
	}
	return abi.OK
}

// setsOut writes the sets in c.Vec back.
func setsOut(c *sched.Ctx, n uint32) abi.Errno {
	for k := range uint32(3) {
		if va := c.Arg(int(k) + 1); va != 0 {
			if e := mm.CopyOut(c, va, kmem.Span{Addr: c.Vec + k*setBytes, Len: setLength(n)}); e != abi.OK {
				return e
			}
		}
	}
	return abi.OK
}

func pselect(c *sched.Ctx) (uint64, abi.Errno) {
	if int32(c.Arg(0)) < 0 {
		return 0, abi.EINVAL
	}
	n := min(arg32(c, 0), uint32(abi.LimitFds))
	if e := timeoutIn(c, c.Arg(4)); e != abi.OK {
		return 0, e
	}
	if va := c.Arg(5); va != 0 && !proc.MaskSwapped(c) {
		// The sixth argument points to the mask's address and size.
		if e := mm.CopyIn(c, c.InPage(16), va); e != abi.OK {
			return 0, e
		}
		if e := maskIn(c, kmem.Load64(c.Page), kmem.Load64(c.Page+8)); e != abi.OK {
			return 0, e
		}
	}
	w := watchOn(c)
	e := setsIn(c, n, w.from)
	for w.from < n && e == abi.OK {
		e = w.selectPiece(n)
	}
	if e == abi.OK && w.ready == 0 {
		for k := range uint32(3) {
			kmem.Zero(c.Vec+k*setBytes, setLength(n))
		}
	}
	if unheld := file.Covered(c) < n; w.ready != 0 && (e == abi.OK || e == abi.ERESCHED && unheld) || e == abi.OK && w.over {
		// The call will end with these sets, whose rest is still to be looked at
		// after ERESCHED: where nothing is held, the caller's memory keeps what was found.
		if out := setsOut(c, n); out != abi.OK {
			e = out
		}
	}
	if e = w.end(e); e == abi.OK {
		timeoutOut(c, c.Arg(4))
	}
	return w.ready, e
}

// selectPiece asks the next piece of the sets in c.Vec. Of each descriptor that
// is asked for, what it has to tell stays in the sets.
func (w *watch) selectPiece(n uint32) abi.Errno {
	c, to := w.c, min(n, w.from+watchPiece)
	var asked [3][watchPiece / 64]uint64
	found := uint64(0)
	for fd := w.from; fd < to; fd += 64 {
		word := (fd - w.from) / 64
		var tells [3]uint64
		for k := range asked {
			asked[k][word] = kmem.Load64(c.Vec+uint32(k)*setBytes+fd/8) & below(n-fd)
		}
		for any := asked[0][word] | asked[1][word] | asked[2][word]; any != 0; any &= any - 1 {
			bit := uint32(bits.TrailingZeros64(any))
			state := abi.POLLNVAL
			if ofd, e := file.Get(c, int32(fd+bit)); e == abi.OK {
				state = file.Poll(ofd)
			} else if fd+bit >= file.Covered(c) {
				return e // not one that was closed while the call waits
			}
			now := uint8(0)
			for k, events := range selectEvents {
				if asked[k][word]>>bit&1 != 0 && state&(events|abi.POLLNVAL) != 0 {
					tells[k] |= 1 << bit
					now |= 1 << k
					found++
				}
			}
			if fd+bit < file.Covered(c) {
				w.heldOf(fd + bit).Found = now
			}
		}
		for k := range tells {
			kmem.Store64(c.Vec+uint32(k)*setBytes+fd/8, tells[k])
		}
	}
	if w.ready == 0 && found != 0 {
		for k := range uint32(3) {
			kmem.Zero(c.Vec+k*setBytes, w.from/8) // nothing before this piece
		}
	}
	w.found(found)
	if w.waits() {
		holds := file.Covered(c) == w.from
		for word := range asked[0] {
			for any := asked[0][word] | asked[1][word] | asked[2][word]; any != 0; any &= any - 1 {
				bit, want, sets := uint32(bits.TrailingZeros64(any)), abi.PollEvent(0), uint8(0)
				for k, events := range selectEvents {
					if asked[k][word]>>bit&1 != 0 {
						want |= events
						sets |= 1 << k
					}
				}
				fd := int32(w.from + uint32(word)*64 + bit)
				holds = holds && file.HoldPoll(c, fd, 0, sets)
				ofd, _ := file.Get(c, fd)
				if e := w.wait(ofd, want); e != abi.OK {
					return e
				}
			}
		}
		if holds {
			file.Cover(c, to)
		}
	}
	return w.next(to)
}

// heldOf is what is held of a descriptor, one of those that are covered and asked
// for, which come in order.
func (w *watch) heldOf(fd uint32) *abi.HeldPoll {
	for ; w.at < file.HeldPolls(w.c); w.at++ {
		if h := file.HeldPoll(w.c, w.at); uint32(h.Fd) == fd {
			return h
		}
	}
	kmem.Fail("what is covered is held")
	return nil
}

// below is a word with the lowest n bits set, all for 64 and more.
func below(n uint32) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return 1<<n - 1
}
