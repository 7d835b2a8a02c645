package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// The initial stack of a program: strings, auxiliary vector, pointers (psABI,
// "Process Initialization"; Linux's binfmt_elf).

// pointerAt is element i of an array of pointers, 0 behind its end.
func pointerAt(c *sched.Ctx, as abi.AddressSpaceRef, array uint64, i uint32) (uint64, abi.Errno) {
	if array == 0 {
		return 0, abi.OK
	}
	n, e := mm.CopyInAs(c, c.InPage(8), mm.User{As: as, Va: array + uint64(i)*8})
	if e != abi.OK || n != 8 {
		return 0, e
	}
	return kmem.Load64(c.Page), abi.OK
}

// stringArray is an array of the caller's, of which the first `skip` strings are
// passed over; how many there are is known of those in linear memory.
type stringArray struct {
	at          uint64
	skip, count uint32
}

// stringPlace is where strings go: one behind the other in a new address space, their
// addresses into a table there. Those that go nowhere are only counted.
type stringPlace struct {
	as        abi.AddressSpaceRef
	at, table uint64
}

// eachString calls CopyString for the strings of an array and stores their new
// addresses. It returns how many there are and their bytes.
func (p *plan) eachString(c *sched.Ctx, from stringArray, to stringPlace, limit uint32) (uint32, uint32, abi.Errno) {
	done, bytes := uint32(0), uint32(0)
	s := &p.program.Strings
	for i := uint32(0); ; i++ {
		var src uint64
		srcAs := s.As
		if s.Linear != 0 {
			if i == from.count {
				break
			}
			if p.linear >= s.Bytes {
				return 0, 0, abi.EINVAL
			}
			src, srcAs = uint64(s.Linear+p.linear), 0
		} else {
			v, e := pointerAt(c, s.As, from.at, i)
			if e != abi.OK {
				return 0, 0, e
			}
			if v == 0 {
				break
			}
			src = v
		}
		room := min(limit-bytes, uint32(abi.LimitArgStringBytes))
		if i < from.skip {
			room = uint32(abi.LimitArgStringBytes) // it is only passed over
		}
		if s.Linear != 0 {
			room = min(room, s.Bytes-p.linear)
		}
		as := to.as
		if i < from.skip {
			as = 0
		}
		n, e := mm.CopyString(c, mm.User{As: srcAs, Va: src}, mm.User{As: as, Va: to.at + uint64(bytes)}, room)
		if e != abi.OK {
			return 0, 0, e
		}
		if s.Linear != 0 {
			p.linear += n
		}
		if i < from.skip {
			continue
		}
		if to.as != 0 {
			kmem.Store64(c.Page, to.at+uint64(bytes))
			if e := mm.CopyOutAs(c, mm.User{As: to.as, Va: to.table + uint64(done)*8}, c.InPage(8)); e != abi.OK {
				return 0, 0, e
			}
		}
		bytes += n
		done++
	}
	return done, bytes, abi.OK
}

const auxvWords = 2 * 20

// out and word write to the new address space.
func (p *plan) out(c *sched.Ctx, va uint64, src kmem.Span) abi.Errno {
	return mm.CopyOutAs(c, mm.User{As: p.as, Va: va}, src)
}

func (p *plan) word(c *sched.Ctx, va, v uint64) abi.Errno {
	kmem.Store64(c.Page, v)
	return p.out(c, va, c.InPage(8))
}

// stringLimit is how many bytes the strings of an exec and the pointers to
// them may take: a quarter of the stack's limit, within Linux's own bounds
// (execve(2), "Limits on size of arguments and environment").
func stringLimit(process abi.ProcessRef) uint32 {
	quarter := kmem.Process(process).State.Rlimits[abi.RLIMIT_STACK].Cur / 4
	return uint32(max(min(quarter, uint64(abi.LimitArgBytes)), uint64(abi.LimitArgBytesLeast)))
}

// pushArgs writes arguments, environment and auxiliary vector to the new
// stack, as the psABI and Linux lay them out, and returns the stack pointer.
func (p *plan) pushArgs(c *sched.Ctx, process abi.ProcessRef) (uint64, abi.Errno) {
	limit := stringLimit(process)
	s := &p.program.Strings
	p.linear = 0
	args, env := stringArray{s.Argv, p.skip, s.Argc}, stringArray{s.Envp, 0, s.Envc}
	argc, argBytes, e := p.eachString(c, args, stringPlace{}, limit)
	if e != abi.OK {
		return 0, e
	}
	envc, envBytes, e := p.eachString(c, env, stringPlace{}, limit-argBytes)
	if e != abi.OK {
		return 0, e
	}
	prefixBytes := vecEnd - p.prefix
	argc += p.prefixCount
	// An empty argv becomes one empty string, as since Linux 5.18.
	empty := argc == 0
	if empty {
		argc, prefixBytes = 1, 1
	}
	if uint64(argBytes)+uint64(envBytes)+uint64(argc+envc)*8+uint64(p.execFnLen)+1 > uint64(limit) {
		return 0, abi.E2BIG
	}
	top := mm.StackTop - 8
	fn := top - uint64(p.execFnLen) - 1
	envStart := fn - uint64(envBytes)
	argStart := envStart - uint64(argBytes) - uint64(prefixBytes)
	random := (argStart - 16) &^ 15
	sp := (random - uint64(1+argc+1+envc+1+auxvWords)*8) &^ 15
	argv := sp + 8
	envp := argv + uint64(argc+1)*8
	if e := p.word(c, sp, uint64(argc)); e != abi.OK {
		return 0, e
	}
	if empty {
		if e := p.word(c, argv, argStart); e != abi.OK {
			return 0, e
		}
	} else {
		// The prefix strings, then the rest of the caller's.
		if e := p.out(c, argStart, kmem.Span{Addr: c.Vec + p.prefix, Len: prefixBytes}); e != abi.OK {
			return 0, e
		}
		at := p.prefix
		for i := range p.prefixCount {
			if e := p.word(c, argv+uint64(i)*8, argStart+uint64(at-p.prefix)); e != abi.OK {
				return 0, e
			}
			for *(*byte)(kmem.Ptr(c.Vec + at)) != 0 {
				at++
			}
			at++
		}
	}
	p.linear = 0
	if _, _, e := p.eachString(c, args, stringPlace{p.as, argStart + uint64(prefixBytes), argv + uint64(p.prefixCount)*8}, argBytes); e != abi.OK {
		return 0, tooBig(e)
	}
	if e := p.word(c, argv+uint64(argc)*8, 0); e != abi.OK {
		return 0, e
	}
	if _, _, e := p.eachString(c, env, stringPlace{p.as, envStart, envp}, envBytes); e != abi.OK {
		return 0, tooBig(e)
	}
	if e := p.word(c, envp+uint64(envc)*8, 0); e != abi.OK {
		return 0, e
	}
	if e := p.out(c, fn, kmem.Span{Addr: c.Vec + vecExecFn, Len: p.execFnLen + 1}); e != abi.OK {
		return 0, e
	}
	host.Entropy(c.Page, 16)
	if e := p.out(c, random, c.InPage(16)); e != abi.OK {
		return 0, e
	}
	p.auxv(c, process, random, fn)
	as := kmem.AddressSpace(p.as)
	if e := p.out(c, envp+uint64(envc+1)*8, kmem.Span{Addr: kmem.Addr(ptrOf(&as.State.Auxv)), Len: auxvWords * 8}); e != abi.OK {
		return 0, e
	}
	as.State.StackStart = sp
	argsAt{argStart, envStart, envStart, fn}.keep(c)
	return sp, abi.OK
}

// argsAt are the bounds of the strings, kept until commit in Vec's header part.
type argsAt struct{ argStart, argEnd, envStart, envEnd uint64 }

func (a argsAt) keep(c *sched.Ctx) { *(*argsAt)(kmem.Ptr(c.Vec + vecHeader)) = a }

// tooBig: strings that grew between counting and copying (another thread
// wrote to them) do not fit.
func tooBig(e abi.Errno) abi.Errno {
	if e == abi.E2BIG {
		return abi.EFAULT
	}
	return e
}

// hwcap: the single-letter extensions, as ELF hwcap bits: I M A F D C.
const hwcap = 1<<0 | 1<<2 | 1<<3 | 1<<5 | 1<<8 | 1<<12

func (p *plan) auxv(c *sched.Ctx, process abi.ProcessRef, random, fn uint64) {
	p.auxvLen = 0
	s := &kmem.Process(process).State
	p.put(abi.AT_SYSINFO_EHDR, vdsoAddress)
	p.put(abi.AT_HWCAP, hwcap)
	p.put(abi.AT_PAGESZ, uint64(kmem.PageSize))
	p.put(abi.AT_CLKTCK, 100)
	p.put(abi.AT_PHDR, p.main.phdr)
	p.put(abi.AT_PHENT, abi.Elf64PhdrSize)
	p.put(abi.AT_PHNUM, uint64(p.main.phnum))
	base := uint64(0)
	if p.main.interp {
		base = p.interp.bias
	}
	p.put(abi.AT_BASE, base)
	p.put(abi.AT_FLAGS, 0)
	p.put(abi.AT_ENTRY, p.main.entry)
	p.put(abi.AT_UID, uint64(s.Uid))
	p.put(abi.AT_EUID, uint64(s.Euid))
	p.put(abi.AT_GID, uint64(s.Gid))
	p.put(abi.AT_EGID, uint64(s.Egid))
	p.put(abi.AT_SECURE, 0)
	p.put(abi.AT_RANDOM, random)
	p.put(abi.AT_EXECFN, fn)
	p.put(abi.AT_MINSIGSTKSZ, abi.RtSigframeSize)
	p.put(abi.AT_NULL, 0)
	kmem.AddressSpace(p.as).State.AuxvLen = uint32(p.auxvLen)
	for p.auxvLen < auxvWords {
		p.put(abi.AT_NULL, 0)
	}
}

// put adds a pair to the auxiliary vector.
func (p *plan) put(k abi.Auxv, v uint64) {
	a := &kmem.AddressSpace(p.as).State.Auxv
	a[p.auxvLen], a[p.auxvLen+1] = uint64(k), v
	p.auxvLen += 2
}
