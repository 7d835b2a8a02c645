package file

import (
	"slices"
	"strings"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

func readlink(t *testing.T, c *sched.Ctx, path string) string {
	t.Helper()
	d, e := vfs.Resolve(c, vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(put(c.Path, path))}, 0)
	if e != abi.OK {
		t.Fatalf("%s: %v", path, e)
	}
	n, e := vfs.ReadLink(c, vfs.InodeOf(d), c.InPath2(4096))
	vfs.Put(d)
	if e != abi.OK {
		t.Fatalf("%s: %v", path, e)
	}
	return string(kmem.Bytes(c.Path2, n))
}

func listing(t *testing.T, c *sched.Ctx, path string) []string {
	t.Helper()
	i := open(t, c, path, abi.O_RDONLY|abi.O_DIRECTORY)
	defer Put(c, i)
	var names []string
	for {
		n, e := Readdir(c, i, c.InVec(200))
		if e != abi.OK {
			t.Fatal(e)
		}
		if n == 0 {
			return names
		}
		ReaddirDone(c, i)
		for at := uint32(0); at < n; {
			r := (*abi.Dirent64)(kmem.Ptr(c.Vec + at))
			names = append(names, strings.TrimRight(string(kmem.Bytes(c.Vec+at+19, uint32(r.Reclen)-19)), "\x00"))
			at += uint32(r.Reclen)
		}
	}
}

func TestProcTree(t *testing.T) {
	c := machine(t)
	used := [2]uint32{kmem.Table(abi.SlotKindInode).InUse.Load(), kmem.Table(abi.SlotKindDentry).InUse.Load()}
	newThread(t, newProcess(t, 7), 7)
	newThread(t, c.Process, 101)
	names := listing(t, c, "/proc")
	for _, want := range []string{".", "..", "self", "meminfo", "7", "100"} {
		if !slices.Contains(names, want) {
			t.Errorf("/proc has no %s: %v", want, names)
		}
	}
	if slices.Contains(names, "101") {
		t.Error("a thread is listed as a process")
	}
	if got := listing(t, c, "/proc/self/task"); !slices.Equal(got, []string{".", "..", "100", "101"}) {
		t.Errorf("task %v", got)
	}
	if got := readlink(t, c, "/proc/self"); got != "100" {
		t.Errorf("self %q", got)
	}
	if got := readlink(t, c, "/proc/100/cwd"); got != "/" {
		t.Errorf("cwd %q", got)
	}
	for _, x := range []struct {
		path string
		want abi.Errno
	}{
		{"/proc/8", abi.ENOENT}, {"/proc/07", abi.ENOENT}, {"/proc/7x", abi.ENOENT}, {"/proc/self/fd/9", abi.ENOENT},
		{"/proc/self/task/7", abi.ENOENT}, {"/proc/new", abi.ENOENT},
	} {
		if _, e := Open(c, vfs.RootOf(c), vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(put(c.Path, x.path))}, vfs.How{Flags: abi.O_CREAT | abi.O_RDWR, Mode: 0o644}); e != x.want {
			t.Errorf("%s: %v, want %v", x.path, e, x.want)
		}
	}
	if now := [2]uint32{kmem.Table(abi.SlotKindInode).InUse.Load(), kmem.Table(abi.SlotKindDentry).InUse.Load()}; now != used {
		t.Errorf("inodes and dentries in use %v, were %v", now, used)
	}
}

func TestProcDescriptors(t *testing.T) {
	c := machine(t)
	f, _ := NewFd(c, open(t, c, "/f", abi.O_CREAT|abi.O_RDWR), false)
	r, w := newPipe(t, c, 0)
	_, _ = NewFd(c, r, false)
	_, _ = NewFd(c, w, false)
	if got := readlink(t, c, "/proc/self/fd/0"); got != "/f" {
		t.Errorf("file %q", got)
	}
	if a, b := readlink(t, c, "/proc/self/fd/1"), readlink(t, c, "/proc/self/fd/2"); a != b || !strings.HasPrefix(a, "pipe:[") {
		t.Errorf("pipe %q and %q", a, b)
	}
	ofd, _ := Get(c, int32(f))
	write(t, c, ofd, "through the link")
	again := open(t, c, "/proc/self/fd/0", abi.O_RDONLY)
	if got := read(t, c, again, 100); got != "through the link" {
		t.Errorf("opened anew: %q", got)
	}
	Put(c, again)
	if e := vfs.Unlink(c, vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(put(c.Path, "/f"))}); e != abi.OK {
		t.Fatal(e)
	}
	if got := readlink(t, c, "/proc/self/fd/0"); got != "/f (deleted)" {
		t.Errorf("removed: %q", got)
	}
	second := open(t, c, "/proc/self/fd/2", abi.O_WRONLY)
	write(t, c, second, "anew")
	if got := read(t, c, r, 10); got != "anew" {
		t.Errorf("pipe opened anew: %q", got)
	}
	Put(c, second)
}

// Every file that is there can be read, in pieces as in one.
func TestProcContents(t *testing.T) {
	c := machine(t)
	for _, path := range []string{
		"/proc/cpuinfo", "/proc/meminfo", "/proc/loadavg", "/proc/version", "/proc/filesystems", "/proc/mounts",
		"/proc/sys/kernel/osrelease", "/proc/sys/kernel/random/boot_id", "/proc/self/stat", "/proc/self/status",
		"/proc/devices", "/proc/sys/vm/swappiness", "/proc/self/io", "/proc/self/limits", "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/thread-self/stat",
	} {
		i := open(t, c, path, abi.O_RDONLY)
		whole := read(t, c, i, 8192)
		if whole == "" || whole[len(whole)-1] != '\n' {
			t.Errorf("%s: %q", path, whole)
		}
		if _, e := Seek(i, 0, abi.SEEK_SET); e != abi.OK {
			t.Fatal(e)
		}
		var parts strings.Builder
		for {
			p := read(t, c, i, 7)
			if p == "" {
				break
			}
			parts.WriteString(p)
		}
		if path != "/proc/meminfo" && parts.String() != whole {
			t.Errorf("%s: in pieces %q, in one %q", path, parts.String(), whole)
		}
		Put(c, i)
	}
	if got := strings.Fields(func() string {
		i := open(t, c, "/proc/self/stat", abi.O_RDONLY)
		defer Put(c, i)
		return read(t, c, i, 4096)
	}()); len(got) != 52 {
		t.Errorf("stat has %d fields, Linux has 52", len(got))
	}
}
