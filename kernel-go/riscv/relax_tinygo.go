//go:build tinygo

package riscv

// relax is called while another hart is waited for: its wait ends within 1,000
// instructions or one decoding, so nothing sleeps.
func relax() {}
