package file

import (
	"bytes"
	"math/rand"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
)

// sent is a message of the model: of a stream, bytes that carry what `rights` says.
type sent struct {
	bytes  []byte
	rights []int
}

// end is one end of a pair as the model has it: what it has yet to read, and which of
// the pairs' ends wait in that.
type end struct {
	ofd   abi.OfdRef
	queue []sent
	// closed: no descriptor is left. It lives on as long as a message that can be
	// reached carries it.
	closed bool
}

type world struct {
	t    *testing.T
	c    *sched.Ctx
	rng  *rand.Rand
	ends []end
	kind abi.SocketType
}

func (w *world) pair(kind abi.SocketType) {
	k := sock.Kind{Family: abi.AF_UNIX, Type: kind}
	a, _ := sock.New(k)
	b, e := sock.New(k)
	if e != abi.OK {
		w.t.Fatal(e)
	}
	sock.Pair(w.c, a, b)
	for _, i := range []abi.SocketRef{a, b} {
		ofd, e := NewSocket(w.c, i, abi.O_NONBLOCK)
		if e != abi.OK {
			w.t.Fatal(e)
		}
		w.ends = append(w.ends, end{ofd: ofd})
	}
}

// alive says which ends can be reached: those with a descriptor, and what waits in such.
func (w *world) alive() []bool {
	seen := make([]bool, len(w.ends))
	var reach func(k int)
	reach = func(k int) {
		if seen[k] {
			return
		}
		seen[k] = true
		for _, m := range w.ends[k].queue {
			for _, r := range m.rights {
				reach(r)
			}
		}
	}
	for k := range w.ends {
		if !w.ends[k].closed {
			reach(k)
		}
	}
	return seen
}

// settle drops what nobody can reach any more: it is closed, and so is what was in it.
func (w *world) settle() {
	for k, ok := range w.alive() {
		if !ok {
			w.ends[k].queue = nil
		}
	}
}

func (w *world) send(k int, rights []int) {
	n := w.rng.Intn(3000) + 1
	if w.rng.Intn(8) == 0 {
		n = w.rng.Intn(20000) + 1
	}
	block := make([]byte, n)
	w.rng.Read(block)
	copy(kmem.Bytes(w.c.Vec, uint32(n)), block)
	m := sock.Begin(w.c, abi.MSG_DONTWAIT)
	m.Whole(mm.Buf{Addr: uint64(w.c.Vec), Len: uint32(n)})
	for _, r := range rights {
		if e := m.AddRight(w.c, w.ends[r].ofd); e != abi.OK {
			w.t.Fatal(e)
		}
	}
	done, e := sock.Send(w.c, kmem.SocketOf(kmem.Ofd(w.ends[k].ofd)), m)
	m.Abandon(w.c)
	peer := k ^ 1
	gone := !w.alive()[peer]
	switch {
	case gone && done == 0 && (e == abi.EPIPE || e == abi.ECONNREFUSED || e == abi.ENOTCONN || e == abi.ECONNRESET):
	case gone:
		w.t.Fatalf("sent %d to who has gone: %v", done, e)
	case done == 0 && e == abi.EAGAIN:
		if len(w.ends[peer].queue) == 0 {
			w.t.Fatal("no room in an empty queue")
		}
	case done == uint32(n) || w.kind == abi.SOCK_STREAM && done != 0 && e == abi.EAGAIN:
		w.ends[peer].queue = append(w.ends[peer].queue, sent{block[:done], rights})
	default:
		w.t.Fatalf("sent %d of %d: %v", done, n, e)
	}
	w.settle()
}

// want is what a read of n bytes gets, and what is left then.
func (w *world) want(k, n int) (got []byte, rights []int, left []sent) {
	left = w.ends[k].queue
	if w.kind != abi.SOCK_STREAM {
		return left[0].bytes[:min(n, len(left[0].bytes))], left[0].rights, left[1:]
	}
	for n > 0 && len(left) > 0 {
		m := left[0]
		part := min(n, len(m.bytes))
		got = append(got, m.bytes[:part]...)
		n -= part
		if part == len(m.bytes) {
			left = left[1:]
		} else {
			left = append([]sent{{m.bytes[part:], nil}}, left[1:]...)
		}
		if len(m.rights) != 0 {
			return got, m.rights, left
		}
	}
	return got, nil, left
}

func (w *world) receive(k int, peek bool) {
	n := w.rng.Intn(6000) + 1
	flags := abi.MSG_DONTWAIT
	if peek {
		flags |= abi.MSG_PEEK
	}
	m := sock.Begin(w.c, flags)
	m.Whole(mm.Buf{Addr: uint64(w.c.Path), Len: min(uint32(n), kmem.PageSize)})
	n = min(n, int(kmem.PageSize))
	done, e := sock.Receive(w.c, kmem.SocketOf(kmem.Ofd(w.ends[k].ofd)), m)
	if len(w.ends[k].queue) == 0 {
		if done != 0 || m.Rights != 0 {
			w.t.Fatalf("%d bytes and %d rights of nothing", done, m.Rights)
		}
		return // the end, an error or EAGAIN
	}
	if e == abi.ECONNRESET && w.kind == abi.SOCK_SEQPACKET && done == 0 {
		return // of messages, an error comes before what waits
	}
	got, rights, left := w.want(k, n)
	if e != abi.OK || int(done) != len(got) || !bytes.Equal(kmem.Bytes(w.c.Path, done), got) {
		w.t.Fatalf("received %d of %d bytes: %v", done, len(got), e)
	}
	if int(m.Rights) != len(rights) {
		w.t.Fatalf("%d rights for %d", m.Rights, len(rights))
	}
	for i, r := range rights {
		if m.RightAt(w.c, uint32(i)) != w.ends[r].ofd {
			w.t.Fatal("another's description")
		}
	}
	if !peek {
		w.ends[k].queue = left
		// Whoever was closed and comes out of a message is open again.
		for i, r := range rights {
			if w.ends[r].closed && w.rng.Intn(2) == 0 {
				Hold(m.RightAt(w.c, uint32(i)))
				w.ends[r].closed = false
			}
		}
	}
	m.DropRights(w.c)
	w.settle()
}

// Random messages between pairs, which carry ends of these and of other pairs, against
// a model: bytes, borders and rights are those that were sent, what nobody can reach is
// closed, in cycles or not, and at the end nothing is left.
func TestSocketModel(t *testing.T) {
	for _, kind := range []abi.SocketType{abi.SOCK_STREAM, abi.SOCK_DGRAM, abi.SOCK_SEQPACKET} {
		for seed := range int64(30) {
			c := machine(t)
			free, ofds := kmem.FreeFrames(), kmem.Table(abi.SlotKindOfd).InUse.Load()
			w := &world{t: t, c: c, rng: rand.New(rand.NewSource(seed)), kind: kind}
			for range 4 {
				w.pair(kind)
			}
			for range 400 {
				k := w.rng.Intn(len(w.ends))
				if w.ends[k].closed {
					continue
				}
				switch w.rng.Intn(12) {
				case 0, 1, 2, 3:
					w.send(k, nil)
				case 4, 5:
					rights := []int{}
					for range w.rng.Intn(6) + 1 {
						if r := w.rng.Intn(len(w.ends)); !w.ends[r].closed {
							rights = append(rights, r)
						}
					}
					w.send(k, rights)
				case 6, 7, 8, 9:
					w.receive(k, false)
				case 10:
					w.receive(k, true)
				case 11:
					w.ends[k].closed = true
					Put(c, w.ends[k].ofd)
					w.settle()
					if w.rng.Intn(3) == 0 && len(w.ends) < 24 {
						w.pair(kind)
					}
				}
				live := uint32(0)
				for _, ok := range w.alive() {
					if ok {
						live++
					}
				}
				if now := kmem.Table(abi.SlotKindSocket).InUse.Load(); now != live {
					t.Fatalf("type %d, seed %d: %d sockets for %d that can be reached", kind, seed, now, live)
				}
			}
			for k := range w.ends {
				if !w.ends[k].closed {
					Put(c, w.ends[k].ofd)
				}
			}
			for _, kind := range []abi.SlotKind{abi.SlotKindSocket, abi.SlotKindSocketMessage} {
				if n := kmem.Table(kind).InUse.Load(); n != 0 {
					t.Fatalf("seed %d: %d slots of kind %d are left", seed, n, kind)
				}
			}
			if now := kmem.Table(abi.SlotKindOfd).InUse.Load(); now != ofds || kmem.FreeFrames() != free {
				t.Fatalf("seed %d: %d descriptions for %d, %d frames for %d", seed, now, ofds, kmem.FreeFrames(), free)
			}
		}
	}
}
