package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// What si_band tells of what si_code does (Linux fs/fcntl.c, band_table).
const (
	bandIn  = uint64(abi.POLLIN | abi.POLLRDNORM)
	bandOut = uint64(abi.POLLOUT | abi.POLLWRNORM | abi.POLLWRBAND)
	bandMsg = uint64(abi.POLLIN | abi.POLLRDNORM | abi.POLLMSG)
)

// ownCodes are signals whose positive si_codes mean something else.
const ownCodes = synchronous | uint64(1)<<(abi.SIGCHLD-1)

// Sigio sends the signals of a description with O_ASYNC, or of a lease that is
// broken (POLLMSG), to its owner.
func Sigio(ofd abi.OfdRef, events abi.PollEvent) {
	if events&abi.POLLIN != 0 {
		sigioAll(ofd, &Sig{Code: int32(abi.POLL_IN), Field0: bandIn})
	}
	if events&abi.POLLOUT != 0 {
		sigioAll(ofd, &Sig{Code: int32(abi.POLL_OUT), Field0: bandOut})
	}
	if events&abi.POLLMSG != 0 {
		sigioAll(ofd, &Sig{Code: int32(abi.POLL_MSG), Field0: bandMsg})
	}
}

// sigioAll is the signal for an owner: a code and its band, under the number that the
// owner asked for.
func sigioAll(ofd abi.OfdRef, s *Sig) {
	o := kmem.Ofd(ofd)
	pid := o.State.OwnerPid
	switch {
	case o.Live.OwnerIsThread != 0:
		if t := FindThread(uint32(pid)); t != 0 {
			sigioOne(ofd, kmem.Thread(t).State.Process, t, s)
		}
	case pid > 0:
		if p := FindProcess(uint32(pid)); p != 0 {
			sigioOne(ofd, p, 0, s)
		}
	case pid < 0:
		for i := firstOf(uint32(-pid)); i != 0; i = nextOf(i, uint32(-pid)) {
			sigioOne(ofd, i, 0, s)
		}
	}
}

// sigioOne is the signal for one process or thread, where the user who named
// it may signal it. What cannot be queued becomes a SIGIO.
func sigioOne(ofd abi.OfdRef, process abi.ProcessRef, thread abi.ThreadRef, s *Sig) {
	l := &kmem.Ofd(ofd).Live
	p := &kmem.Process(process).State
	if l.OwnerEuid != 0 && l.OwnerEuid != p.Suid && l.OwnerEuid != p.Uid && l.OwnerUid != p.Suid && l.OwnerUid != p.Uid {
		return
	}
	c := sched.For(kmem.WorkerIndex)
	if l.AsyncSignal != 0 {
		sig := Sig{Signo: l.AsyncSignal, Code: s.Code, Field0: s.Field0, Field1: uint64(l.AsyncFd)}
		if sig.Signo != abi.SIGIO && ownCodes&bit(sig.Signo) != 0 {
			sig.Code = int32(abi.SI_SIGIO)
		}
		if send(c, process, thread, &sig) == abi.OK {
			return
		}
	}
	sig := Sig{Signo: abi.SIGIO, Code: int32(abi.SI_KERNEL)}
	_ = send(c, process, thread, &sig)
}
