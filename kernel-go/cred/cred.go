// Package cred owns what a process may do: its capabilities
// (capabilities(7)), and how they change with its users and when it executes a
// program.
//
// It does not own the ids themselves (syscalls sets them). Everything here
// wants the machine lock.
package cred

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// All is every capability that there is.
const All = uint64(1)<<(abi.CAP_LAST_CAP+1) - 1

// fileCaps go and come with the user for files (CAP_FS_MASK).
const fileCaps = uint64(1)<<abi.CAP_CHOWN | uint64(1)<<abi.CAP_DAC_OVERRIDE | uint64(1)<<abi.CAP_DAC_READ_SEARCH | uint64(1)<<abi.CAP_FOWNER |
	uint64(1)<<abi.CAP_FSETID | uint64(1)<<abi.CAP_LINUX_IMMUTABLE | uint64(1)<<abi.CAP_MKNOD | uint64(1)<<abi.CAP_MAC_OVERRIDE

// Bit is a capability's bit in a set.
func Bit(n abi.Capability) uint64 { return 1 << n }

// Has says whether the context acts with a capability. The host, for which
// requests act, has all.
func Has(c *sched.Ctx, n abi.Capability) bool {
	return c.Process == 0 || c.P().State.CapEffective&Bit(n) != 0
}

// Init gives a process that the host starts all that root has.
func Init(s *abi.ProcessState) {
	s.CapPermitted, s.CapEffective, s.CapBounding = All, All, All
}

// Inherit gives a child what its parent has (fork).
func Inherit(s, parent *abi.ProcessState) {
	s.CapPermitted, s.CapEffective, s.CapInheritable = parent.CapPermitted, parent.CapEffective, parent.CapInheritable
	s.CapBounding, s.CapAmbient, s.Securebits = parent.CapBounding, parent.CapAmbient, parent.Securebits
}

func secure(s *abi.ProcessState, bit abi.SecureBit) bool { return s.Securebits&bit != 0 }

// IDs are the users of a process before they change.
type IDs struct{ Uid, Euid, Suid, Fsuid uint32 }

// IDsOf reads them.
func IDsOf(s *abi.ProcessState) IDs { return IDs{s.Uid, s.Euid, s.Suid, s.Fsuid} }

// UsersChanged does to the capabilities what a change of users means (Linux
// cap_emulate_setxuid): who is root no more in any way loses them, unless it
// said to keep them; the effective ones follow the effective user.
func UsersChanged(s *abi.ProcessState, old IDs) {
	if secure(s, abi.SECBIT_NO_SETUID_FIXUP) {
		return
	}
	if (old.Uid == 0 || old.Euid == 0 || old.Suid == 0) && s.Uid != 0 && s.Euid != 0 && s.Suid != 0 {
		if !secure(s, abi.SECBIT_KEEP_CAPS) {
			s.CapPermitted, s.CapEffective = 0, 0
		}
		s.CapAmbient = 0
	}
	switch {
	case old.Euid == 0 && s.Euid != 0:
		s.CapEffective = 0
	case old.Euid != 0 && s.Euid == 0:
		s.CapEffective = s.CapPermitted
	}
}

// FileUserChanged is UsersChanged for setfsuid(2).
func FileUserChanged(s *abi.ProcessState, old uint32) {
	if secure(s, abi.SECBIT_NO_SETUID_FIXUP) {
		return
	}
	switch {
	case old == 0 && s.Fsuid != 0:
		s.CapEffective &^= fileCaps
	case old != 0 && s.Fsuid == 0:
		s.CapEffective |= s.CapPermitted & fileCaps
	}
}

// Exec is what a program begins with. No file has capabilities of its own, but
// all have those of root, and that a program made its user another is told by
// setid.
func Exec(s *abi.ProcessState, setid bool) {
	if setid {
		s.CapAmbient = 0
	}
	s.Securebits &^= abi.SECBIT_KEEP_CAPS
	s.CapPermitted, s.CapEffective = s.CapAmbient, s.CapAmbient
	if secure(s, abi.SECBIT_NOROOT) || s.Uid != 0 && s.Euid != 0 {
		return
	}
	s.CapPermitted |= s.CapBounding | s.CapInheritable
	if s.Euid == 0 {
		s.CapEffective = s.CapPermitted
	}
}

// Real are the capabilities that access(2) goes by: those that the real user
// would have.
func Real(c *sched.Ctx) uint64 {
	if c.Process == 0 {
		return All
	}
	s := &c.P().State
	if secure(s, abi.SECBIT_NO_SETUID_FIXUP) {
		return s.CapEffective
	}
	if s.Uid == 0 {
		return s.CapPermitted
	}
	return 0
}

// Of are the effective capabilities of the context.
func Of(c *sched.Ctx) uint64 {
	if c.Process == 0 {
		return All
	}
	return kmem.Process(c.Process).State.CapEffective
}
