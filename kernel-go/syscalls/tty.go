package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/tty"
)

// sysVhangup hangs up the caller's controlling terminal; root only.
func sysVhangup(c *sched.Ctx) (uint64, abi.Errno) {
	if !cred.Has(c, abi.CAP_SYS_TTY_CONFIG) {
		return 0, abi.EPERM
	}
	if t := c.P().State.Tty; t != 0 {
		tty.HangUp(c, t)
	}
	return 0, abi.OK
}
