package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
)

// The vDSO: a shared object of one page, the same frame in every process (AT_SYSINFO_EHDR). It reads the clocks by the time
// CSR, so what it answers and what the system call answers are multiples of the same 100 ns (sched.NowNs).

//go:generate go run ./internal/vdsogen

// vdsoAddress lies above the stack, where no program's own mappings go.
const vdsoAddress = mm.VdsoAddress

// initVdso makes the frame. Its last word is CLOCK_REALTIME at the machine's base.
func initVdso() abi.Errno {
	vdso := kmem.AllocFrame(abi.FrameTypeKernel)
	if vdso == 0 {
		return abi.ENOMEM
	}
	state().Vdso = vdso
	copy(kmem.Bytes(vdso, kmem.PageSize), vdsoImage)
	kmem.Store64(vdso+vdsoRealtime, kmem.Header().RealtimeOffsetNs)
	return abi.OK
}
