package file

import (
	"math/rand"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

func TestLockWaits(t *testing.T) {
	c := machine(t)
	one := c.Thread
	two := newThread(t, newProcess(t, 200), 200)
	inode := kmem.Ofd(open(t, c, "/lock", abi.O_CREAT|abi.O_RDWR)).State.Inode
	mine := LockRange{Type: abi.F_WRLCK, Start: 10, End: 19, Table: c.P().State.FdTable}
	if e := SetLock(c, inode, &mine, false); e != abi.OK {
		t.Fatal(e)
	}
	become(c, two)
	theirs := LockRange{Type: abi.F_WRLCK, Start: 0, End: 14, Table: c.P().State.FdTable}
	if e := SetLock(c, inode, &theirs, false); e != abi.EAGAIN {
		t.Fatal(e)
	}
	blocked(t, c, SetLock(c, inode, &theirs, true))
	become(c, one)
	// The holder must not wait for who waits for it.
	second := kmem.Ofd(open(t, c, "/lock2", abi.O_CREAT|abi.O_RDWR)).State.Inode
	if e := replace(second, &LockRange{Type: abi.F_WRLCK, End: 9, Table: kmem.Process(kmem.Thread(two).State.Process).State.FdTable}); e != abi.OK {
		t.Fatal(e)
	}
	if e := SetLock(c, second, &LockRange{Type: abi.F_RDLCK, End: 0, Table: c.P().State.FdTable}, true); e != abi.EDEADLK {
		t.Fatalf("deadlock: %v", e)
	}
	mine.Type = abi.F_UNLCK
	if e := SetLock(c, inode, &mine, false); e != abi.OK {
		t.Fatal(e)
	}
	again(t, c, two)
	if e := SetLock(c, inode, &theirs, true); e != abi.OK {
		t.Fatal(e)
	}
	for _, x := range []abi.InodeRef{inode, second} {
		Unlock(c.P().State.FdTable, x)
	}
	if n := kmem.Table(abi.SlotKindFileLock).InUse.Load(); n != 0 {
		t.Errorf("%d locks left", n)
	}
}

// Random locks of three owners on 48 bytes, compared with one array per owner.
func TestLockModel(t *testing.T) {
	const bytes = 48
	for seed := range int64(20) {
		c := machine(t)
		inode := kmem.Ofd(open(t, c, "/lock", abi.O_CREAT|abi.O_RDWR)).State.Inode
		r := rand.New(rand.NewSource(seed))

		var model [3][bytes]abi.FlockType
		for o := range model {
			for b := range model[o] {
				model[o][b] = abi.F_UNLCK
			}
		}
		for step := range 2000 {
			owner := r.Intn(3)
			start := r.Intn(bytes)
			end := start + r.Intn(bytes-start)
			kind := abi.FlockType(r.Intn(3))
			free := true
			for o := range model {
				for b := start; b <= end && o != owner; b++ {
					if m := model[o][b]; kind != abi.F_UNLCK && m != abi.F_UNLCK && (m == abi.F_WRLCK || kind == abi.F_WRLCK) {
						free = false
					}
				}
			}
			l := LockRange{Type: kind, Start: uint64(start), End: uint64(end), Ofd: abi.OfdRef(owner) + 1}
			e := SetLock(c, inode, &l, false)
			if free != (e == abi.OK) {
				t.Fatalf("seed %d step %d: %v, free %v", seed, step, e, free)
			}
			if e == abi.OK {
				for b := start; b <= end; b++ {
					model[owner][b] = kind
				}
			}
			var got [3][bytes]abi.FlockType
			for o := range got {
				for b := range got[o] {
					got[o][b] = abi.F_UNLCK
				}
			}
			locks := uint32(0)
			for i := kmem.Inode(inode).Live.LockHead; i != 0; i = kmem.FileLock(i).Next {
				l := kmem.FileLock(i)
				locks++
				for b := l.Start; b <= l.End; b++ {
					if got[l.Ofd-1][b] != abi.F_UNLCK {
						t.Fatalf("seed %d step %d: byte %d is locked twice", seed, step, b)
					}
					got[l.Ofd-1][b] = abi.FlockType(l.Type)
				}
			}
			if got != model {
				t.Fatalf("seed %d step %d: locks\n%v\nwant\n%v", seed, step, got, model)
			}
			if n := kmem.Table(abi.SlotKindFileLock).InUse.Load(); n != locks {
				t.Fatalf("seed %d step %d: %d slots for %d locks", seed, step, n, locks)
			}
			runs := uint32(0)
			for o := range model {
				last := abi.FlockType(abi.F_UNLCK)
				for _, m := range model[o] {
					if m != last && m != abi.F_UNLCK {
						runs++
					}
					last = m
				}
			}
			if locks != runs {
				t.Fatalf("seed %d step %d: %d locks for %d runs", seed, step, locks, runs)
			}
		}
	}
}
