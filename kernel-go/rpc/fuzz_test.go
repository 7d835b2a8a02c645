package rpc_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/boot"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
)

const mappedMiB = 40

var mappedMemory = sync.OnceValue(func() []byte {
	mem, err := syscall.Mmap(-1, 0, mappedMiB<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	return mem
})

// mapped boots a whole machine and gives its client 0, as machine does, thirty
// times as fast: the same mapping, with the pages that the last one touched
// given back. The race detector does not see it, which one target needs.
func mapped(t testing.TB) *client {
	t.Helper()
	mem := mappedMemory()
	if err := syscall.Madvise(mem, syscall.MADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	kmem.UseRegion(mem)
	host.Native.Log = func(abi.LogLevel, []byte) {}
	if e := boot.Boot(kmem.Config{MemoryMaxPages: mappedMiB << 4, Harts: 1, Clients: 2}); e != abi.OK {
		t.Fatalf("boot: %v", e)
	}
	return &client{t: t, slot: kmem.Client(0)}
}

// seeds hands out arenas and entries that mean something.
func seeds(add func(arena, stream []byte)) {
	entry := func(opcode abi.Opcode, body ...byte) []byte {
		e := make([]byte, entryBytes)
		binary.LittleEndian.PutUint16(e, uint16(opcode))
		copy(e[8:], body)
		return e
	}
	path := span(0, 5)
	add([]byte("/tmp/xhello"), append(entry(abi.OpcodeMkdir, append(path, 0xed, 1, 0, 0, 1)...), entry(abi.OpcodeReaddir, append(path, span(64, 4096)...)...)...))
	add([]byte("/tmp/xhello"), append(entry(abi.OpcodeWriteFile, append(append(span(0, 6), span(6, 5)...), 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0, 0, 0, 0xa4, 1)...),
		entry(abi.OpcodeReadFile, append(span(0, 6), span(64, 4096)...)...)...))
	add([]byte("/proc/meminfo"), entry(abi.OpcodeReadFile, append(span(0, 13), span(64, 4096)...)...))
	add([]byte("/bin/x\x00x\x00"), entry(abi.OpcodeRegisterProcess, append(append(span(0, 6), span(7, 2)...), 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1)...))
	for _, name := range []string{"/proc/self", "/proc/1/fd", "/proc", "/dev/pts/0", "/dev/ptmx", "/sys/x", "/"} {
		for kind := abi.FileRecordKindFile; kind <= abi.FileRecordKindWhiteout; kind++ {
			r := make([]byte, abi.FileRecordSize)
			rec := (*abi.FileRecord)(unsafe.Pointer(&r[0]))
			*rec = abi.FileRecord{Kind: kind, Mode: 0o644, PathLength: uint32(len(name)), DataLength: 8}
			r = append(append(r, name...), make([]byte, -len(name)&7)...)
			r = append(r, "contents"...)
			records := span(0, uint32(len(r)))
			add(r, append(entry(abi.OpcodeWriteFiles, append(records, 1)...), entry(abi.OpcodeApplyFileLayer, append(append(records, span(0, 0)...), 1)...)...))
		}
	}
	for op := abi.OpcodeNoop; op <= 40; op++ {
		add([]byte("/a/b"), entry(op, span(1, 1)...))
	}
}

// FuzzEntries gives the kernel entries and an arena with any contents: opcodes,
// spans, lengths, handles. Nothing breaks, nobody is answered twice, and the
// machine goes on serving.
func FuzzEntries(f *testing.F) {
	seeds(func(arena, stream []byte) { f.Add(arena, stream) })
	f.Fuzz(func(t *testing.T, arena, stream []byte) {
		c := mapped(t)
		copy(kmem.Bytes(c.slot.ArenaBase, c.slot.ArenaBytes), arena)
		sent := map[uint32]bool{}
		answered := map[uint32]bool{}
		collect := func() {
			for {
				r, ok := c.take()
				if !ok {
					return
				}
				if r.Header.Opcode != abi.OpcodeReply {
					continue
				}
				if !sent[r.Header.RequestId] || answered[r.Header.RequestId] {
					t.Fatalf("reply to %d, which was not asked or has been answered", r.Header.RequestId)
				}
				answered[r.Header.RequestId] = true
			}
		}
		id := uint32(0)
		for ; len(stream) != 0 && id < 64; id++ {
			e := make([]byte, entryBytes)
			stream = stream[copy(e, stream):]
			sent[id+1] = true
			if abi.Opcode(binary.LittleEndian.Uint16(e)) == abi.OpcodeDetachClient {
				binary.LittleEndian.PutUint32(e[8:], 1) // client 0 does not leave
			}
			c.put(abi.Opcode(binary.LittleEndian.Uint16(e)), id+1, e[8:]...)
			c.service()
			collect()
		}
		for i := range id {
			sent[1000+i] = true
			c.put(abi.OpcodeCancel, 1000+i, span(i+1, 0)...)
			c.service()
			collect()
		}
		for i := range id {
			if !answered[i+1] {
				t.Fatalf("request %d was never answered", i+1)
			}
		}
		if c.slot.InFlight != 0 {
			t.Fatalf("%d requests in flight when all are answered", c.slot.InFlight)
		}
		sent[5000] = true
		c.put(abi.OpcodeNoop, 5000)
		c.service()
		collect()
		if !answered[5000] {
			t.Fatal("the machine serves no more")
		}
	})
}

// rewrite is one place that a hostile client goes on changing, as the fuzzer's
// bytes say: [where, which, offset lo, offset hi, value…].
type rewrite struct {
	at            *uint32
	value, former uint32
}

const rewriteBytes = 8

func rewrites(s *abi.ClientSlot, script []byte) []rewrite {
	var list []rewrite
	for ; len(script) >= rewriteBytes && len(list) < 64; script = script[rewriteBytes:] {
		offset := uint32(binary.LittleEndian.Uint16(script[2:])) * 4
		r := rewrite{value: binary.LittleEndian.Uint32(script[4:])}
		switch script[0] % 4 {
		case 0:
			r.at = word(s.SubmissionBase + offset%(ringEntries*entryBytes))
		case 1:
			r.at = word(s.ArenaBase + offset%s.ArenaBytes)
		case 2:
			// The first requests, which every input has.
			r.at = word(s.SubmissionBase + offset%(4*entryBytes))
		case 3:
			r.at = [...]*uint32{word(kmem.Addr(unsafe.Pointer(&s.SubmissionTail))), word(kmem.Addr(unsafe.Pointer(&s.CompletionHead))),
				word(kmem.Addr(unsafe.Pointer(&s.ClientSleeping)))}[script[1]%3]
		}
		r.former = *r.at
		list = append(list, r)
	}
	return list
}

func word(addr uint32) *uint32 { return (*uint32)(kmem.Ptr(addr)) }

// hostileWriter goes on changing what the list says until it is told to end.
// With the build tag rewrite it does so whenever the kernel is about to read
// the client's memory, the same way each time; without it, from another
// thread, which also meets what the kernel reads twice through one pointer, when
// it is lucky.
func hostileWriter(s *abi.ClientSlot, list []rewrite) (end func()) {
	if kmem.Touches {
		turn := 0
		first, last := s.SubmissionBase, s.ArenaBase+s.ArenaBytes
		slot := kmem.Addr(unsafe.Pointer(s))
		kmem.OnTouch = func(addr uint32) {
			if len(list) == 0 || (addr < first || addr >= last) && addr != slot {
				return
			}
			r := &list[turn%len(list)]
			if turn/len(list)%2 == 0 {
				*r.at = r.value
			} else {
				*r.at = r.former
			}
			turn++
		}
		return func() { kmem.OnTouch = nil }
	}
	var stop, runs atomic.Bool
	var writer sync.WaitGroup
	writer.Go(func() {
		for ; !stop.Load(); runs.Store(true) {
			for i := range list {
				atomic.StoreUint32(list[i].at, list[i].value)
			}
			for i := range list {
				atomic.StoreUint32(list[i].at, list[i].former)
			}
		}
	})
	for !runs.Load() {
		runtime.Gosched()
	}
	return func() {
		stop.Store(true)
		writer.Wait()
	}
}

// FuzzRewritten has a client rewrite entries, indices and its arena while the
// kernel serves them: what was checked must be what is used. Another client does
// not notice, and when the hostile one is detached nothing of it is left.
func FuzzRewritten(f *testing.F) {
	le := binary.LittleEndian
	script := func(list ...[4]uint32) []byte {
		var b []byte
		for _, r := range list {
			b = append(b, byte(r[0]), byte(r[1]))
			b = le.AppendUint32(le.AppendUint16(b, uint16(r[2])), r[3])
		}
		return b
	}
	seeds(func(arena, stream []byte) {
		// Spans and lengths that grow out of the arena, an opcode and an id that change, a longer path.
		f.Add(arena, stream, script([4]uint32{2, 0, 2, 0xfffffff0}, [4]uint32{2, 0, 3, 0xffffffff}, [4]uint32{2, 0, 4, 1 << 30}, [4]uint32{2, 0, 5, 1 << 31}))
		f.Add(arena, stream, script([4]uint32{2, 0, 0, 21}, [4]uint32{2, 0, 1, 7}, [4]uint32{1, 0, 0, 0x2f2f2f2f}, [4]uint32{1, 0, 1, 0}))
		f.Add(arena, stream, script([4]uint32{3, 0, 0, 1 << 31}, [4]uint32{3, 1, 0, ^uint32(0)}, [4]uint32{3, 2, 0, 1}, [4]uint32{3, 2, 0, 2}))
	})
	// Records of WriteFiles and ApplyFileLayer whose lengths and kinds change.
	for _, opcode := range []abi.Opcode{abi.OpcodeWriteFiles, abi.OpcodeApplyFileLayer} {
		record := make([]byte, abi.FileRecordSize+16)
		le.PutUint32(record[16:], 6)
		le.PutUint32(record[20:], 5)
		copy(record[abi.FileRecordSize:], "/tmp/f")
		copy(record[abi.FileRecordSize+8:], "hello")
		e := make([]byte, entryBytes)
		le.PutUint16(e, uint16(opcode))
		copy(e[8:], span(0, uint32(len(record))))
		le.PutUint32(e[16:], 1)
		if opcode == abi.OpcodeApplyFileLayer {
			clear(e[16:24])
			le.PutUint32(e[24:], 1)
		}
		f.Add(record, e, script([4]uint32{1, 0, 4, 1 << 23}, [4]uint32{1, 0, 5, 1 << 31}, [4]uint32{1, 0, 0, 7}, [4]uint32{1, 0, 14, 0x2e2e2f2e}))
	}
	f.Fuzz(func(t *testing.T, arena, stream, script []byte) {
		good := mapped(t)
		hung := time.AfterFunc(20*time.Second, func() { panic("the kernel does not come back from serving a client") })
		defer hung.Stop()
		good.put(abi.OpcodeAttachClient, 1)
		good.service()
		hostile := good.reply(1).Handle
		if hostile.Index != 1 {
			t.Fatalf("attach gives %+v", hostile)
		}
		const canary = 64 << 10 // at each end of the other client's arena
		mine := kmem.Bytes(good.slot.ArenaBase, good.slot.ArenaBytes)
		for _, end := range [][]byte{mine[:canary], mine[len(mine)-canary:]} {
			for i := range end {
				end[i] = 0xa5
			}
		}
		s := kmem.Client(1)
		copy(kmem.Bytes(s.ArenaBase, s.ArenaBytes), arena)
		ring := kmem.Bytes(s.SubmissionBase, ringEntries*entryBytes)
		n := max(1, (uint32(copy(ring, stream))+entryBytes-1)/entryBytes)
		for i := range ringEntries {
			le.PutUint32(ring[i*entryBytes+4:], i+1)
		}
		end := hostileWriter(s, rewrites(s, script))
		for range min(max(4000/n, 16), 400) {
			// The same entries once more, wherever the indices have got to.
			s.SubmissionHead.Store(0)
			s.SubmissionTail.Store(n)
			s.CompletionHead.Store(s.CompletionTail.Load())
			good.service()
		}
		end()
		h := kmem.Header()
		if h.Magic != uint32(abi.FixedMagic) || h.LayoutHashLo != abi.LayoutHashLo || h.LoadBootState() != abi.BootStateReady || h.Lock.Load() != 0 {
			t.Fatal("the header is not what it was")
		}
		for _, end := range [][]byte{mine[:canary], mine[len(mine)-canary:]} {
			for i := range end {
				if end[i] != 0xa5 {
					t.Fatalf("byte %d of another client's arena was written", i)
				}
			}
		}
		// Half of a tail that was written last may still be claimed: none of it after the client has left.
		good.put(abi.OpcodeDetachClient, 2, span(hostile.Index, hostile.Generation)...)
		good.put(abi.OpcodeNoop, 3)
		good.service()
		for id := uint32(2); id <= 3; id++ {
			r, ok := good.take()
			for ok && r.Header.Opcode != abi.OpcodeReply {
				r, ok = good.take() // blobs that the other one's layer is made of
			}
			if !ok || r.Header.RequestId != id || r.Result != 0 {
				t.Fatalf("the other client's request %d: %+v, %v", id, r, ok)
			}
		}
		if s.InFlight != 0 {
			t.Fatalf("%d requests of a client that has left", s.InFlight)
		}
		for i := abi.PendingRequestRef(1); i < kmem.End[abi.PendingRequestRef](); i++ {
			if kmem.InUse(i) {
				t.Fatalf("request slot %d is still in use, by client %d", i, kmem.Pending(i).Client)
			}
		}
	})
}
