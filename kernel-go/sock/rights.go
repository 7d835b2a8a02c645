package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Descriptors in messages (SCM_RIGHTS): handles of descriptions, held by the message
// that carries them. A socket on its way in a socket on its way may keep itself: such
// cycles are found and cut (net/unix/garbage.c has the same idea).

const (
	// MaxRights is SCM_MAX_FD: descriptors of one message.
	MaxRights = 253

	firstRights = uint32(len(abi.SocketMessageSlot{}.FirstRights))
	// collectAlways: with no more sockets on their way than that, each that may have
	// closed a cycle is looked at at once.
	collectAlways = 64
)

// list is where the descriptions of the message in progress stand.
func list(c *sched.Ctx, k uint32) uint32 { return c.Vec + kmem.VecBytes/2 + k*4 }

// RightAt is description k of the message in progress.
func (m *Message) RightAt(c *sched.Ctx, k uint32) abi.OfdRef {
	return abi.OfdRef(kmem.Load32(list(c, k)))
}

// AddRight adds a description to a message in the making, which holds it.
func (m *Message) AddRight(c *sched.Ctx, ofd abi.OfdRef) abi.Errno {
	if e := m.newRecord(); e != abi.OK {
		return e
	}
	r := kmem.SocketMessage(m.record)
	if r.Rights >= firstRights && r.MoreRights == 0 {
		if r.MoreRights = kmem.AllocUserFrame(abi.FrameTypeKernel, false); r.MoreRights == 0 {
			return abi.ENOMEM
		}
	}
	if r.Rights == 0 {
		r.RightsUid = c.P().State.Uid
	}
	kmem.HoldOfd(ofd)
	kmem.WriteBegin(&r.Header)
	r.Rights++
	*rightOf(r, r.Rights-1) = kmem.Handle(ofd)
	kmem.WriteEnd(&r.Header)
	flies(ofd)
	if u := FindUser(r.RightsUid); u != 0 {
		kmem.User(u).InFlight++
	}
	return abi.OK
}

// MayAdd says whether the caller may send descriptors: with more on their way than it
// may have open it is ETOOMANYREFS, but for the privileged.
func MayAdd(c *sched.Ctx) abi.Errno {
	p := &c.P().State
	if u := FindUser(p.Uid); u == 0 || uint64(kmem.User(u).InFlight) <= p.Rlimits[abi.RLIMIT_NOFILE].Cur {
		return abi.OK
	}
	if cred.Has(c, abi.CAP_SYS_RESOURCE) || cred.Has(c, abi.CAP_SYS_ADMIN) {
		return abi.OK
	}
	return abi.ETOOMANYREFS
}

// landed counts n rights of a record less. A user whose last process has ended began
// anew.
func landed(r *abi.SocketMessageSlot, n uint32) {
	if u := FindUser(r.RightsUid); u != 0 {
		kmem.User(u).InFlight -= min(n, kmem.User(u).InFlight)
	}
}

// Carries is how many rights it carries so far.
func (m *Message) Carries() uint32 {
	if m.record == 0 {
		return 0
	}
	return kmem.SocketMessage(m.record).Rights
}

// RightsIn is how many descriptors wait in a socket.
func RightsIn(i abi.SocketRef) uint32 {
	n := uint32(0)
	for k := kmem.Socket(i).Live.MessageHead; k != 0; k = kmem.SocketMessage(k).Next {
		n += kmem.SocketMessage(k).Rights
	}
	return n
}

// WantsTime is SO_TIMESTAMP, of datagrams.
func WantsTime(i abi.SocketRef) bool {
	s := kmem.Socket(i)
	return has(s, abi.SocketFlagTimestamp) && !streams(s)
}

// WantsCredentials is SO_PASSCRED.
func WantsCredentials(i abi.SocketRef) bool { return has(kmem.Socket(i), abi.SocketFlagPassCred) }

func rightOf(r *abi.SocketMessageSlot, k uint32) *abi.SlotHandle {
	if k < firstRights {
		return &r.FirstRights[k]
	}
	return (*abi.SlotHandle)(kmem.Ptr(r.MoreRights + (k-firstRights)*abi.SlotHandleSize))
}

// receiveRights passes the rights of a record to the message in progress, or with
// peek copies of them.
func (m *Message) receiveRights(c *sched.Ctx, i abi.SocketMessageRef, peek bool) {
	r := kmem.SocketMessage(i)
	for k := range r.Rights {
		ofd := kmem.Held[abi.OfdRef](*rightOf(r, k))
		kmem.Store32(list(c, k), uint32(ofd))
		if peek {
			kmem.HoldOfd(ofd)
		} else {
			lands(ofd)
		}
	}
	m.Rights = r.Rights
	if !peek {
		landed(r, r.Rights)
		clearRights(r)
	}
}

func clearRights(r *abi.SocketMessageSlot) {
	kmem.WriteBegin(&r.Header)
	r.Rights = 0
	r.FirstRights = [firstRights]abi.SlotHandle{}
	kmem.WriteEnd(&r.Header)
	if r.MoreRights != 0 {
		kmem.UnrefFrame(r.MoreRights)
		r.MoreRights = 0
	}
}

// DropRights gives back the references that a message has received.
func (m *Message) DropRights(c *sched.Ctx) {
	for k := range m.Rights {
		PutOfd(c, m.RightAt(c, k))
	}
	m.Rights = 0
}

// bury frees a record, or leaves it to Reap if descriptions go with it: to give one
// back may end a socket, in which are others.
func bury(i abi.SocketMessageRef) {
	if kmem.SocketMessage(i).Rights == 0 {
		kmem.Free(i)
		return
	}
	land(i)
	toReap(i)
}

// land counts the rights of a record as on their way no more.
func land(i abi.SocketMessageRef) {
	r := kmem.SocketMessage(i)
	for k := range r.Rights {
		lands(kmem.Held[abi.OfdRef](*rightOf(r, k)))
	}
	landed(r, r.Rights)
}

func toReap(i abi.SocketMessageRef) {
	l := state()
	kmem.SocketMessage(i).Next, l.Buried = l.Buried, i
}

// buryRights takes the rights out of a message that stays. Where there is no slot to
// move them to, the next search does it.
func buryRights(i abi.SocketMessageRef) {
	r := kmem.SocketMessage(i)
	if r.Rights == 0 {
		return
	}
	to := kmem.Alloc[abi.SocketMessageRef]()
	if to == 0 {
		return
	}
	land(i)
	t := kmem.SocketMessage(to)
	kmem.WriteBegin(&t.Header)
	t.Rights, t.FirstRights, t.MoreRights = r.Rights, r.FirstRights, r.MoreRights
	kmem.WriteEnd(&t.Header)
	r.MoreRights = 0
	clearRights(r)
	toReap(to)
}

// Bury frees a message that a call had kept.
func Bury(c *sched.Ctx, i abi.SocketMessageRef) {
	bury(i)
	Reap(c)
}

// Reap gives back what buried messages hold. What ends by that buries others, which
// the outermost of these calls sees to.
func Reap(c *sched.Ctx) {
	l := state()
	if l.Reaping != 0 {
		return
	}
	l.Reaping = 1
	for l.Buried != 0 || l.Suspects != 0 {
		if l.Buried == 0 {
			l.Suspects = 0
			buryCycles()
			continue
		}
		i := l.Buried
		r := kmem.SocketMessage(i)
		l.Buried, r.Next = r.Next, 0
		for r.Rights != 0 {
			last := rightOf(r, r.Rights-1)
			ofd := kmem.Held[abi.OfdRef](*last)
			kmem.WriteBegin(&r.Header)
			*last = abi.SlotHandle{}
			r.Rights--
			kmem.WriteEnd(&r.Header)
			PutOfd(c, ofd)
		}
		clearRights(r)
		kmem.Free(i)
	}
	l.Reaping = 0
}

// unixOf is the socket behind a description that can carry others, 0 for none.
func unixOf(ofd abi.OfdRef) abi.SocketRef {
	o := kmem.Ofd(ofd)
	if o.State.Kind != abi.OfdKindSocket {
		return 0
	}
	if i := kmem.SocketOf(o); unix(kmem.Socket(i)) {
		return i
	}
	return 0
}

// flies counts one more reference of a message, lands one less.
func flies(ofd abi.OfdRef) {
	i := unixOf(ofd)
	if i == 0 {
		return
	}
	s, l := kmem.Socket(i), state()
	kmem.Up(&s.Live.InFlight)
	l.Changes++
	if s.Live.InFlight != 1 {
		return
	}
	kmem.Up(&l.InFlight)
	s.Live.FlightNext, s.Live.FlightPrev = l.FlightHead, 0
	if l.FlightHead != 0 {
		kmem.Socket(l.FlightHead).Live.FlightPrev = i
	}
	l.FlightHead = i
}

func lands(ofd abi.OfdRef) {
	i := unixOf(ofd)
	if i == 0 {
		return
	}
	s, l := kmem.Socket(i), state()
	kmem.Down(&s.Live.InFlight)
	l.Changes++
	if s.Live.InFlight != 0 {
		return
	}
	kmem.Down(&l.InFlight)
	next, prev := s.Live.FlightNext, s.Live.FlightPrev
	if next != 0 {
		kmem.Socket(next).Live.FlightPrev = prev
	}
	if prev != 0 {
		kmem.Socket(prev).Live.FlightNext = next
	} else {
		l.FlightHead = next
	}
	s.Live.FlightNext, s.Live.FlightPrev = 0, 0
}

// Dropped looks for cycles when a reference to a socket's description has gone that
// was not the last: it may be on its way in itself now. With many sockets on their
// way a search is made only after as many changes as it would take steps.
func Dropped(c *sched.Ctx, i abi.SocketRef) {
	s, l := kmem.Socket(i), state()
	if s.Live.InFlight == 0 || kmem.Ofd(s.Live.Ofd).Header.Refs != s.Live.InFlight {
		return
	}
	l.Changes++
	if l.InFlight <= collectAlways || l.Changes >= l.InFlight {
		l.Suspects = 1
		Reap(c)
	}
}
