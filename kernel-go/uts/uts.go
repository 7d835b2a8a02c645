// Package uts is what the system says that it is: uname(2), /proc/version,
// /proc/sys/kernel.
package uts

// The release is the version whose interface this kernel follows; programs
// check it for a minimum.
const (
	Sysname    = "Linux"
	Nodename   = "foreshore"
	Release    = "6.12.0-foreshore"
	Version    = "#1 SMP"
	Machine    = "riscv64"
	Domainname = "(none)"
)
