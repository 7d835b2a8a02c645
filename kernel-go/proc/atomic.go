package proc

import "sync/atomic"

func atomicLoad(w *uint32) uint32 { return atomic.LoadUint32(w) }

func atomicCas(w *uint32, old, new uint32) bool { return atomic.CompareAndSwapUint32(w, old, new) }
