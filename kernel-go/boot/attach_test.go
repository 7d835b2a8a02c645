package boot

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/entropy"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/hart"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const machineMiB = 40

// memory is zeroed memory for a machine.
func memory() []byte {
	mem := make([]byte, machineMiB<<20+4096)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(mem))) & uintptr(kmem.PageMask)
	return mem[skip : skip+machineMiB<<20]
}

// The program that runs: it opens /d/log and writes steps letters to it, one in
// each call, then ends with endStatus.
const (
	steps     = 2000
	endStatus = 42
	textAt    = 0x10000
	codeAt    = textAt + 0x80
	pathAt    = textAt + 0x800
	letterAt  = textAt + 0x1000
)

func program() []byte {
	const zero, t0, s0, s1, a0, a1, a2, a7, s2 = 0, 5, 8, 9, 10, 11, 12, 17, 18
	var code []uint32
	op := func(words ...uint32) { code = append(code, words...) }
	addi := func(rd, rs uint32, v int32) uint32 { return uint32(v)<<20 | rs<<15 | rd<<7 | 0x13 }
	// li is lui and addi, of numbers whose low 12 bits are positive as a signed number.
	li := func(rd, v uint32) { op(v>>12<<12|rd<<7|0x37, addi(rd, rd, int32(v&0xfff))) }
	call := func(number abi.Syscall) { op(addi(a7, zero, int32(number)), 0x73) }

	op(addi(a0, zero, -100)) // AT_FDCWD
	li(a1, pathAt&^0xfff)
	op(addi(a1, a1, pathAt&0x7ff), addi(a1, a1, pathAt&0x800>>1), addi(a1, a1, pathAt&0x800>>1))
	op(addi(a2, zero, int32(abi.O_WRONLY|abi.O_APPEND)))
	call(abi.SYS_openat)
	op(addi(s1, a0, 0), addi(s0, zero, 0), addi(s2, zero, steps))
	loop := len(code)
	op(addi(s0, s0, 1), 15<<20|s0<<15|7<<12|t0<<7|0x13, addi(t0, t0, 'a'))
	li(a1, letterAt)
	op(t0<<20 | a1<<15 | 0x23) // sb t0, 0(a1)
	op(addi(a0, s1, 0), addi(a2, zero, 1))
	call(abi.SYS_write)
	back := uint32(int32(loop-len(code)) * 4)
	op(back>>12&1<<31 | back>>5&0x3f<<25 | s2<<20 | s0<<15 | 1<<12 | back>>1&0xf<<8 | back>>11&1<<7 | 0x63) // bne
	op(addi(a0, zero, endStatus))
	call(abi.SYS_exit_group)

	image := make([]byte, pathAt-textAt+16)
	copy(image, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(image[16:], 2)   // ET_EXEC
	le.PutUint16(image[18:], 243) // EM_RISCV
	le.PutUint32(image[20:], 1)
	le.PutUint64(image[24:], codeAt)
	le.PutUint64(image[32:], 64) // program headers
	le.PutUint32(image[48:], 5)  // double-float ABI, compressed
	le.PutUint16(image[52:], 64)
	le.PutUint16(image[54:], 56)
	le.PutUint16(image[56:], 1)
	le.PutUint32(image[64:], 1) // PT_LOAD
	le.PutUint32(image[68:], 7)
	le.PutUint64(image[80:], textAt)
	le.PutUint64(image[88:], textAt)
	le.PutUint64(image[96:], uint64(len(image)))
	le.PutUint64(image[104:], letterAt-textAt+0x1000)
	le.PutUint64(image[112:], 4096)
	for i, w := range code {
		le.PutUint32(image[codeAt-textAt+4*i:], w)
	}
	copy(image[pathAt-textAt:], "/d/log\x00")
	return image
}

func locked(f func(c *sched.Ctx)) {
	kmem.Lock(kmem.WorkerIndex)
	defer kmem.Unlock()
	f(sched.For(kmem.WorkerIndex))
}

func pathIn(c *sched.Ctx, path string) uint32 { return put(c.Path, path) }

func writeFile(t *testing.T, c *sched.Ctx, path string, mode abi.FileMode, contents []byte) {
	t.Helper()
	root := kmem.Header().RootDentry
	o, e := file.Open(c, root, vfs.PathAt{Dir: root, Span: c.InPath(pathIn(c, path))}, vfs.How{Flags: abi.O_CREAT | abi.O_WRONLY, Mode: mode})
	if e != abi.OK {
		t.Fatalf("open %s: %v", path, e)
	}
	copy(kmem.Bytes(c.Vec, uint32(len(contents))), contents)
	c.Buf = mm.Buf{Addr: uint64(c.Vec), Len: uint32(len(contents))}
	if n, e := file.Write(c, o, &c.Buf, file.At{Pos: file.PosCurrent}); n != uint32(len(contents)) || e != abi.OK {
		t.Fatalf("write %s: %d, %v", path, n, e)
	}
	file.Put(c, o)
}

func readFile(t *testing.T, c *sched.Ctx, path string) string {
	t.Helper()
	root := kmem.Header().RootDentry
	o, e := file.Open(c, root, vfs.PathAt{Dir: root, Span: c.InPath(pathIn(c, path))}, vfs.How{Flags: abi.O_RDONLY})
	if e != abi.OK {
		t.Fatalf("open %s: %v", path, e)
	}
	defer file.Put(c, o)
	var s strings.Builder
	for {
		c.Buf = mm.Buf{Addr: uint64(c.Vec), Len: kmem.VecBytes}
		n, e := file.Read(c, o, &c.Buf, file.PosCurrent)
		if e != abi.OK {
			t.Fatalf("read %s: %v", path, e)
		}
		if n == 0 {
			return s.String()
		}
		s.Write(kmem.Bytes(c.Vec, n))
	}
}

// begin boots a machine and starts the program on it; process is its slot.
func begin(t *testing.T) (process abi.ProcessRef) {
	t.Helper()
	if e := Boot(kmem.Config{MemoryMaxPages: machineMiB << 4, Harts: 1, Clients: 2, RealtimeOffsetNs: 1_700_000_000_000_000_000}); e != abi.OK {
		t.Fatalf("boot: %v", e)
	}
	locked(func(c *sched.Ctx) {
		root := kmem.Header().RootDentry
		for _, dir := range []string{"/d", "/m"} {
			d, e := vfs.Mkdir(c, vfs.PathAt{Dir: root, Span: c.InPath(pathIn(c, dir))}, 0o755)
			if e != abi.OK {
				t.Fatal(dir, e)
			}
			if dir == "/m" {
				if _, e := vfs.Mount(abi.FsTypeTmpfs, d, 0o755); e != abi.OK {
					t.Fatal(e)
				}
			}
			vfs.Put(d)
		}
		writeFile(t, c, "/d/log", 0o644, nil)
		writeFile(t, c, "/m/kept", 0o644, []byte("on a mount of its own"))
		writeFile(t, c, "/d/program", 0o755, program())
		x := proc.Program{Dir: root, PathLen: pathIn(c, "/d/program"), Follow: vfs.Follow}
		x.Strings = proc.Strings{Linear: c.Page, Bytes: put(c.Page, "program") + 1, Argc: 1}
		var e abi.Errno
		if process, e = proc.NewProgram(c, proc.DefaultOwner, &x); e != abi.OK {
			t.Fatalf("the program does not start: %v", e)
		}
		if e := proc.Start(process); e != abi.OK {
			t.Fatal(e)
		}
	})
	return process
}

// some runs the hart for a slice; it says how much the program has written.
func some(t *testing.T) int {
	t.Helper()
	if e := hart.Run(0, 5000); e != abi.HartExitBudget && e != abi.HartExitIdle {
		t.Fatalf("the hart comes back with %v", e)
	}
	written := 0
	locked(func(c *sched.Ctx) { written = len(readFile(t, c, "/d/log")) })
	return written
}

// end runs the machine until the program has ended, and tells what there is then:
// what the program did, and what the kernel's own numbers go on with.
func end(t *testing.T, process abi.ProcessRef) string {
	t.Helper()
	for n := 0; kmem.Process(process).State.LoadRunState() == abi.ProcessRunStateRunning; n++ {
		if n == 10_000 {
			t.Fatal("the program does not end")
		}
		some(t)
	}
	var s strings.Builder
	locked(func(c *sched.Ctx) {
		p := kmem.Process(process)
		fmt.Fprintln(&s, "process", p.State.Pid, p.State.ExitStatus, p.State.Instret)
		fmt.Fprintln(&s, readFile(t, c, "/d/log"))
		fmt.Fprintln(&s, readFile(t, c, "/m/kept"))
		for _, path := range []string{"/proc/1/mountinfo", "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/random/uuid", "/proc/loadavg", "/proc/uptime", "/proc/meminfo"} {
			fmt.Fprintln(&s, path, readFile(t, c, path))
		}
		writeFile(t, c, "/d/new", 0o644, []byte("x"))
		d, e := vfs.Resolve(c, vfs.PathAt{Dir: kmem.Header().RootDentry, Span: c.InPath(pathIn(c, "/d/new"))}, 0)
		if e != abi.OK {
			t.Fatal(e)
		}
		fmt.Fprintln(&s, "inode", kmem.Inode(vfs.InodeOf(d)).State.Ino)
		vfs.Put(d)
		entropy.Fill(c.InVec(16))
		fmt.Fprintf(&s, "random %x\n", kmem.Bytes(c.Vec, 16))
		fmt.Fprintln(&s, "now", sched.NowNs(), "frames", kmem.FreeFrames())
	})
	return s.String()
}

// A machine's memory is all of it: a copy of its bytes, made between two slices
// while a program runs, goes on as the machine itself does. And zeroed memory is a
// machine's beginning, whatever other machines this program has had.
func TestMemoryIsTheMachine(t *testing.T) {
	before := host.Native
	t.Cleanup(func() { host.Native = before })
	host.Native.Now = func() float64 { return 3e9 }
	host.Native.Entropy = func(p []byte) {
		for i := range p {
			p[i] = byte(i * 7)
		}
	}
	first, copied := memory(), memory()
	kmem.UseRegion(first)
	process := begin(t)
	for some(t) < steps/4 {
	}
	if n := some(t); n >= steps {
		t.Fatalf("%d of %d letters: the program is over, and there is nothing to go on with", n, steps)
	}
	copy(copied, first)
	want := end(t, process)
	if letters := strings.Split(want, "\n")[1]; len(letters) != steps || !strings.HasPrefix(letters, "bcdefghijklmnopa") {
		t.Fatalf("the program wrote %q", letters)
	}
	if s := kmem.Process(process).State.ExitStatus; s != endStatus<<8 {
		t.Fatalf("the program ended with %#x", s)
	}

	kmem.UseRegion(copied)
	if e := Attach(); e != abi.OK {
		t.Fatalf("attach: %v", e)
	}
	if got := end(t, process); got != want {
		t.Errorf("a copy goes on otherwise:\n%s\nthe machine itself:\n%s", got, want)
	}

	kmem.UseRegion(memory())
	process = begin(t)
	for some(t) < steps/4 {
	}
	some(t)
	if got := end(t, process); got != want {
		t.Errorf("a second machine is otherwise:\n%s\nthe first one:\n%s", got, want)
	}
	kmem.UseRegion(memory())
	if e := Attach(); e != abi.EINVAL {
		t.Errorf("attach to memory without a machine: %v", e)
	}
}
