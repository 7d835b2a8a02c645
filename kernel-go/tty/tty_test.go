package tty

import (
	"bytes"
	"strings"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// pair boots a machine with one pair whose slave is open, and a context that
// acts for a host.
func pair(t testing.TB) (*sched.Ctx, abi.TtyRef) {
	t.Helper()
	kmemtest.New(t, 64)
	if e := mm.Init(); e != abi.OK {
		t.Fatal(e)
	}
	if e := vfs.Init(); e != abi.OK {
		t.Fatal(e)
	}
	kmem.Reclaim, pagecache.Zap = mm.Reclaim, mm.ZapInode
	mm.InodeHold, mm.InodeDrop, mm.DentryHold, mm.DentryDrop = vfs.HoldOpen, vfs.DropOpen, vfs.Hold, vfs.Put
	sched.SendAsync, sched.Drain = func() {}, func() {}
	c := sched.For(0)
	d, e := vfs.Mkdir(c, vfs.PathAt{Dir: kmem.Header().RootDentry, Span: c.InPath(uint32(copy(kmem.Bytes(c.Path, 4), "/pts")))}, 0o755)
	if e == abi.OK {
		e = InitDevpts(d)
	}
	if e != abi.OK {
		t.Fatal(e)
	}
	Signals.Group = func(*sched.Ctx, uint32, abi.Signal) {}
	i, e := New(c)
	if e != abi.OK {
		t.Fatal(e)
	}
	Lock(i, false)
	if e := OpenSlave(c, i); e != abi.OK {
		t.Fatal(e)
	}
	return c, i
}

func input(c *sched.Ctx, i abi.TtyRef, s []byte) (uint32, abi.Errno) {
	copy(kmem.Bytes(c.Vec, uint32(len(s))), s)
	return WriteMaster(c, i, Transfer{Buf: &mm.Buf{Addr: uint64(c.Vec), Len: uint32(len(s))}, Nonblock: true})
}

func shown(c *sched.Ctx, i abi.TtyRef, max uint32) (string, abi.Errno) {
	n, e := ReadMaster(c, i, Transfer{Buf: &mm.Buf{Addr: uint64(c.Vec), Len: max}, Nonblock: true})
	return string(kmem.Bytes(c.Vec, n)), e
}

func typed(c *sched.Ctx, i abi.TtyRef, max uint32) (string, abi.Errno) {
	n, e := ReadSlave(c, i, Transfer{Buf: &mm.Buf{Addr: uint64(c.Vec), Len: max}, Nonblock: true})
	return string(kmem.Bytes(c.Vec, n)), e
}

func TestPairComesAndGoes(t *testing.T) {
	c, i := pair(t)
	frames := kmem.FreeFrames()
	other, e := New(c)
	if e != abi.OK || IndexOf(other) != 1 {
		t.Fatalf("the second pair is %d, %v", IndexOf(other), e)
	}
	if e := OpenSlave(c, other); e != abi.EIO {
		t.Errorf("a locked slave: %v", e)
	}
	CloseMaster(c, other)
	if now := kmem.FreeFrames(); now != frames {
		t.Errorf("%d frames lost", frames-now)
	}
	CloseSlave(i)
	if _, e := shown(c, i, 10); e != abi.EIO {
		t.Errorf("the master reads %v after the last slave", e)
	}
	CloseMaster(c, i)
	if n := kmem.Table(abi.SlotKindTty).InUse.Load(); n != 0 {
		t.Errorf("%d pairs stay", n)
	}
}

// Echoes that do not come out are bounded, and typing goes on.
func TestEchoesAreBounded(t *testing.T) {
	c, i := pair(t)
	s := &kmem.Tty(i).State
	if n, e := input(c, i, []byte("a\x13")); n != 2 || e != abi.OK {
		t.Fatal(n, e)
	}
	for range 4000 {
		if n, e := input(c, i, []byte("b\x7f")); n != 2 || e != abi.OK {
			t.Fatal(n, e)
		}
	}
	if n := s.EchoTail - s.EchoHead; n != echoes {
		t.Errorf("%d echoes wait", n)
	}
	if n, e := input(c, i, []byte("\x11\n")); n != 2 || e != abi.OK {
		t.Fatal(n, e)
	}
	if line, e := typed(c, i, 100); line != "a\n" || e != abi.OK {
		t.Errorf("the line is %q, %v", line, e)
	}
}

// What is typed into a line that is full, and becomes several bytes, costs the line
// its last ones, never the ring its bounds.
func TestFullLineWithMarks(t *testing.T) {
	c, i := pair(t)
	s := &kmem.Tty(i).State
	s.Termios.Iflag |= abi.PARMRK
	s.Termios.Lflag &^= abi.ECHO | abi.IEXTEN
	if n, e := input(c, i, bytes.Repeat([]byte("a"), 4095)); n != 4095 || e != abi.OK {
		t.Fatal(n, e)
	}
	for range 16 {
		if n, e := input(c, i, []byte{0xff}); n != 1 || e != abi.OK || s.InTail-s.InHead > inputBytes {
			t.Fatal(n, e, s.InTail-s.InHead)
		}
	}
	if n, e := input(c, i, []byte("\n")); n != 1 || e != abi.OK {
		t.Fatal(n, e)
	}
	line, e := typed(c, i, inputBytes)
	if e != abi.OK || uint32(len(line)) != inputBytes || !strings.HasSuffix(line, "a\n") {
		t.Errorf("a line of %d bytes, %v", len(line), e)
	}
}

// Whatever is typed, written and set: counters keep to their rings, nothing
// traps, and canonical mode always takes the end of a line.
func FuzzLineDiscipline(f *testing.F) {
	f.Add([]byte("ab\x7f\x15\x17\x16\x03\x04\x12\t\n\r\xff\xc3\xa4"), uint32(0x4502), uint32(5), uint32(0x8a3b))
	f.Add([]byte("\x13a\x11\x00\n"), uint32(0xffffffff), uint32(0xffffffff), uint32(0xffffffff))
	f.Add([]byte("\t\t\x7f\x7f"), uint32(8), uint32(0x1801), uint32(0xc3b))
	f.Fuzz(func(t *testing.T, data []byte, in, out, local uint32) {
		if len(data) > 1<<13 {
			data = data[:1<<13]
		}
		c, i := pair(t)
		tt := kmem.Tty(i)
		s := &tt.State
		m := TermiosOf(i)
		m.Iflag, m.Oflag, m.Lflag = abi.TermIflag(in), abi.TermOflag(out), abi.TermLflag(local)
		for k := range min(len(data), 19) {
			if data[k]&0xc0 == 0xc0 {
				m.Cc[k] = data[k] & 0x3f
			}
		}
		for k := 0; len(data) != 0; k++ {
			n := min(len(data), 1+int(data[0]))
			part := data[:n]
			data = data[n:]
			switch k % 5 {
			case 1:
				changed := m
				changed.Lflag ^= abi.TermLflag(part[0]) << (k % 9)
				if e := SetTermios(c, i, &changed, part[0]&1 != 0); e != abi.OK {
					t.Fatal(e)
				}
			case 2:
				if text, e := typed(c, i, uint32(n)); len(text) > n || e != abi.OK && e != abi.EAGAIN {
					t.Fatal(len(text), e)
				}
			case 3:
				copy(kmem.Bytes(c.Vec, uint32(n)), part)
				if w, e := WriteSlave(c, i, Transfer{Buf: &mm.Buf{Addr: uint64(c.Vec), Len: uint32(n)}, Nonblock: true}); w > uint32(n) || e != abi.OK && e != abi.EAGAIN {
					t.Fatal(w, e)
				}
			}
			if w, e := input(c, i, part); w > uint32(n) || e != abi.OK && e != abi.EAGAIN {
				t.Fatal(w, e)
			}
			if s.InTail-s.InHead > inputBytes || s.InCanon-s.InHead > s.InTail-s.InHead || s.PendingTail-s.PendingHead > pendingBytes ||
				s.OutTail-s.OutHead > outputBytes || s.EchoTail-s.EchoHead > echoes {
				t.Fatalf("rings: %+v", *s)
			}
			if k%7 == 6 {
				_, _ = shown(c, i, 8192)
			}
		}
	})
}
