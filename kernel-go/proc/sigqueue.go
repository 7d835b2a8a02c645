package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// A sigQueue is what is pending for a process or for a thread: a set of signals,
// and the records of those that have one, oldest first. Records count against a
// limit of the process's user.
type sigQueue struct {
	pending    *uint64
	head, tail *abi.SigInfoRef
	queued     *uint32
	user       abi.UserRef
}

func queueOf(p *abi.ProcessSlot) sigQueue {
	return sigQueue{&p.State.Pending, &p.Live.SigQueueHead, &p.Live.SigQueueTail, &p.Live.Queued, p.Live.User}
}

func threadQueue(p *abi.ProcessSlot, t *abi.ThreadSlot) sigQueue {
	return sigQueue{&t.State.Pending, &t.Live.SigQueueHead, &t.Live.SigQueueTail, &t.Live.Queued, p.Live.User}
}

// enqueue adds a signal to the pending ones of a process. Standard signals that
// are pending already are merged. Beyond RLIMIT_SIGPENDING, which the kernel's
// own standard signals and those of kill(2) pass (Linux __send_signal), a
// real-time one is EAGAIN, or with kill(2) loses its record, as others do. A
// timer's signal has its record already.
func (k sigQueue) enqueue(p *abi.ProcessSlot, s *Sig) abi.Errno {
	if s.Timer != 0 {
		t := kmem.PosixTimer(s.Timer)
		t.Queued = 1
		k.record(t.Info, s)
		*k.pending |= bit(s.Signo)
		return abi.OK
	}
	realtime := s.Signo >= abi.SIGRTMIN
	if *k.pending&bit(s.Signo) != 0 && !realtime {
		return abi.OK
	}
	i := abi.SigInfoRef(0)
	if !realtime && s.Code >= 0 || uint64(kmem.User(k.user).Queued) < p.State.Rlimits[abi.RLIMIT_SIGPENDING].Cur {
		i = kmem.Alloc[abi.SigInfoRef]()
	}
	switch {
	case i != 0:
		k.record(i, s)
	case realtime && s.Code != int32(abi.SI_USER):
		return abi.EAGAIN
	}
	*k.pending |= bit(s.Signo)
	return abi.OK
}

// record fills signal record i and puts it at the end.
func (k sigQueue) record(i abi.SigInfoRef, s *Sig) {
	q := kmem.SigInfo(i)
	q.Signo, q.Code, q.Errno, q.Field0, q.Field1, q.Field2, q.Field3 = s.Signo, s.Code, s.Errno, s.Field0, s.Field1, s.Field2, s.Field3
	q.Next = 0
	if *k.tail == 0 {
		*k.head = i
	} else {
		kmem.SigInfo(*k.tail).Next = i
	}
	*k.tail = i
	*k.queued++
	kmem.User(k.user).Queued++
}

// unlink takes record i, which stands behind `last` (0: it is the first), out.
func (k sigQueue) unlink(i, last abi.SigInfoRef) {
	next := kmem.SigInfo(i).Next
	if last == 0 {
		*k.head = next
	} else {
		kmem.SigInfo(last).Next = next
	}
	if *k.tail == i {
		*k.tail = last
	}
	*k.queued--
	kmem.User(k.user).Queued--
}

// dequeue takes signal signo, which is pending.
func (k sigQueue) dequeue(signo abi.Signal) Sig {
	out := Sig{Signo: signo, Code: int32(abi.SI_USER)}
	last, found, more := abi.SigInfoRef(0), false, false
	for i := *k.head; i != 0 && !more; {
		q := kmem.SigInfo(i)
		next := q.Next
		switch {
		case q.Signo != signo:
			last = i
		case found:
			more = true
		default:
			found = true
			out = Sig{q.Signo, q.Code, q.Errno, q.Field0, q.Field1, q.Field2, q.Field3, q.Timer}
			k.unlink(i, last)
			if q.Timer != 0 {
				out.Field0 |= uint64(timerTaken(q.Timer)) << 32 // si_overrun
			} else {
				kmem.Free(i)
			}
		}
		i = next
	}
	if !more {
		*k.pending &^= bit(signo)
	}
	return out
}

// drop drops the pending signals of a mask.
func (k sigQueue) drop(mask uint64) {
	last := abi.SigInfoRef(0)
	for i := *k.head; i != 0; {
		q := kmem.SigInfo(i)
		next := q.Next
		if bit(q.Signo)&mask == 0 {
			last, i = i, next
			continue
		}
		k.unlink(i, last)
		if q.Timer != 0 {
			timerTaken(q.Timer)
		} else {
			kmem.Free(i)
		}
		i = next
	}
	*k.pending &^= mask
}

// dropTimers takes the signals of timers out, whose records stay theirs. What is
// pending by another record stays so.
func (k sigQueue) dropTimers() {
	last, gone, left := abi.SigInfoRef(0), uint64(0), uint64(0)
	for i := *k.head; i != 0; {
		q := kmem.SigInfo(i)
		next := q.Next
		if q.Timer == 0 {
			left |= bit(q.Signo)
			last, i = i, next
			continue
		}
		gone |= bit(q.Signo)
		k.unlink(i, last)
		kmem.PosixTimer(q.Timer).Queued = 0
		i = next
	}
	*k.pending &^= gone &^ left
}

// remove takes one record, which it does not free, out.
func (k sigQueue) remove(info abi.SigInfoRef) {
	last, more, signo := abi.SigInfoRef(0), false, kmem.SigInfo(info).Signo
	for i := *k.head; i != 0; {
		next := kmem.SigInfo(i).Next
		if i == info {
			k.unlink(i, last)
		} else {
			more = more || kmem.SigInfo(i).Signo == signo
			last = i
		}
		i = next
	}
	if !more {
		*k.pending &^= bit(signo)
	}
}

// empty frees all records: who had them ends.
func (k sigQueue) empty() {
	for i := *k.head; i != 0; i = *k.head {
		k.unlink(i, 0)
		if t := kmem.SigInfo(i).Timer; t != 0 {
			kmem.PosixTimer(t).Queued = 0
			continue
		}
		kmem.Free(i)
	}
}
