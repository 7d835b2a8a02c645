package sock

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/bytequeue"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Message is the transfer in progress: where its bytes come from or go to, and what
// goes with them. It is a part of the hart's scratch memory.
type Message struct {
	part mm.Buf
	vec  mm.Iovecs
	next uint32
	// Left is how many bytes are still to be moved.
	Left     uint32
	Flags    abi.MessageFlag
	Nonblock bool
	// Out is what msg_flags tells of what was received.
	Out abi.MessageFlag
	// Rights is how many descriptions stand in the list (RightAt). Received ones are
	// held for whoever has the message.
	Rights uint32
	// Sender is whose credentials a message that was received has.
	Sender abi.SocketCredentials
	// ArrivedNs is when a datagram came, since 1970, 0 when nobody had asked.
	ArrivedNs uint64
	// Name is where it goes, or who has sent it; length 0 for nobody.
	Name abi.SocketAddress
	// From is whose name a datagram gets that is sent, length 0 for the socket's own.
	From abi.SocketAddress
	// made is for an address in the making.
	made abi.SocketAddress
	// record is the message that will be sent, where there is one already.
	record abi.SocketMessageRef
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Message) - unsafe.Sizeof(Message{})

func current(c *sched.Ctx) *Message {
	return (*Message)(unsafe.Pointer(&kmem.ScratchOf(c.Hart).Message))
}

// Begin is an empty message of the caller.
func Begin(c *sched.Ctx, flags abi.MessageFlag) *Message {
	m := current(c)
	kmem.Zero(kmem.Addr(unsafe.Pointer(m)), uint32(unsafe.Sizeof(*m)))
	m.Flags, m.Nonblock, m.Sender = flags, flags&abi.MSG_DONTWAIT != 0, nobody()
	return m
}

// Whole has a message's bytes in one buffer; Rest is what is left of it.
func (m *Message) Whole(b mm.Buf) { m.part, m.Left = b, b.Len }
func (m *Message) Rest() mm.Buf   { return m.part }

// Scatter has them in iovecs of the caller, `total` bytes in all.
func (m *Message) Scatter(vec mm.Iovecs, total uint32) { m.vec, m.Left = vec, total }

// Skip leaves out the first n bytes, which an earlier attempt has moved.
func (m *Message) Skip(c *sched.Ctx, n uint32) {
	for n != 0 && m.Left != 0 {
		b := m.piece(c)
		step := min(n, b.Len)
		b.Addr += uint64(step)
		b.Len -= step
		m.Left -= step
		n -= step
	}
}

// piece is the next part of the bytes that lies in one buffer.
func (m *Message) piece(c *sched.Ctx) *mm.Buf {
	for m.part.Len == 0 && m.next < m.vec.Count {
		v := m.vec.At(m.next)
		m.part = mm.Buf{As: c.As, Addr: v.Base, Len: uint32(v.Len)}
		m.next++
	}
	return &m.part
}

// fromQueue copies n bytes behind the first `skip` of a queue, and leaves them there.
func (m *Message) fromQueue(c *sched.Ctx, q bytequeue.Queue, skip, n uint32) (done uint32, e abi.Errno) {
	for n = min(n, m.Left); done < n && e == abi.OK; {
		var moved uint32
		moved, e = q.CopyOut(c, m.piece(c), skip+done, n-done)
		done += moved
		m.Left -= moved
	}
	return done, e
}

// intoQueue copies n bytes behind the end of a queue.
func (m *Message) intoQueue(c *sched.Ctx, q bytequeue.Queue, n uint32) (done uint32, e abi.Errno) {
	for done < n && e == abi.OK {
		var moved uint32
		b := m.piece(c)
		moved, e = q.CopyIn(c, b, done, min(n-done, b.Len))
		done += moved
		m.Left -= moved
	}
	return done, e
}

// A record is a message in a queue.

// newRecord makes the record of a message that is sent, for its rights and its sender.
func (m *Message) newRecord() abi.Errno {
	if m.record != 0 {
		return abi.OK
	}
	i := kmem.Alloc[abi.SocketMessageRef]()
	if i == 0 {
		return abi.ENOBUFS
	}
	m.record = i
	return abi.OK
}

// describe completes the record: it begins where the queue of its reader ends.
func (m *Message) describe(c *sched.Ctx, s, to *abi.SocketSlot, n uint32) {
	r := kmem.SocketMessage(m.record)
	kmem.WriteBegin(&r.Header)
	r.Start, r.Length = to.State.Queue.Tail, n
	switch claims := r.Sender.Pid != 0; {
	case claims:
	case unix(s) && (s.State.Flags|to.State.Flags)&abi.SocketFlagPassCred != 0:
		r.Sender = realCredentials(c)
	default:
		r.Sender = nobody()
	}
	switch {
	case m.From.Length != 0:
		copyAddress(&r.From, &m.From)
	case s.State.Local.Length != 0:
		copyAddress(&r.From, &s.State.Local)
	}
	if has(to, abi.SocketFlagTimestamp) {
		r.ArrivedNs = sched.RealNs()
	}
	kmem.WriteEnd(&r.Header)
}

// Claim has a message say that it is from somebody (SCM_CREDENTIALS).
func (m *Message) Claim(u abi.SocketCredentials) abi.Errno {
	if e := m.newRecord(); e != abi.OK {
		return e
	}
	r := kmem.SocketMessage(m.record)
	kmem.WriteBegin(&r.Header)
	r.Sender = u
	kmem.WriteEnd(&r.Header)
	return abi.OK
}

// deliver puts the record into a queue, at its end. What is left of a stream's message
// makes the same claim.
func (m *Message) deliver(to *abi.SocketSlot) abi.Errno {
	claimed := kmem.SocketMessage(m.record).Sender
	appendMessage(to, m.record)
	m.record = 0
	if m.Left == 0 || claimed == nobody() {
		return abi.OK
	}
	return m.Claim(claimed)
}

func appendMessage(to *abi.SocketSlot, i abi.SocketMessageRef) {
	if to.Live.MessageTail != 0 {
		kmem.SocketMessage(to.Live.MessageTail).Next = i
	} else {
		to.Live.MessageHead = i
	}
	to.Live.MessageTail = i
	kmem.WriteBegin(&to.Header)
	to.State.Messages++
	kmem.WriteEnd(&to.Header)
}

// Abandon gives up what a message that was not sent would have carried.
func (m *Message) Abandon(c *sched.Ctx) {
	if m.record != 0 {
		bury(m.record)
		m.record = 0
		Reap(c)
	}
}

// Keep passes the message's record to whoever lets the call wait, 0 for none, and
// Resume takes it back.
func (m *Message) Keep() abi.SocketMessageRef {
	i := m.record
	m.record = 0
	return i
}

// Resume goes on with a record that an earlier attempt has kept, Resumed says whether
// there was one: what goes with the message is known then.
func (m *Message) Resume(i abi.SocketMessageRef) { m.record = i }
func (m *Message) Resumed() bool                 { return m.record != 0 }

// takeMessage takes the first message out of a queue, not its bytes.
func takeMessage(s *abi.SocketSlot) abi.SocketMessageRef {
	i := s.Live.MessageHead
	if s.Live.MessageHead = kmem.SocketMessage(i).Next; s.Live.MessageHead == 0 {
		s.Live.MessageTail = 0
	}
	kmem.SocketMessage(i).Next = 0
	kmem.WriteBegin(&s.Header)
	s.State.Messages--
	kmem.WriteEnd(&s.Header)
	return i
}
