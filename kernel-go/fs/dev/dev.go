// Package dev owns the character devices null, zero, full, random and urandom.
// Terminals are in tty.
package dev

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/entropy"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Open says whether the device exists: ENXIO when it does not.
func Open(rdev uint64) abi.Errno {
	switch abi.DeviceNumber(rdev) {
	case abi.DEV_NULL, abi.DEV_ZERO, abi.DEV_FULL, abi.DEV_RANDOM, abi.DEV_URANDOM:
		return abi.OK
	}
	return abi.ENXIO
}

// Read reads from a device.
func Read(c *sched.Ctx, rdev uint64, b *mm.Buf) (uint32, abi.Errno) {
	switch abi.DeviceNumber(rdev) {
	case abi.DEV_NULL:
		return 0, abi.OK
	case abi.DEV_ZERO, abi.DEV_FULL:
		before := b.Len
		e := mm.BufZero(c, b, b.Len)
		return before - b.Len, e
	case abi.DEV_RANDOM, abi.DEV_URANDOM:
		return random(c, b)
	}
	return 0, abi.ENXIO
}

func random(c *sched.Ctx, b *mm.Buf) (uint32, abi.Errno) {
	done := uint32(0)
	for b.Len != 0 {
		n := min(b.Len, kmem.PageSize)
		entropy.Fill(c.Page, n)
		before := b.Len
		e := mm.BufOut(c, b, c.Page, n)
		kmem.Zero(c.Page, n)
		done += before - b.Len
		if e != abi.OK {
			return done, e
		}
	}
	return done, abi.OK
}

// Write writes to a device.
func Write(c *sched.Ctx, rdev uint64, b *mm.Buf) (uint32, abi.Errno) {
	n := b.Len
	switch abi.DeviceNumber(rdev) {
	case abi.DEV_NULL, abi.DEV_ZERO:
		b.Addr += uint64(n)
		b.Len = 0
		return n, abi.OK
	case abi.DEV_FULL:
		return 0, abi.ENOSPC
	case abi.DEV_RANDOM, abi.DEV_URANDOM:
		done := uint32(0)
		for b.Len != 0 {
			part := min(b.Len, kmem.PageSize)
			if e := mm.BufIn(c, b, c.Page, part); e != abi.OK {
				return done, e
			}
			entropy.Mix(c.Page, part)
			done += part
		}
		return done, abi.OK
	}
	return 0, abi.ENXIO
}
