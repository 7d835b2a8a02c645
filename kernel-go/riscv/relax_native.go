//go:build !tinygo

package riscv

import "runtime"

// relax is called while another hart is waited for.
func relax() { runtime.Gosched() }
