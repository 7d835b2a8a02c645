package sock

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// asker is a machine with a socket of netlink, of a process that is root or is not.
func asker(t testing.TB, root bool) (*sched.Ctx, abi.SocketRef) {
	t.Helper()
	kmemtest.New(t, 64)
	if e := mm.Init(); e != abi.OK {
		t.Fatal(e)
	}
	sched.Notify = func(abi.EpollItemRef, abi.PollEvent, bool) bool { return false }
	c := sched.For(0)
	c.Process = kmem.Alloc[abi.ProcessRef]()
	p := kmem.Process(c.Process)
	kmem.WriteBegin(&p.Header)
	if p.State.Pid = 100; root {
		p.State.CapEffective = ^uint64(0)
	}
	kmem.WriteEnd(&p.Header)
	k := Kind{Family: abi.AF_NETLINK, Type: abi.SOCK_RAW}
	if e := Check(&k); e != abi.OK {
		t.Fatal(e)
	}
	i, e := New(k)
	if e != abi.OK {
		t.Fatal(e)
	}
	return c, i
}

// message is one request.
func message(kind abi.NetlinkType, flags abi.NetlinkFlag, payload ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, headerBytes+uint32(len(payload)))
	b = binary.LittleEndian.AppendUint16(b, uint16(kind))
	b = binary.LittleEndian.AppendUint16(b, uint16(flags))
	b = binary.LittleEndian.AppendUint32(b, 77)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(b, payload...)
}

func link(index uint32, rest ...byte) []byte {
	b := make([]byte, abi.IfinfomsgSize)
	binary.LittleEndian.PutUint32(b[4:], index)
	return append(b, rest...)
}

func join2(parts ...[]byte) (all []byte) {
	for _, b := range parts {
		all = append(all, b...)
		all = append(all, make([]byte, -len(b)&3)...)
	}
	return all
}

// ask sends a datagram: what lies behind it in the page is a request that must not be seen.
func ask(t testing.TB, c *sched.Ctx, i abi.SocketRef, b []byte) (uint32, abi.Errno) {
	t.Helper()
	trap := message(abi.RTM_GETLINK, abi.NLM_F_REQUEST|abi.NLM_F_DUMP, 0)
	for at := uint32(0); at+uint32(len(trap)) <= kmem.PageSize; at += 4 {
		copy(kmem.Bytes(c.Path+at, uint32(len(trap))), trap)
	}
	copy(kmem.Bytes(c.Vec, kmem.VecBytes), b)
	m := Begin(c, 0)
	m.Whole(mm.Buf{Addr: uint64(c.Vec), Len: uint32(len(b))})
	n, e := Send(c, i, m)
	m.Abandon(c)
	return n, e
}

// answers are the messages that wait, of which each is as long as it says.
func answers(t testing.TB, c *sched.Ctx, i abi.SocketRef) (got [][]byte) {
	t.Helper()
	for {
		m := Begin(c, abi.MSG_DONTWAIT)
		m.Whole(mm.Buf{Addr: uint64(c.Vec), Len: kmem.VecBytes})
		n, e := Receive(c, i, m)
		if e == abi.EAGAIN || e == abi.ENOBUFS {
			return got
		}
		if e != abi.OK {
			t.Fatal(e)
		}
		if m.Name.Length != netlinkBytes || NetlinkPid(&m.Name) != 0 {
			t.Fatal("an answer that is not the kernel's")
		}
		b := append([]byte(nil), kmem.Bytes(c.Vec, n)...)
		for len(b) != 0 {
			if len(b) < headerBytes {
				t.Fatalf("%d bytes of a header", len(b))
			}
			length := int(binary.LittleEndian.Uint32(b))
			if length < headerBytes || length > len(b) {
				t.Fatalf("a message of %d bytes in %d", length, len(b))
			}
			if pid := binary.LittleEndian.Uint32(b[12:]); pid != NetlinkPid(&kmem.Socket(i).State.Local) {
				t.Fatalf("an answer to %d", pid)
			}
			got = append(got, b[:length])
			b = b[min((length+3)&^3, len(b)):]
		}
	}
}

const (
	request = abi.NLM_F_REQUEST
	dump    = abi.NLM_F_REQUEST | abi.NLM_F_DUMP
)

func typeOf(b []byte) abi.NetlinkType { return abi.NetlinkType(binary.LittleEndian.Uint16(b[4:])) }
func errorOf(b []byte) abi.Errno {
	if typeOf(b) != abi.NLMSG_ERROR {
		return abi.OK
	}
	return abi.Errno(-int32(binary.LittleEndian.Uint32(b[16:])))
}

// lying is a request that says another length.
func lying(length uint32) []byte {
	b := message(abi.RTM_GETLINK, dump, 0)
	binary.LittleEndian.PutUint32(b, length)
	return b
}

func TestNetlinkRequests(t *testing.T) {
	const newLink, newAddr, isDone, isError = abi.RTM_NEWLINK, abi.RTM_NEWADDR, abi.NLMSG_DONE, abi.NLMSG_ERROR
	for _, x := range []struct {
		name string
		ask  []byte
		want []abi.NetlinkType
		e    abi.Errno // of the last
	}{
		{"links", message(abi.RTM_GETLINK, dump, 0), []abi.NetlinkType{newLink, isDone}, abi.OK},
		{"links, one bit of the flag", message(abi.RTM_GETLINK, request|0x100, 0), []abi.NetlinkType{newLink, isDone}, abi.OK},
		{"addresses", message(abi.RTM_GETADDR, dump, 0), []abi.NetlinkType{newAddr, newAddr, isDone}, abi.OK},
		{"addresses of IPv4", message(abi.RTM_GETADDR, dump, 2), []abi.NetlinkType{newAddr, isDone}, abi.OK},
		{"addresses of IPv6", message(abi.RTM_GETADDR, dump, 10), []abi.NetlinkType{newAddr, isDone}, abi.OK},
		{"addresses of another family", message(abi.RTM_GETADDR, dump, 255), []abi.NetlinkType{newAddr, newAddr, isDone}, abi.OK},
		{"routes", message(abi.RTM_GETROUTE, dump, 0), []abi.NetlinkType{isDone}, abi.OK},
		{"all that is listed", message(abi.RTM_MAX-1, dump, 0), []abi.NetlinkType{isDone}, abi.OK},
		{"beyond", message(abi.RTM_MAX+3, dump, 0), []abi.NetlinkType{isError}, abi.EOPNOTSUPP},
		{"no family", message(abi.RTM_GETLINK, dump), nil, abi.OK},
		{"no request", message(abi.RTM_GETLINK, abi.NLM_F_DUMP, 0), nil, abi.OK},
		{"control", message(abi.NLMSG_NOOP, request, 0), nil, abi.OK},
		{"control, acknowledged", message(abi.NLMSG_DONE, request|abi.NLM_F_ACK, 0), []abi.NetlinkType{isError}, abi.OK},
		{"a link", message(abi.RTM_GETLINK, request, link(1)...), []abi.NetlinkType{newLink}, abi.OK},
		{"a link, acknowledged", message(abi.RTM_GETLINK, request|abi.NLM_F_ACK, link(1)...), []abi.NetlinkType{newLink, isError}, abi.OK},
		{"another link", message(abi.RTM_GETLINK, request, link(2)...), []abi.NetlinkType{isError}, abi.ENODEV},
		{"a negative link", message(abi.RTM_GETLINK, request, link(^uint32(0))...), []abi.NetlinkType{isError}, abi.ENODEV},
		{"a link that is cut", message(abi.RTM_GETLINK, request, link(1)[:15]...), []abi.NetlinkType{isError}, abi.EINVAL},
		{"a link, one byte", message(abi.RTM_GETLINK, request, 0), []abi.NetlinkType{isError}, abi.EINVAL},
		{"by name", message(abi.RTM_GETLINK, request, link(0, 7, 0, 3, 0, 'l', 'o', 0, 0)...), []abi.NetlinkType{newLink}, abi.OK},
		{"by name without an end", message(abi.RTM_GETLINK, request, link(0, 6, 0, 3, 0, 'l', 'o')...), []abi.NetlinkType{newLink}, abi.OK},
		{"by half a name", message(abi.RTM_GETLINK, request, link(0, 5, 0, 3, 0, 'l', 'o', 0, 0)...), []abi.NetlinkType{isError}, abi.ENODEV},
		{"by no name", message(abi.RTM_GETLINK, request, link(0, 4, 0, 3, 0)...), []abi.NetlinkType{isError}, abi.ENODEV},
		{"by a longer name", message(abi.RTM_GETLINK, request, link(0, 8, 0, 3, 0, 'l', 'o', '1', 0)...), []abi.NetlinkType{isError}, abi.ENODEV},
		{"second attribute", message(abi.RTM_GETLINK, request, link(0, 5, 0, 29, 0, 1, 0, 0, 0, 7, 0, 53, 0, 'l', 'o', 0, 0)...), []abi.NetlinkType{newLink}, abi.OK},
		{"attribute of nothing", message(abi.RTM_GETLINK, request, link(0, 0, 0, 3, 0, 'l', 'o', 0, 0)...), []abi.NetlinkType{isError}, abi.EINVAL},
		{"attribute too short", message(abi.RTM_GETLINK, request, link(0, 3, 0, 3, 0)...), []abi.NetlinkType{isError}, abi.EINVAL},
		{"attribute too long", message(abi.RTM_GETLINK, request, link(0, 9, 0, 3, 0, 'l', 'o', 0, 0)...), []abi.NetlinkType{isError}, abi.EINVAL},
		{"attribute far too long", message(abi.RTM_GETLINK, request, link(0, 255, 255, 3, 0, 'l', 'o', 0, 0)...), []abi.NetlinkType{isError}, abi.EINVAL},
		{"attribute that is cut", message(abi.RTM_GETLINK, request, link(0, 7, 0, 3)...), []abi.NetlinkType{isError}, abi.EINVAL},
		{"a change", message(abi.RTM_NEWADDR, request, 2, 8, 0, 0), []abi.NetlinkType{isError}, abi.EPERM},
		{"two", join2(message(abi.NLMSG_NOOP, request|abi.NLM_F_ACK, 1), message(abi.RTM_GETLINK, dump, 0)), []abi.NetlinkType{isError, newLink, isDone}, abi.OK},
		{"one and half", join2(message(abi.RTM_GETADDR, dump, 2), message(abi.RTM_GETLINK, dump, 0)[:12]), []abi.NetlinkType{newAddr, isDone}, abi.OK},
		{"half a header", message(abi.RTM_GETLINK, dump, 0)[:15], nil, abi.OK},
		{"one byte", []byte{20}, nil, abi.OK},
		{"length 0", lying(0), nil, abi.OK},
		{"length 15", lying(15), nil, abi.OK},
		{"one more", lying(18), nil, abi.OK},
		{"a page", lying(4096), nil, abi.OK},
		{"as far as sums wrap", lying(^uint32(0)), nil, abi.OK},
		{"almost", lying(^uint32(2)), nil, abi.OK},
		{"the sign", lying(1 << 31), nil, abi.OK},
		{"large, refused", message(abi.RTM_MAX+1, request, make([]byte, 4000)...), []abi.NetlinkType{isError}, abi.EOPNOTSUPP},
	} {
		c, i := asker(t, false)
		n, e := ask(t, c, i, x.ask)
		if e != abi.OK || int(n) != len(x.ask) {
			t.Fatalf("%s: %d, %v", x.name, n, e)
		}
		got := answers(t, c, i)
		if len(got) != len(x.want) {
			t.Fatalf("%s: %d answers, want %d", x.name, len(got), len(x.want))
		}
		for k := range got {
			if typeOf(got[k]) != x.want[k] {
				t.Errorf("%s: answer %d is %v, want %v", x.name, k, typeOf(got[k]), x.want[k])
			}
		}
		if len(got) != 0 && errorOf(got[len(got)-1]) != x.e {
			t.Errorf("%s: %v, want %v", x.name, errorOf(got[len(got)-1]), x.e)
		}
		kmem.Unlock()
	}
}

func TestNetlinkSend(t *testing.T) {
	c, i := asker(t, false)
	defer kmem.Unlock()
	if _, e := ask(t, c, i, nil); e != abi.ENODATA {
		t.Errorf("nothing: %v", e)
	}
	if _, e := ask(t, c, i, make([]byte, kmem.PageSize+1)); e != abi.EMSGSIZE {
		t.Errorf("more than a page: %v", e)
	}
	// A page of requests: each is answered, or the queue is full, and that is told once.
	var many []byte
	for range 120 {
		many = append(many, join2(message(abi.RTM_GETLINK, dump, 0))...)
	}
	many = many[:min(len(many), int(kmem.PageSize))]
	for range 8 {
		if n, e := ask(t, c, i, many); e != abi.OK || int(n) != len(many) {
			t.Fatal(n, e)
		}
	}
	s := kmem.Socket(i)
	if s.State.Error != abi.ENOBUFS || queueOf(s).Bytes()+s.State.Messages*udpOverhead > s.State.ReceiveBuffer {
		t.Errorf("%v with %d bytes in %d messages", s.State.Error, queueOf(s).Bytes(), s.State.Messages)
	}
	TakeError(i)
	if got := answers(t, c, i); len(got) < 100 {
		t.Errorf("%d answers", len(got))
	}
	if s.State.Messages != 0 || queueOf(s).Bytes() != 0 {
		t.Error("something is left")
	}
	free := kmem.Table(abi.SlotKindSocketMessage).InUse.Load()
	Release(c, i)
	if kmem.Table(abi.SlotKindSocketMessage).InUse.Load() != free || free != 0 {
		t.Error("records are left")
	}
}

// Random datagrams that look like requests: each is taken, and answers are sound.
func TestNetlinkRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, root := range []bool{false, true} {
		c, i := asker(t, root)
		for range 20000 {
			var b []byte
			for range 1 + r.IntN(4) {
				x := message(abi.NetlinkType(r.IntN(130)), abi.NetlinkFlag(r.IntN(0x400)), make([]byte, r.IntN(60))...)
				for range r.IntN(8) {
					x[r.IntN(len(x))] = byte(r.IntN(64))
				}
				b = append(b, x...)
				b = append(b, make([]byte, r.IntN(5))...)
			}
			b = b[:1+r.IntN(len(b))]
			if n, e := ask(t, c, i, b); e != abi.OK || int(n) != len(b) {
				t.Fatalf("%x: %d, %v", b, n, e)
			}
			TakeError(i)
			answers(t, c, i)
		}
		kmem.Unlock()
	}
}

func TestNetlinkNames(t *testing.T) {
	c, i := asker(t, false)
	defer kmem.Unlock()
	if e := Check(&Kind{Family: abi.AF_NETLINK, Type: abi.SOCK_RAW, Protocol: 15}); e != abi.EPROTONOSUPPORT {
		t.Errorf("another family: %v", e)
	}
	autonetlink(c, i)
	other, _ := New(Kind{Family: abi.AF_NETLINK, Type: abi.SOCK_RAW})
	autonetlink(c, other)
	a, b := NetlinkPid(&kmem.Socket(i).State.Local), NetlinkPid(&kmem.Socket(other).State.Local)
	if a != 100 || b == a || int32(b) >= 0 {
		t.Errorf("numbers %d and %d", a, int32(b))
	}
	Release(c, i)
	third, _ := New(Kind{Family: abi.AF_NETLINK, Type: abi.SOCK_RAW})
	if autonetlink(c, third); NetlinkPid(&kmem.Socket(third).State.Local) != 100 {
		t.Error("a number that is free again")
	}
}
