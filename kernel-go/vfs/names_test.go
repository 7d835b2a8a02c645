package vfs

import (
	"strings"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// base is a small tree that the tables below start from.
func base(t *testing.T) *sched.Ctx {
	t.Helper()
	c := machine(t, 64)
	as(t, c, 0, 0)
	for _, d := range []string{"/d", "/d/sub", "/d/empty", "/e"} {
		if e := mkdir(c, d, 0o755); e != abi.OK {
			t.Fatalf("mkdir %s: %v", d, e)
		}
	}
	write(t, c, "/f", "contents")
	write(t, c, "/d/g", "g")
	for _, l := range [][2]string{{"f", "/l"}, {"/d", "/ld"}, {"nowhere", "/dangling"}, {"loop2", "/loop1"}, {"loop1", "/loop2"}, {"d/", "/lslash"}, {"../d/sub/../g", "/d/up"}} {
		if e := symlink(c, l[0], l[1]); e != abi.OK {
			t.Fatalf("symlink %s: %v", l[1], e)
		}
	}
	check(t)
	return c
}

func TestResolve(t *testing.T) {
	c := base(t)
	long := strings.Repeat("n", 256)
	for _, x := range []struct {
		path  string
		flags uint32
		want  abi.Errno
		same  string // names the same inode
	}{
		{"/", 0, abi.OK, "/"},
		{"//", 0, abi.OK, "/"},
		{".", 0, abi.OK, "/"},
		{"..", 0, abi.OK, "/"},
		{"/../../d/../d/./sub/..", 0, abi.OK, "/d"},
		{"/d/", 0, abi.OK, "/d"},
		{"/d//sub///", 0, abi.OK, "/d/sub"},
		{"", 0, abi.ENOENT, ""},
		{"/f", 0, abi.OK, "/f"},
		{"/f/", 0, abi.ENOTDIR, ""},
		{"/f/.", 0, abi.ENOTDIR, ""},
		{"/f/x", 0, abi.ENOTDIR, ""},
		{"/none", 0, abi.ENOENT, ""},
		{"/none/x", 0, abi.ENOENT, ""},
		{"/l", Follow, abi.OK, "/f"},
		{"/l/", 0, abi.ENOTDIR, ""},
		{"/ld", Follow, abi.OK, "/d"},
		{"/ld/g", 0, abi.OK, "/d/g"},
		{"/ld/", 0, abi.OK, "/d"},
		{"/ld/..", 0, abi.OK, "/"},
		{"/lslash", Follow, abi.OK, "/d"},
		{"/lslash/g", 0, abi.OK, "/d/g"},
		{"/d/up", Follow, abi.OK, "/d/g"},
		{"/dangling", 0, abi.OK, "/dangling"},
		{"/dangling", Follow, abi.ENOENT, ""},
		{"/loop1", Follow, abi.ELOOP, ""},
		{"/loop1/x", 0, abi.ELOOP, ""},
		{"/f", Directory, abi.ENOTDIR, ""},
		{"/ld", NoSymlinks | Follow, abi.ELOOP, ""},
		{"/d/g", NoSymlinks, abi.OK, "/d/g"},
		{"d/../../f", Beneath, abi.EXDEV, ""},
		{"/d", Beneath, abi.EXDEV, ""},
		{"d/../f", Beneath, abi.OK, "/f"},
		{"ld/g", Beneath, abi.EXDEV, ""},
		{"/" + long, 0, abi.ENAMETOOLONG, ""},
		{"/" + long[:255], 0, abi.ENOENT, ""},
		{strings.Repeat("d/../", 819), 0, abi.OK, "/"},
		{strings.Repeat("/", 4096), 0, abi.ENAMETOOLONG, ""},
		{strings.Repeat("/", 4095), 0, abi.OK, "/"},
	} {
		d, e := resolve(c, x.path, x.flags)
		if e != x.want {
			t.Errorf("%.40q flags %#x: %v, want %v", x.path, x.flags, e, x.want)
		}
		if e != abi.OK {
			continue
		}
		w, _ := resolve(c, x.same, 0)
		if InodeOf(d) != InodeOf(w) {
			t.Errorf("%.40q: another inode than %s", x.path, x.same)
		}
		Put(w)
		Put(d)
	}
	check(t)
}

// A chain of 40 links is followed, one of 41 is not (path_resolution(7)).
func TestSymlinkLimit(t *testing.T) {
	c := machine(t, 64)
	write(t, c, "/l0", "end")
	name := func(i int) string { return "/l" + string(rune('0'+i/10)) + string(rune('0'+i%10)) }
	_ = symlink(c, "l0", name(1))
	for i := 2; i <= 41; i++ {
		if e := symlink(c, name(i - 1)[1:], name(i)); e != abi.OK {
			t.Fatal(e)
		}
	}
	d, e := resolve(c, name(40), Follow)
	if e != abi.OK {
		t.Errorf("40 links: %v", e)
	} else {
		Put(d)
	}
	if _, e := resolve(c, name(41), Follow); e != abi.ELOOP {
		t.Errorf("41 links: %v", e)
	}
}

func TestErrors(t *testing.T) {
	type call func(c *sched.Ctx) abi.Errno
	mk := func(p string) call { return func(c *sched.Ctx) abi.Errno { return mkdir(c, p, 0o755) } }
	nod := func(p string) call { return func(c *sched.Ctx) abi.Errno { return mknod(c, p, abi.S_IFIFO|0o644) } }
	sym := func(p string) call { return func(c *sched.Ctx) abi.Errno { return symlink(c, "x", p) } }
	ln := func(o, p string) call { return func(c *sched.Ctx) abi.Errno { return link2(c, o, p) } }
	un := func(p string) call { return func(c *sched.Ctx) abi.Errno { return unlink(c, p) } }
	rd := func(p string) call { return func(c *sched.Ctx) abi.Errno { return rmdir(c, p) } }
	mv := func(o, n string, f abi.RenameFlag) call {
		return func(c *sched.Ctx) abi.Errno { return rename(c, o, n, f) }
	}
	op := func(p string, f abi.OpenFlag) call {
		return func(c *sched.Ctx) abi.Errno {
			d, e := open(c, p, f, 0o644)
			if e == abi.OK {
				Put(d)
			}
			return e
		}
	}
	noReplace, exchange := abi.RENAME_NOREPLACE, abi.RENAME_EXCHANGE
	for _, x := range []struct {
		name string
		call call
		want abi.Errno
	}{
		{"mkdir exists", mk("/d"), abi.EEXIST},
		{"mkdir over file", mk("/f"), abi.EEXIST},
		{"mkdir root", mk("/"), abi.EEXIST},
		{"mkdir dot", mk("/d/."), abi.EEXIST},
		{"mkdir dotdot", mk("/d/.."), abi.EEXIST},
		{"mkdir slash", mk("/new/"), abi.OK},
		{"mkdir no parent", mk("/none/x"), abi.ENOENT},
		{"mkdir below file", mk("/f/x"), abi.ENOTDIR},
		{"mkdir dangling link", mk("/dangling"), abi.EEXIST},
		{"mkdir dangling link slash", mk("/dangling/"), abi.EEXIST},
		{"mknod slash", nod("/new/"), abi.ENOENT},
		{"mknod exists slash", nod("/f/"), abi.EEXIST},
		{"mknod", nod("/fifo"), abi.OK},
		{"symlink slash", sym("/new/"), abi.ENOENT},
		{"symlink exists", sym("/l"), abi.EEXIST},
		{"link", ln("/f", "/f2"), abi.OK},
		{"link dir", ln("/d", "/d2"), abi.EPERM},
		{"link exists", ln("/f", "/d/g"), abi.EEXIST},
		{"link to itself", ln("/f", "/f"), abi.EEXIST},
		{"link symlink", ln("/dangling", "/l2"), abi.OK},
		{"unlink dir", un("/d"), abi.EISDIR},
		{"unlink root", un("/"), abi.EISDIR},
		{"unlink none", un("/none"), abi.ENOENT},
		{"unlink slash", un("/f/"), abi.ENOTDIR},
		{"unlink dir slash", un("/d/"), abi.EISDIR},
		{"unlink link to dir", un("/ld"), abi.OK},
		{"unlink dot", un("/d/."), abi.EISDIR},
		{"rmdir full", rd("/d"), abi.ENOTEMPTY},
		{"rmdir file", rd("/f"), abi.ENOTDIR},
		{"rmdir link", rd("/ld"), abi.ENOTDIR},
		{"rmdir link slash", rd("/ld/"), abi.ENOTDIR},
		{"rmdir dot", rd("/e/."), abi.EINVAL},
		{"rmdir dotdot", rd("/d/sub/.."), abi.ENOTEMPTY},
		{"rmdir root", rd("/"), abi.EBUSY},
		{"rmdir", rd("/e/"), abi.OK},
		{"rename none", mv("/none", "/x", 0), abi.ENOENT},
		{"rename same", mv("/f", "/f", 0), abi.OK},
		{"rename file over dir", mv("/f", "/e", 0), abi.EISDIR},
		{"rename dir over file", mv("/e", "/f", 0), abi.ENOTDIR},
		{"rename dir over full", mv("/e", "/d", 0), abi.ENOTEMPTY},
		{"rename dir over empty", mv("/d/sub", "/e", 0), abi.OK},
		{"rename into itself", mv("/d", "/d/sub/x", 0), abi.EINVAL},
		{"rename onto itself below", mv("/d", "/d/sub", 0), abi.EINVAL},
		{"rename onto ancestor", mv("/d/sub", "/d", 0), abi.ENOTEMPTY},
		{"rename file onto ancestor", mv("/d/g", "/d", 0), abi.ENOTEMPTY},
		{"rename dot", mv("/d/.", "/x", 0), abi.EBUSY},
		{"rename to dotdot", mv("/e", "/d/..", 0), abi.EBUSY},
		{"rename file slash", mv("/f", "/x/", 0), abi.ENOTDIR},
		{"rename file slash old", mv("/f/", "/x", 0), abi.ENOTDIR},
		{"rename dir slash", mv("/e/", "/x/", 0), abi.OK},
		{"rename noreplace", mv("/f", "/d/g", noReplace), abi.EEXIST},
		{"rename noreplace dotdot", mv("/f", "/d/..", noReplace), abi.EEXIST},
		{"rename noreplace new", mv("/f", "/x", noReplace), abi.OK},
		{"rename both flags", mv("/f", "/x", noReplace|exchange), abi.EINVAL},
		{"rename unknown flag", mv("/f", "/x", 8), abi.EINVAL},
		{"rename whiteout", mv("/f", "/x", 4), abi.EINVAL},
		{"exchange missing", mv("/f", "/x", exchange), abi.ENOENT},
		{"exchange dir and file", mv("/d", "/f", exchange), abi.OK},
		{"exchange with ancestor", mv("/d/sub", "/d", exchange), abi.EINVAL},
		{"exchange with descendant", mv("/d", "/d/sub", exchange), abi.EINVAL},
		{"open dir for writing", op("/d", abi.O_WRONLY), abi.EISDIR},
		{"open dir", op("/d", abi.O_RDONLY), abi.OK},
		{"open create dir", op("/d", abi.O_CREAT), abi.EISDIR},
		{"open create slash", op("/new/", abi.O_CREAT), abi.EISDIR},
		{"open file slash", op("/f/", abi.O_RDONLY), abi.ENOTDIR},
		{"open excl", op("/f", abi.O_CREAT|abi.O_EXCL), abi.EEXIST},
		{"open excl dangling", op("/dangling", abi.O_CREAT|abi.O_EXCL), abi.EEXIST},
		{"open create dangling", op("/dangling", abi.O_CREAT|abi.O_RDWR), abi.OK},
		{"open nofollow", op("/l", abi.O_NOFOLLOW), abi.ELOOP},
		{"open nofollow path", op("/l", abi.O_NOFOLLOW|abi.O_PATH), abi.OK},
		{"open directory", op("/f", abi.O_DIRECTORY), abi.ENOTDIR},
		{"open directory nofollow", op("/ld", abi.O_DIRECTORY|abi.O_NOFOLLOW), abi.ENOTDIR},
		{"open create directory", op("/new", abi.O_CREAT|abi.O_DIRECTORY), abi.EINVAL},
		{"open none", op("/none", abi.O_RDONLY), abi.ENOENT},
		{"open loop", op("/loop1", abi.O_CREAT), abi.ELOOP},
		{"tmpfile", op("/e", abi.O_TMPFILE|abi.O_RDWR), abi.OK},
		{"tmpfile read only", op("/e", abi.O_TMPFILE), abi.EINVAL},
		{"tmpfile in file", op("/f", abi.O_TMPFILE|abi.O_RDWR), abi.ENOTDIR},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := base(t)
			if e := x.call(c); e != x.want {
				t.Errorf("%v, want %v", e, x.want)
			}
			check(t)
		})
	}
}

func TestRenameMovesDirectories(t *testing.T) {
	c := base(t)
	if e := rename(c, "/d", "/e/moved", 0); e != abi.OK {
		t.Fatal(e)
	}
	if got := contentsOf(t, c, "/e/moved/g"); got != "g" {
		t.Errorf("contents %q", got)
	}
	d, _ := resolve(c, "/e/moved/sub", 0)
	path, reachable, e := Path(c, d, c.InPage(kmem.PageSize))
	if e != abi.OK || !reachable || string(path.Bytes()) != "/e/moved/sub" {
		t.Errorf("path %q, %v", path.Bytes(), e)
	}
	Put(d)
	check(t)
	if e := rename(c, "/e/moved", "/f", abi.RENAME_EXCHANGE); e != abi.OK {
		t.Fatal(e)
	}
	check(t)
	if got := contentsOf(t, c, "/e/moved"); got != "contents" {
		t.Errorf("exchanged: %q", got)
	}
	if got := contentsOf(t, c, "/f/g"); got != "g" {
		t.Errorf("exchanged: %q", got)
	}
}

// What is open or held outlives its name.
func TestUnlinkedStays(t *testing.T) {
	c := machine(t, 64)
	before := inUse()
	write(t, c, "/f", "still here")
	d, _ := resolve(c, "/f", 0)
	if e := unlink(c, "/f"); e != abi.OK {
		t.Fatal(e)
	}
	if _, e := resolve(c, "/f", 0); e != abi.ENOENT {
		t.Fatalf("the name is gone: %v", e)
	}
	if s := &kmem.Inode(InodeOf(d)).State; s.Nlink != 0 {
		t.Errorf("nlink %d", s.Nlink)
	}
	if got := string(readAt(t, c, InodeOf(d), 0, 100)); got != "still here" {
		t.Errorf("contents %q", got)
	}
	write(t, c, "/f", "another")
	if e := Link(c, d, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, "/again"))}); e != abi.ENOENT {
		t.Errorf("link of a removed file: %v", e)
	}
	Put(d)
	_ = unlink(c, "/f")
	if got := inUse(); got != before {
		t.Errorf("in use %v, was %v", got, before)
	}

	// A removed directory takes no names, and keeps its parents while held.
	_ = mkdir(c, "/p", 0o755)
	_ = mkdir(c, "/p/q", 0o755)
	d, _ = resolve(c, "/p/q", 0)
	_ = rmdir(c, "/p/q")
	_ = rmdir(c, "/p")
	if _, e := Mkdir(c, PathAt{Dir: d, Span: c.InPath(put(c.Path, "x"))}, 0o755); e != abi.ENOENT {
		t.Errorf("mkdir in a removed directory: %v", e)
	}
	if _, e := Resolve(c, PathAt{Dir: d, Span: c.InPath(put(c.Path, "../.."))}, 0); e != abi.OK {
		t.Errorf("up from a removed directory: %v", e)
	} else {
		Put(kmem.Header().RootDentry)
	}
	Put(d)
	if got := inUse(); got != before {
		t.Errorf("in use %v, was %v", got, before)
	}
}

func TestTmpfileGetsAName(t *testing.T) {
	c := machine(t, 64)
	d, e := open(c, "/", abi.O_TMPFILE|abi.O_RDWR, 0o600)
	if e != abi.OK {
		t.Fatal(e)
	}
	writeAt(t, c, InodeOf(d), 0, []byte("secret"))
	if got := list(t, c, "/", 4096); len(got) != 2 {
		t.Errorf("listing %v", got)
	}
	if e := Link(c, d, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, "/named"))}); e != abi.OK {
		t.Errorf("link: %v", e)
	}
	Put(d)
	if got := contentsOf(t, c, "/named"); got != "secret" {
		t.Errorf("contents %q", got)
	}
	check(t)
	d, _ = open(c, "/", abi.O_TMPFILE|abi.O_EXCL|abi.O_RDWR, 0o600)
	if e := Link(c, d, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, "/never"))}); e != abi.ENOENT {
		t.Errorf("link of an O_EXCL one: %v", e)
	}
	Put(d)
}

func TestPermissions(t *testing.T) {
	c := machine(t, 64)
	as(t, c, 0, 0)
	chmod := func(path string, mode abi.FileMode) {
		d, e := resolve(c, path, 0)
		if e == abi.OK {
			e = Chmod(c, InodeOf(d), mode)
			Put(d)
		}
		if e != abi.OK {
			t.Fatalf("chmod %s: %v", path, e)
		}
	}
	_ = mkdir(c, "/open", 0o755)
	chmod("/open", 0o777)
	_ = mkdir(c, "/tmp", 0o755)
	chmod("/tmp", 0o1777)
	_ = mkdir(c, "/closed", 0o700)
	write(t, c, "/closed/f", "x")
	write(t, c, "/tmp/roots", "x")
	write(t, c, "/f", "x")
	chmod("/f", 0o640)
	_ = mkdir(c, "/sgid", 0o755)
	d, _ := resolve(c, "/sgid", 0)
	_ = Chown(c, InodeOf(d), 0, 77)
	Put(d)
	chmod("/sgid", 0o2777)

	as(t, c, 1000, 1000)
	if _, e := resolve(c, "/closed/f", 0); e != abi.EACCES {
		t.Errorf("search: %v", e)
	}
	if _, e := open(c, "/f", abi.O_RDONLY, 0); e != abi.EACCES {
		t.Errorf("read: %v", e)
	}
	if _, e := open(c, "/f", abi.O_RDONLY|abi.O_PATH, 0); e != abi.OK {
		t.Errorf("O_PATH: %v", e)
	}
	if e := mkdir(c, "/new", 0o755); e != abi.EACCES {
		t.Errorf("mkdir: %v", e)
	}
	if e := unlink(c, "/tmp/roots"); e != abi.EPERM {
		t.Errorf("sticky: %v", e)
	}
	if e := rename(c, "/tmp/roots", "/open/mine", 0); e != abi.EPERM {
		t.Errorf("sticky rename: %v", e)
	}
	write(t, c, "/tmp/own", "mine")
	if e := unlink(c, "/tmp/own"); e != abi.OK {
		t.Errorf("own in sticky: %v", e)
	}
	// A set-group-ID directory gives its group, and to directories the bit.
	write(t, c, "/sgid/f", "x")
	if s := stateOf(t, c, "/sgid/f"); s.Gid != 77 || s.Uid != 1000 {
		t.Errorf("owner %d:%d", s.Uid, s.Gid)
	}
	_ = mkdir(c, "/sgid/d", 0o755)
	if s := stateOf(t, c, "/sgid/d"); s.Gid != 77 || s.Mode&abi.S_ISGID == 0 {
		t.Errorf("directory %d, mode %o", s.Gid, uint32(s.Mode))
	}
	if e := mknod(c, "/open/dev", abi.S_IFCHR|0o666); e != abi.EPERM {
		t.Errorf("mknod: %v", e)
	}
	// A new file may be written whatever its mode says.
	d, e := open(c, "/open/ro", abi.O_CREAT|abi.O_RDWR, 0o444)
	if e != abi.OK {
		t.Errorf("create read-only: %v", e)
	} else {
		Put(d)
	}
	if _, e := open(c, "/open/ro", abi.O_RDWR, 0); e != abi.EACCES {
		t.Errorf("open read-only for writing: %v", e)
	}

	// Changing a file's contents without privilege takes its privileges.
	write(t, c, "/open/suid", "x")
	chmod("/open/suid", 0o6755)
	d, _ = resolve(c, "/open/suid", 0)
	writeAt(t, c, InodeOf(d), 0, []byte("y"))
	if mode := kmem.Inode(InodeOf(d)).State.Mode; mode&(abi.S_ISUID|abi.S_ISGID) != 0 {
		t.Errorf("mode after write %o", uint32(mode))
	}
	if e := Chown(c, InodeOf(d), 0, keepID); e != abi.EPERM {
		t.Errorf("chown: %v", e)
	}
	if e := Chown(c, InodeOf(d), keepID, 55); e != abi.EPERM {
		t.Errorf("chgrp: %v", e)
	}
	c.P().State.Groups[0], c.P().State.GroupCount = 55, 1
	if e := Chown(c, InodeOf(d), keepID, 55); e != abi.OK {
		t.Errorf("chgrp to own group: %v", e)
	}
	Put(d)

	// Root executes only what somebody may.
	as(t, c, 0, 0)
	d, _ = resolve(c, "/open/ro", 0)
	if e := Permission(c, InodeOf(d), MayExec); e != abi.EACCES {
		t.Errorf("exec without x: %v", e)
	}
	if e := Permission(c, InodeOf(d), MayRead|MayWrite); e != abi.OK {
		t.Errorf("root: %v", e)
	}
	Put(d)
	check(t)
}

// Times: what changes which of them (inode(7)).
func TestTimes(t *testing.T) {
	c := machine(t, 64)
	_ = mkdir(c, "/d", 0o755)
	write(t, c, "/d/f", "x")
	dir, _ := resolve(c, "/d", 0)
	f, _ := resolve(c, "/d/f", 0)
	d, s := &kmem.Inode(InodeOf(dir)).State, &kmem.Inode(InodeOf(f)).State
	reset := func() {
		for _, x := range []*abi.InodeSlot{kmem.Inode(InodeOf(dir)), kmem.Inode(InodeOf(f))} {
			kmem.WriteBegin(&x.Header)
			x.State.AtimeNs, x.State.MtimeNs, x.State.CtimeNs = 1, 1, 1
			kmem.WriteEnd(&x.Header)
		}
	}
	for _, x := range []struct {
		name   string
		do     func()
		dm, dc bool // the directory's mtime and ctime change
		fm, fc bool
	}{
		{"write", func() { writeAt(t, c, InodeOf(f), 0, []byte("y")) }, false, false, true, true},
		{"truncate", func() { _ = Truncate(c, InodeOf(f), 5) }, false, false, true, true},
		{"chmod", func() { _ = Chmod(c, InodeOf(f), 0o600) }, false, false, false, true},
		{"link", func() { _ = link2(c, "/d/f", "/d/f2") }, true, true, false, true},
		{"rename", func() { _ = rename(c, "/d/f2", "/d/f3", 0) }, true, true, false, true},
		{"unlink", func() { _ = unlink(c, "/d/f3") }, true, true, false, true},
		{"mkdir", func() { _ = mkdir(c, "/d/e", 0o755) }, true, true, false, false},
		{"empty write", func() { writeAt(t, c, InodeOf(f), 0, nil) }, false, false, false, false},
	} {
		reset()
		x.do()
		got := [4]bool{d.MtimeNs != 1, d.CtimeNs != 1, s.MtimeNs != 1, s.CtimeNs != 1}
		if want := [4]bool{x.dm, x.dc, x.fm, x.fc}; got != want {
			t.Errorf("%s: %v, want %v", x.name, got, want)
		}
	}
	// relatime: a read moves atime when it is not newer than the others.
	reset()
	Accessed(InodeOf(f))
	if s.AtimeNs == 1 {
		t.Error("atime stays behind mtime")
	}
	at := s.AtimeNs
	Accessed(InodeOf(f))
	if s.AtimeNs != at {
		t.Error("atime moves although it is the newest")
	}
	Put(f)
	Put(dir)
}
