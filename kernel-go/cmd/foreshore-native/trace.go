package main

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/syscalls"
)

// traceLine is a line for a TraceRecord, empty for the beginnings of calls: name,
// raw arguments and result. The strings that arguments point at are left to the
// formatter of the other command (sdk/src/strace).
func traceLine(p []byte) string {
	if len(p) < int(abi.TraceRecordSize) {
		return ""
	}
	r := (*abi.TraceRecord)(unsafe.Pointer(unsafe.SliceData(bytes.Clone(p[:abi.TraceRecordSize]))))
	line := fmt.Sprintf("[%d] ", r.Tid)
	signal := func(n uint64) string { return abi.Signal(n).String() }
	switch r.Phase {
	case abi.TracePhaseExit:
		line += callLine(r)
	case abi.TracePhaseSignal:
		line += fmt.Sprintf("--- %s ---", signal(uint64(r.Number)))
	case abi.TracePhaseStopped:
		line += fmt.Sprintf("--- stopped by %s ---", signal(r.Args[0]))
	case abi.TracePhaseEnded:
		if killer := r.Args[0] & 0x7f; killer != 0 {
			line += fmt.Sprintf("+++ killed by %s +++", signal(killer))
		} else {
			line += fmt.Sprintf("+++ exited with %d +++", r.Args[0]>>8&0xff)
		}
	default:
		return ""
	}
	return line + "\n"
}

func callLine(r *abi.TraceRecord) string {
	name := strings.TrimPrefix(abi.Syscall(r.Number).String(), "SYS_")
	args := make([]string, len(syscalls.Letters(abi.Syscall(r.Number))))
	for i := range args {
		args[i] = fmt.Sprintf("%#x", r.Args[i])
	}
	result := fmt.Sprintf("%d", int64(r.Result))
	switch e := abi.Errno(r.Errno); {
	case e >= abi.ERESTARTSYS:
		result = fmt.Sprintf("? %v", e)
	case e != abi.OK:
		result = fmt.Sprintf("-1 %v", e)
	}
	return fmt.Sprintf("%s(%s) = %s", name, strings.Join(args, ", "), result)
}
