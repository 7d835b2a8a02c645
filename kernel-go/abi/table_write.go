package abi

import "encoding/binary"

// tableWriter builds a buffer front to back: a table, then what its fields
// point to. It never writes past the bytes that it was given.
type tableWriter struct {
	buf   []byte
	at    uint32
	short bool
}

// reserve takes zeroed room at a multiple of align, counted `before` bytes
// further on. Without room, writes go nowhere and the build fails at its end.
func (w *tableWriter) reserve(size, align, before uint32) uint32 {
	at := (w.at+before+align-1)/align*align - before
	if uint64(at)+uint64(size) > uint64(len(w.buf)) {
		w.short = true
		return 0
	}
	clear(w.buf[w.at : at+size])
	w.at = at + size
	return at
}

func (w *tableWriter) begin(root string) bool {
	if w.reserve(8, 4, 0); w.short {
		return false
	}
	copy(w.buf[4:8], root)
	return true
}

func (w *tableWriter) end(root uint32) (uint32, bool) {
	if w.short {
		return 0, false
	}
	binary.LittleEndian.PutUint32(w.buf, root)
	return w.at, true
}

// table takes a vtable and, behind it, its table.
func (w *tableWriter) table(vtableBytes, tableBytes uint16, align uint32) uint32 {
	vtable := w.reserve(uint32(vtableBytes), 2, 0)
	at := w.reserve(uint32(tableBytes), align, 0)
	if w.short {
		return 0
	}
	binary.LittleEndian.PutUint16(w.buf[vtable:], vtableBytes)
	binary.LittleEndian.PutUint16(w.buf[vtable+2:], tableBytes)
	binary.LittleEndian.PutUint32(w.buf[at:], at-vtable)
	return at
}

// place makes a field of a table present.
func (w *tableWriter) place(table uint32, slot, offset uint16) uint32 {
	if w.short {
		return 0
	}
	vtable := table - binary.LittleEndian.Uint32(w.buf[table:])
	binary.LittleEndian.PutUint16(w.buf[vtable+uint32(slot):], offset)
	return table + uint32(offset)
}

func (w *tableWriter) scalar(at, n uint32, v uint64) {
	if w.short {
		return
	}
	for i := range n {
		w.buf[at+i] = byte(v >> (8 * i))
	}
}

func (w *tableWriter) raw(at uint32, b []byte) {
	if !w.short {
		copy(w.buf[at:], b)
	}
}

func (w *tableWriter) link(at, target uint32) {
	if !w.short {
		binary.LittleEndian.PutUint32(w.buf[at:], target-at)
	}
}

// vector takes a vector's room and writes its length.
func (w *tableWriter) vector(length int, size, align uint32) uint32 {
	if uint64(length)*uint64(size) > uint64(len(w.buf)) {
		w.short = true
		return 0
	}
	at := w.reserve(4+uint32(length)*size, max(4, align), 4)
	w.scalar(at, 4, uint64(length))
	return at
}

func (w *tableWriter) text(b []byte) uint32 {
	if len(b) > len(w.buf) {
		w.short = true
		return 0
	}
	at := w.reserve(4+uint32(len(b))+1, 4, 0)
	w.scalar(at, 4, uint64(len(b)))
	if !w.short {
		copy(w.buf[at+4:], b)
	}
	return at
}

func (w *tableWriter) blob(b []byte) uint32 {
	at := w.vector(len(b), 1, 1)
	if !w.short {
		copy(w.buf[at+4:], b)
	}
	return at
}
