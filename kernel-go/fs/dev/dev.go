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
		return zeros(c, b)
	case abi.DEV_RANDOM, abi.DEV_URANDOM:
		return random(c, b)
	}
	return 0, abi.ENXIO
}

// piece is after how many bytes of an endless device others may have a turn. A
// signal ends a transfer there.
const piece = 64 << 10

// ended is what a transfer from a device that has done `done` bytes comes to.
func ended(done uint32, e abi.Errno) (uint32, abi.Errno) {
	if e == abi.EINTR {
		e = abi.OK
	}
	return done, e
}

func zeros(c *sched.Ctx, b *mm.Buf) (uint32, abi.Errno) {
	done, e := uint32(0), abi.OK
	for b.Len != 0 && e == abi.OK {
		before := b.Len
		e = mm.BufZero(c, b, min(b.Len, piece))
		done += before - b.Len
		if e == abi.OK && b.Len != 0 {
			e = sched.GiveWay(c)
		}
	}
	return ended(done, e)
}

func random(c *sched.Ctx, b *mm.Buf) (uint32, abi.Errno) {
	done, e := uint32(0), abi.OK
	for b.Len != 0 && e == abi.OK {
		n := min(b.Len, kmem.PageSize)
		entropy.Fill(c.InPage(n))
		before := b.Len
		e = mm.BufOut(c, b, c.InPage(n))
		kmem.Zero(c.Page, n)
		done += before - b.Len
		if e == abi.OK && done&(piece-1) == 0 && b.Len != 0 {
			e = sched.GiveWay(c)
		}
	}
	return ended(done, e)
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
		return mix(c, b)
	}
	return 0, abi.ENXIO
}

func mix(c *sched.Ctx, b *mm.Buf) (uint32, abi.Errno) {
	done, e := uint32(0), abi.OK
	for b.Len != 0 && e == abi.OK {
		part := min(b.Len, kmem.PageSize)
		if e = mm.BufIn(c, b, c.InPage(part)); e != abi.OK {
			break
		}
		entropy.Mix(c.InPage(part))
		done += part
		if done&(piece-1) == 0 && b.Len != 0 {
			e = sched.GiveWay(c)
		}
	}
	return ended(done, e)
}
