package main

import (
	"testing"
	"unsafe"

	"foreshore.dev/kernel/abi"
)

func TestTraceLine(t *testing.T) {
	for want, r := range map[string]abi.TraceRecord{
		"[3] write(0x1, 0x10, 0x2) = 2\n":            {Phase: abi.TracePhaseExit, Tid: 3, Number: uint32(abi.SYS_write), Args: [6]uint64{1, 16, 2}, Result: 2},
		"[3] close(0xffffffffffffffff) = -1 EBADF\n": {Phase: abi.TracePhaseExit, Tid: 3, Number: uint32(abi.SYS_close), Args: [6]uint64{^uint64(0)}, Errno: uint32(abi.EBADF)},
		"[3] +++ exited with 2 +++\n":                {Phase: abi.TracePhaseEnded, Tid: 3, Args: [6]uint64{2 << 8}},
		"[3] +++ killed by SIGSEGV +++\n":            {Phase: abi.TracePhaseEnded, Tid: 3, Args: [6]uint64{uint64(abi.SIGSEGV)}},
		"[3] --- SIGCHLD ---\n":                      {Phase: abi.TracePhaseSignal, Tid: 3, Number: uint32(abi.SIGCHLD)},
		"":                                           {Phase: abi.TracePhaseEntry, Tid: 3},
		"[3] read(0x0, 0x0, 0x0) = ? ERESTARTSYS\n":  {Phase: abi.TracePhaseExit, Tid: 3, Number: uint32(abi.SYS_read), Errno: uint32(abi.ERESTARTSYS)},
	} {
		p := unsafe.Slice((*byte)(unsafe.Pointer(&r)), abi.TraceRecordSize)
		if got := traceLine(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := traceLine(make([]byte, 5)); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
