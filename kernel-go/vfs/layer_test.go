package vfs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

type rec struct {
	kind abi.FileRecordKind
	path string
	data string
	mode abi.FileMode
	time uint64
	size uint64
}

// records packs entries behind one another in fresh frames.
func records(t *testing.T, list []rec) (at, bytes uint32) {
	t.Helper()
	at = area(t, 64<<10)
	for _, r := range list {
		head := (*abi.FileRecord)(kmem.Ptr(at + bytes))
		*head = abi.FileRecord{Kind: r.kind, Mode: r.mode, PathLength: uint32(len(r.path)), DataLength: uint32(len(r.data)), MtimeNs: r.time, Size: r.size}
		if r.kind == abi.FileRecordKindLazyFile {
			head.Source, head.SourceOffset = 3, 512
		}
		bytes += abi.FileRecordSize
		put(at+bytes, r.path)
		bytes += pad8(uint32(len(r.path)))
		put(at+bytes, r.data)
		bytes += pad8(uint32(len(r.data)))
	}
	return at, bytes
}

func apply(t *testing.T, c *sched.Ctx, prefix string, more bool, list ...rec) abi.Errno {
	t.Helper()
	at, bytes := records(t, list)
	return ApplyLayer(c, 0, c.InPath(put(c.Path, prefix)), Records{Span: kmem.Span{Addr: at, Len: bytes}, Count: uint32(len(list)), More: more})
}

// snapshot is the whole tree as text: type, mode, links, contents.
func snapshot(t *testing.T, c *sched.Ctx) string {
	t.Helper()
	var lines []string
	root := kmem.Header().RootDentry
	for d := nextBelow(root, root); d != 0; d = nextBelow(d, root) {
		at, _, e := Path(c, d, c.InPage(kmem.PageSize))
		if e != abi.OK {
			t.Fatal(e)
		}
		path := string(at.Bytes())
		inode := InodeOf(d)
		s := &kmem.Inode(inode).State
		text := ""
		switch s.Mode & abi.S_IFMT {
		case abi.S_IFLNK:
			n, _ := ReadLink(c, inode, c.InPage(kmem.PageSize))
			text = string(kmem.Bytes(c.Page, n))
		case abi.S_IFREG:
			if s.Source == 0 {
				text = string(readAt(t, c, inode, 0, int(s.Size)))
			} else {
				text = fmt.Sprintf("source %d+%d %d", s.Source, s.SourceOffset, s.SourceBytes)
			}
		}
		lines = append(lines, fmt.Sprintf("%s %o %d %q", path, uint32(s.Mode), s.Nlink, text))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestLayerMerges(t *testing.T) {
	c := machine(t, 64)
	for _, d := range []string{"/usr", "/usr/lib", "/etc", "/old", "/old/deep", "/proc"} {
		_ = mkdir(c, d, 0o755)
	}
	write(t, c, "/usr/lib/keep", "keep")
	write(t, c, "/etc/conf", "old")
	write(t, c, "/old/deep/f", "x")
	write(t, c, "/gone", "x")
	_ = symlink(c, "usr/lib", "/lib")
	e := apply(t, c, "", false,
		rec{kind: abi.FileRecordKindDirectory, path: "etc", mode: 0o700, time: 77},
		rec{kind: abi.FileRecordKindFile, path: "etc/conf", data: "new", mode: 0o600, time: 5},
		rec{kind: abi.FileRecordKindFile, path: "lib/added", data: "through the link", mode: 0o644},
		rec{kind: abi.FileRecordKindDirectory, path: "opt/a", mode: 0o755, time: 99},
		rec{kind: abi.FileRecordKindFile, path: "/opt/a/b", data: "b", mode: 0o644},
		rec{kind: abi.FileRecordKindSymlink, path: "opt/l", data: "a/b"},
		rec{kind: abi.FileRecordKindHardLink, path: "opt/hard", data: "opt/a/b"},
		rec{kind: abi.FileRecordKindHardLink, path: "opt/outside", data: "/usr/lib/keep"},
		rec{kind: abi.FileRecordKindLazyFile, path: "opt/lazy", mode: 0o755, size: 10000},
		rec{kind: abi.FileRecordKindFifo, path: "opt/fifo", mode: 0o600},
		rec{kind: abi.FileRecordKindWhiteout, path: "gone"},
		rec{kind: abi.FileRecordKindWhiteout, path: "never"},
		rec{kind: abi.FileRecordKindWhiteout, path: "opt/a/none"},
		rec{kind: abi.FileRecordKindFile, path: "old", data: "now a file", mode: 0o644},
		rec{kind: abi.FileRecordKindDirectory, path: "proc", mode: 0o555},
	)
	if e != abi.OK {
		t.Fatal(e)
	}
	check(t)
	want := strings.Join([]string{
		`/etc 40700 2 ""`, `/etc/conf 100600 1 "new"`, `/lib 120777 1 "usr/lib"`, `/old 100644 1 "now a file"`,
		`/opt 40755 3 ""`, `/opt/a 40755 2 ""`, `/opt/a/b 100644 2 "b"`, `/opt/fifo 10600 1 ""`, `/opt/hard 100644 2 "b"`,
		`/opt/l 120777 1 "a/b"`, `/opt/lazy 100755 1 "source 3+512 10000"`, `/opt/outside 100644 2 "keep"`, `/proc 40555 2 ""`,
		`/usr 40755 3 ""`, `/usr/lib 40755 2 ""`, `/usr/lib/added 100644 1 "through the link"`, `/usr/lib/keep 100644 2 "keep"`,
	}, "\n")
	if got := snapshot(t, c); got != want {
		t.Errorf("tree:\n%s\nwant:\n%s", got, want)
	}
	for path, at := range map[string]uint64{"/etc": 77, "/etc/conf": 5, "/opt/a": 99} {
		if s := stateOf(t, c, path); s.MtimeNs != at {
			t.Errorf("%s: mtime %d, want %d", path, s.MtimeNs, at)
		}
	}
}

// Whatever fails, in any batch, leaves the tree and every count as they were.
func TestLayerAllOrNothing(t *testing.T) {
	good := []rec{
		{kind: abi.FileRecordKindFile, path: "a/b/c", data: "c", mode: 0o644},
		{kind: abi.FileRecordKindHardLink, path: "a/h", data: "keep"},
		{kind: abi.FileRecordKindWhiteout, path: "keep2"},
		{kind: abi.FileRecordKindDirectory, path: "d", mode: 0o700},
	}
	for _, x := range []struct {
		name   string
		prefix string
		bad    rec
		want   abi.Errno
	}{
		{"below a file", "", rec{kind: abi.FileRecordKindFile, path: "a/b/c/d"}, abi.ENOTDIR},
		{"file over directory", "", rec{kind: abi.FileRecordKindFile, path: "a/b"}, abi.EISDIR},
		{"directory over file", "", rec{kind: abi.FileRecordKindDirectory, path: "a/b/c"}, abi.EEXIST},
		{"link to nothing", "", rec{kind: abi.FileRecordKindHardLink, path: "x", data: "none"}, abi.ENOENT},
		{"empty link", "", rec{kind: abi.FileRecordKindSymlink, path: "x"}, abi.EINVAL},
		{"no path", "", rec{kind: abi.FileRecordKindFile}, abi.EINVAL},
		{"NUL in path", "", rec{kind: abi.FileRecordKindFile, path: "a\x00b"}, abi.EINVAL},
		{"unknown kind", "", rec{kind: 99, path: "x"}, abi.EINVAL},
		{"name too long", "", rec{kind: abi.FileRecordKindFile, path: strings.Repeat("n", 256)}, abi.ENAMETOOLONG},
		{"lazy too large", "", rec{kind: abi.FileRecordKindLazyFile, path: "x", size: 1 << 50}, abi.EINVAL},
		{"over a mount", "", rec{kind: abi.FileRecordKindFile, path: "mnt", data: "x"}, abi.EBUSY},
		{"into a mount", "", rec{kind: abi.FileRecordKindFile, path: "mnt/f", data: "x"}, abi.EBUSY},
		{"whiteout of a mount", "", rec{kind: abi.FileRecordKindWhiteout, path: "mnt"}, abi.EBUSY},
		{"whiteout above a mount", "", rec{kind: abi.FileRecordKindWhiteout, path: "up"}, abi.EBUSY},
		{"prefix is a file", "/keep", rec{kind: abi.FileRecordKindFile, path: "x"}, abi.ENOTDIR},
		{"prefix made in vain", "/p/q", rec{kind: abi.FileRecordKindFile, path: "a/b/c/d"}, abi.ENOTDIR},
	} {
		for _, batches := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, batches %v", x.name, batches), func(t *testing.T) {
				c := machine(t, 64)
				write(t, c, "/keep", "keep")
				write(t, c, "/keep2", "keep2")
				for _, d := range []string{"/d", "/mnt", "/up", "/up/mnt"} {
					_ = mkdir(c, d, 0o755)
				}
				for _, m := range []string{"/mnt", "/up/mnt"} {
					d, _ := resolve(c, m, 0)
					if _, e := Mount(abi.FsTypeTmpfs, d, 0o755); e != abi.OK {
						t.Fatal(e)
					}
					Put(d)
				}
				tree, used := snapshot(t, c), inUse()
				e := abi.OK
				if batches {
					if e = apply(t, c, x.prefix, true, good...); e == abi.OK {
						e = apply(t, c, x.prefix, false, x.bad)
					}
				} else {
					e = apply(t, c, x.prefix, false, append(slices.Clone(good), x.bad)...)
				}
				if x.prefix == "/p/q" {
					// Hard links in the layer look for /p/q/keep, which is not there.
					if e != abi.ENOENT && e != x.want {
						t.Errorf("%v, want %v", e, x.want)
					}
				} else if e != x.want {
					t.Errorf("%v, want %v", e, x.want)
				}
				check(t)
				if got := snapshot(t, c); got != tree {
					t.Errorf("tree:\n%s\nwas:\n%s", got, tree)
				}
				if got := inUse(); got != used {
					t.Errorf("in use %v, was %v", got, used)
				}
			})
		}
	}
}

func TestLayerPrefixIsMade(t *testing.T) {
	c := machine(t, 64)
	if e := apply(t, c, "/new/place", false, rec{kind: abi.FileRecordKindFile, path: "f", data: "x", mode: 0o644}); e != abi.OK {
		t.Fatal(e)
	}
	if got := contentsOf(t, c, "/new/place/f"); got != "x" {
		t.Errorf("contents %q", got)
	}
	check(t)
}

// A client that goes away in the middle of a layer leaves nothing.
func TestLayerDropped(t *testing.T) {
	c := machine(t, 64)
	used := inUse()
	if e := apply(t, c, "", true, rec{kind: abi.FileRecordKindFile, path: "a/b", data: "x"}); e != abi.OK {
		t.Fatal(e)
	}
	if _, e := resolve(c, "/a", 0); e != abi.ENOENT {
		t.Errorf("a batch shows before the last one: %v", e)
	}
	DropLayer(0)
	if got := inUse(); got != used {
		t.Errorf("in use %v, was %v", got, used)
	}
}

func TestWriteRecords(t *testing.T) {
	c := machine(t, 64)
	at, bytes := records(t, []rec{
		{kind: abi.FileRecordKindFile, path: "/a/b/f", data: "one", mode: 0o644},
		{kind: abi.FileRecordKindFile, path: "/a/b/f", data: "second", mode: 0o600},
		{kind: abi.FileRecordKindDirectory, path: "/a/d", mode: 0o700},
		{kind: abi.FileRecordKindWhiteout, path: "/a/d"},
		{kind: abi.FileRecordKindFile, path: "/a/b", data: "a directory"},
		{kind: abi.FileRecordKindFile, path: "/never", data: "x"},
	})
	n, e := WriteRecords(c, Records{Span: kmem.Span{Addr: at, Len: bytes}, Count: 6})
	if n != 4 || e != abi.EISDIR {
		t.Errorf("%d, %v", n, e)
	}
	if got := contentsOf(t, c, "/a/b/f"); got != "second" {
		t.Errorf("contents %q", got)
	}
	if _, e := WriteRecords(c, Records{Span: kmem.Span{Addr: at, Len: 20}, Count: 1}); e != abi.EINVAL {
		t.Errorf("a record that is cut off: %v", e)
	}
	check(t)
}
