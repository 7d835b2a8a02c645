package vfs

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// A model of the tree in Go maps: files by number, names by path.
type modelFile struct {
	dir    bool
	target string // symbolic link
	data   []byte
	names  int
}

type model map[string]*modelFile // by absolute path without trailing slash; "" is the root

func parent(path string) string { return path[:strings.LastIndexByte(path, '/')] }

func (m model) children(path string) []string {
	var names []string
	for p := range m {
		if p != "" && parent(p) == path {
			names = append(names, p[len(path)+1:])
		}
	}
	slices.Sort(names)
	return names
}

func (m model) below(path string) bool {
	for p := range m {
		if p != path && strings.HasPrefix(p, path+"/") {
			return true
		}
	}
	return false
}

// place is the error of looking at a path's parent.
func (m model) place(path string) abi.Errno {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			f := m[path[:i]]
			// Links in the model lead to a name that never exists.
			if f == nil || f.target != "" {
				return abi.ENOENT
			}
			if !f.dir {
				return abi.ENOTDIR
			}
		}
	}
	return abi.OK
}

func (m model) add(path string, f *modelFile) abi.Errno {
	if e := m.place(path); e != abi.OK {
		return e
	}
	if m[path] != nil {
		return abi.EEXIST
	}
	m[path] = f
	f.names++
	return abi.OK
}

func (m model) drop(path string) { m[path].names--; delete(m, path) }

func (m model) unlink(path string) abi.Errno {
	if e := m.place(path); e != abi.OK {
		return e
	}
	f := m[path]
	if f == nil {
		return abi.ENOENT
	}
	if f.dir {
		return abi.EISDIR
	}
	m.drop(path)
	return abi.OK
}

func (m model) rmdir(path string) abi.Errno {
	if e := m.place(path); e != abi.OK {
		return e
	}
	f := m[path]
	if f == nil {
		return abi.ENOENT
	}
	if !f.dir {
		return abi.ENOTDIR
	}
	if m.below(path) {
		return abi.ENOTEMPTY
	}
	m.drop(path)
	return abi.OK
}

func (m model) rename(from, to string, exchange, noReplace bool) abi.Errno {
	for _, p := range []string{from, to} {
		if e := m.place(p); e != abi.OK {
			return e
		}
	}
	f, t := m[from], m[to]
	switch {
	case f == nil:
		return abi.ENOENT
	case t != nil && noReplace:
		return abi.EEXIST
	case t == nil && exchange:
		return abi.ENOENT
	case strings.HasPrefix(to, from+"/"):
		return abi.EINVAL
	case t != nil && strings.HasPrefix(from, to+"/"):
		if exchange {
			return abi.EINVAL
		}
		return abi.ENOTEMPTY
	case f == t:
		return abi.OK
	}
	if t != nil && !exchange {
		switch {
		case f.dir && !t.dir:
			return abi.ENOTDIR
		case !f.dir && t.dir:
			return abi.EISDIR
		case t.dir && m.below(to):
			return abi.ENOTEMPTY
		}
		m.drop(to)
	}
	moved := model{}
	for p, x := range m {
		switch {
		case p == from || strings.HasPrefix(p, from+"/"):
			moved[to+p[len(from):]] = x
		case exchange && (p == to || strings.HasPrefix(p, to+"/")):
			moved[from+p[len(to):]] = x
		default:
			continue
		}
		delete(m, p)
	}
	for p, x := range moved {
		m[p] = x
	}
	return abi.OK
}

// TestModel makes random changes by random paths and compares every error, and
// now and then the whole tree, with the model.
func TestModel(t *testing.T) {
	steps := 4000
	seeds := int64(12)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		c := machine(t, 64)
		before := inUse()
		r := rand.New(rand.NewSource(seed))
		m := model{"": {dir: true}}
		path := func() string {
			p := ""
			for range r.Intn(4) + 1 {
				p += "/" + string(rune('a'+r.Intn(4)))
			}
			return p
		}
		known := func() string {
			if r.Intn(4) == 0 {
				return path()
			}
			var all []string
			for p := range m {
				if p != "" {
					all = append(all, p)
				}
			}
			if len(all) == 0 {
				return path()
			}
			slices.Sort(all)
			return all[r.Intn(len(all))]
		}
		for step := range steps {
			var what string
			var got, want abi.Errno
			switch op := r.Intn(12); op {
			case 0, 1:
				p := path()
				what, got, want = "mkdir "+p, mkdir(c, p, 0o755), m.add(p, &modelFile{dir: true})
			case 2:
				p := path()
				data := make([]byte, r.Intn(9000))
				r.Read(data)
				what = "create " + p
				d, e := open(c, p, abi.O_CREAT|abi.O_EXCL|abi.O_WRONLY, 0o644)
				got, want = e, m.add(p, &modelFile{data: data})
				if e == abi.OK {
					writeAt(t, c, InodeOf(d), 0, data)
					Put(d)
				}
			case 3:
				p, to := path(), "nowhere"
				what, got, want = "symlink "+p, symlink(c, to, p), m.add(p, &modelFile{target: to})
			case 4, 5:
				o, p := known(), path()
				what, got = "link "+o+" "+p, link2(c, o, p)
				if want = m.place(o); want == abi.OK && m[o] == nil {
					want = abi.ENOENT
				}
				if want == abi.OK {
					// link(2) looks at the new name before it refuses directories.
					if want = m.place(p); want == abi.OK && m[p] != nil {
						want = abi.EEXIST
					}
					if want == abi.OK && m[o].dir {
						want = abi.EPERM
					}
					if want == abi.OK {
						m.add(p, m[o])
					}
				}
			case 6:
				p := known()
				what, got, want = "unlink "+p, unlink(c, p), m.unlink(p)
			case 7:
				p := known()
				what, got, want = "rmdir "+p, rmdir(c, p), m.rmdir(p)
			default:
				from, to := known(), known()
				flags := abi.RenameFlag(0)
				if op == 10 {
					flags = abi.RENAME_EXCHANGE
				} else if op == 11 {
					flags = abi.RENAME_NOREPLACE
				}
				what = fmt.Sprintf("rename %s %s %d", from, to, uint32(flags))
				got, want = rename(c, from, to, flags), m.rename(from, to, op == 10, op == 11)
			}
			if got != want {
				t.Fatalf("seed %d step %d: %s: %v, want %v", seed, step, what, got, want)
			}
			if step%200 == 199 {
				compare(t, m, seed, step)
				check(t)
			}
		}
		RemoveTree(kmem.Header().RootDentry)
		check(t)
		if got := inUse(); got != before {
			t.Fatalf("seed %d: in use %v, was %v", seed, got, before)
		}
	}
}

func compare(t *testing.T, m model, seed int64, step int) {
	t.Helper()
	c := forTest()
	for p, f := range m {
		d := kmem.Header().RootDentry
		if p != "" {
			var e abi.Errno
			if d, e = resolve(c, p, 0); e != abi.OK {
				t.Fatalf("seed %d step %d: %s: %v", seed, step, p, e)
			}
		} else {
			Hold(d)
		}
		inode := InodeOf(d)
		s := &kmem.Inode(inode).State
		switch {
		case f.dir:
			if s.Mode&abi.S_IFMT != abi.S_IFDIR {
				t.Fatalf("seed %d step %d: %s is no directory", seed, step, p)
			}
			got := list(t, c, "/"+strings.TrimPrefix(p, "/"), 64+uint32(step%300))
			slices.Sort(got)
			if want := append([]string{".", ".."}, m.children(p)...); !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: %s lists %v, want %v", seed, step, p, got, want)
			}
		case f.target != "":
			n, e := ReadLink(c, inode, c.InPage(kmem.PageSize))
			if e != abi.OK || string(kmem.Bytes(c.Page, n)) != f.target {
				t.Fatalf("seed %d step %d: %s is a link to %q", seed, step, p, kmem.Bytes(c.Page, n))
			}
		default:
			if got := readAt(t, c, inode, 0, len(f.data)+10); !bytes.Equal(got, f.data) {
				t.Fatalf("seed %d step %d: %s has other contents", seed, step, p)
			}
		}
		if !f.dir && int(s.Nlink) != f.names {
			t.Fatalf("seed %d step %d: %s has nlink %d, want %d", seed, step, p, s.Nlink, f.names)
		}
		Put(d)
	}
}

// TestDataModel writes, truncates, punches and extends one file at random and
// compares it with a byte slice.
func TestDataModel(t *testing.T) {
	const most = 80 * 4096
	for seed := range int64(10) {
		c := machine(t, 64)
		free := kmem.FreeFrames()
		r := rand.New(rand.NewSource(seed))
		d, e := open(c, "/f", abi.O_CREAT|abi.O_RDWR, 0o644)
		if e != abi.OK {
			t.Fatal(e)
		}
		inode := InodeOf(d)
		var want []byte
		grow := func(n int) {
			if n > len(want) {
				want = append(want, make([]byte, n-len(want))...)
			}
		}
		for step := range 600 {
			at, n := r.Intn(most), r.Intn(3*4096)
			if r.Intn(3) == 0 {
				at, n = at&^4095, n&^4095
			}
			switch r.Intn(6) {
			case 0, 1:
				data := make([]byte, n)
				r.Read(data)
				if int(writeAt(t, c, inode, uint64(at), data)) != n {
					t.Fatalf("seed %d step %d: short write", seed, step)
				}
				if n != 0 {
					grow(at + n)
					copy(want[at:], data)
				}
			case 2:
				e = Truncate(c, inode, uint64(at))
				grow(at)
				want = want[:at]
			case 3:
				if n == 0 {
					continue
				}
				e = Allocate(c, inode, (abi.FALLOC_FL_PUNCH_HOLE | abi.FALLOC_FL_KEEP_SIZE), Extent{Offset: uint64(at), Length: uint64(n)})
				if at < len(want) {
					clear(want[at:min(at+n, len(want))])
				}
			case 4:
				if n == 0 {
					continue
				}
				e = Allocate(c, inode, abi.FALLOC_FL_ZERO_RANGE, Extent{Offset: uint64(at), Length: uint64(n)})
				grow(at + n)
				clear(want[at : at+n])
			case 5:
				if n == 0 {
					continue
				}
				e = Allocate(c, inode, 0, Extent{Offset: uint64(at), Length: uint64(n)})
				grow(at + n)
			}
			if e != abi.OK {
				t.Fatalf("seed %d step %d: %v", seed, step, e)
			}
			if size := kmem.Inode(inode).State.Size; int(size) != len(want) {
				t.Fatalf("seed %d step %d: size %d, want %d", seed, step, size, len(want))
			}
			if step%20 == 19 {
				if got := readAt(t, c, inode, 0, len(want)+1); !bytes.Equal(got, want) {
					t.Fatalf("seed %d step %d: other contents", seed, step)
				}
				checkSeek(t, inode, want)
			}
		}
		Put(d)
		_ = unlink(c, "/f")
		if now := kmem.FreeFrames(); now != free {
			t.Fatalf("seed %d: %d frames lost", seed, free-now)
		}
	}
}

// checkSeek compares SEEK_DATA and SEEK_HOLE with the pages that are there.
func checkSeek(t *testing.T, inode abi.InodeRef, want []byte) {
	t.Helper()
	for at := 0; at <= len(want); at += 2048 {
		for _, hole := range []bool{false, true} {
			p, has := at, false
			for ; p < len(want); p = (p | 4095) + 1 {
				if (pagecache.Lookup(inode, uint32(p>>12)) != 0) != hole {
					has = true
					break
				}
			}
			if hole && at < len(want) && !has {
				p, has = len(want), true
			}
			got, e := Seek(inode, uint64(at), hole)
			if has != (e == abi.OK) || (has && int(got) != p) {
				t.Fatalf("seek from %d, hole %v: %d, %v; want %d, %v", at, hole, got, e, p, has)
			}
		}
	}
}

// A directory is read while others add and remove entries: every entry that is
// there all the time appears exactly once, none twice.
func TestReaddirUnderChange(t *testing.T) {
	for seed := range int64(10) {
		c := machine(t, 64)
		r := rand.New(rand.NewSource(seed))
		_ = mkdir(c, "/d", 0o755)
		name := func(i int) string { return fmt.Sprintf("/d/%c%d", "sv"[i&1], i) }
		there := map[int]bool{}
		for i := range 300 {
			write(t, c, name(i), "")
			there[i] = true
		}
		d, _ := resolve(c, "/d", 0)
		seen := map[string]int{}
		at := sched.DirPlace{}
		next := 300
		for {
			names, more := readSome(t, c, d, &at, 200)
			if !more {
				break
			}
			for _, n := range names {
				seen[n]++
			}
			for range 5 {
				switch i := r.Intn(next); r.Intn(3) {
				case 0: // remove a volatile one
					if i&1 == 1 && there[i] {
						_ = unlink(c, name(i))
						there[i] = false
					}
				case 1: // rename one in place: it may be seen under either name
					if i&1 == 1 && there[i] && next < 5000 {
						next += 1 + next&1
						if e := rename(c, name(i), name(next), 0); e != abi.OK {
							t.Fatal(e)
						}
						there[i], there[next] = false, true
						next++
					}
				case 2:
					if next < 600 {
						next++
						write(t, c, name(next|1), "")
						there[next|1] = true
						next++
					}
				}
			}
		}
		for n, k := range seen {
			if k != 1 {
				t.Errorf("seed %d: %s was seen %d times", seed, n, k)
			}
		}
		for i := 0; i < 300; i += 2 {
			if seen[fmt.Sprintf("s%d", i)] != 1 {
				t.Errorf("seed %d: s%d was not seen", seed, i)
			}
		}
		Put(d)
		check(t)
	}
}

// Removing all of a directory while it is read, as rm -r does.
func TestReaddirRemovingAll(t *testing.T) {
	c := machine(t, 64)
	_ = mkdir(c, "/d", 0o755)
	for i := range 1000 {
		write(t, c, fmt.Sprintf("/d/f%d", i), "x")
	}
	d, _ := resolve(c, "/d", 0)
	at := sched.DirPlace{}
	for {
		names, more := readSome(t, c, d, &at, 500)
		if !more {
			break
		}
		for _, n := range names {
			if n != "." && n != ".." {
				if e := unlink(c, "/d/"+n); e != abi.OK {
					t.Fatalf("%s: %v", n, e)
				}
			}
		}
	}
	Put(d)
	if e := rmdir(c, "/d"); e != abi.OK {
		t.Error(e)
	}
	if _, e := Readdir(c, kmem.Header().RootDentry, new(sched.DirPlace), c.InVec(10)); e != abi.EINVAL {
		t.Errorf("a buffer too small: %v", e)
	}
}
