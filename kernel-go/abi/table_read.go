package abi

import (
	"encoding/binary"
	"unicode/utf8"
)

// Tables are FlatBuffers: what is handed over as a whole and may grow. Nothing
// of a buffer is read before Verify found all of it sound; nothing allocates.

// Kinds of a table's field, or of its vector's elements.
const (
	tableScalar = iota
	tableStruct
	tableString
	tableTable
)

// Numbers that must stay below 2^53.
const (
	tableUnbounded = iota
	tableBoundedUnsigned
	tableBoundedSigned
)

const (
	// tableDepth is how deep tables go; the generator refuses schemas that go deeper.
	tableDepth = 8
	// tableSharing: objects may be shared, so their sizes may sum to more than
	// the buffer has; a loop would go far beyond.
	tableSharing = 16
	// TableMax is how many tables and strings a buffer may have.
	TableMax      = 4_000_000
	maxTableBytes = 0x7fffffff
)

type tableField struct {
	slot     uint16
	size     uint16
	align    uint8
	kind     uint8
	bounded  uint8
	shape    uint8
	vector   bool
	required bool
}

type tableShape struct {
	root   string
	fields []tableField
}

// Table is a table of a verified buffer.
type Table struct {
	buf []byte
	at  uint32
}

type tableFrame struct {
	at, element, left   uint32
	shape, field, inner uint8
}

type tableVerifier struct {
	buf    []byte
	tables uint32
	work   uint64
	depth  uint32
	stack  [tableDepth]tableFrame
}

// verifyTable checks every offset, length, alignment, string and number of a
// buffer, and gives its root table.
func verifyTable(b []byte, shape uint8, maxTables uint32) (Table, TableFault) {
	if uint64(len(b)) > maxTableBytes {
		return Table{}, TableFaultBudget
	}
	v := tableVerifier{buf: b, tables: maxTables, work: uint64(len(b)) * tableSharing}
	at, f := v.follow(0)
	if f != TableFaultOk {
		return Table{}, f
	}
	root := tableShapes[shape].root
	if len(b) < 8 {
		return Table{}, TableFaultBounds
	}
	for i := range len(root) {
		if b[4+i] != root[i] {
			return Table{}, TableFaultIdentifier
		}
	}
	if f := v.enter(at, shape); f != TableFaultOk {
		return Table{}, f
	}
	for v.depth > 0 {
		if f := v.step(); f != TableFaultOk {
			return Table{}, f
		}
	}
	return Table{b, at}, TableFaultOk
}

func (v *tableVerifier) span(at uint32, size uint64, align uint32) TableFault {
	if at%align != 0 {
		return TableFaultAlignment
	}
	if uint64(at)+size > uint64(len(v.buf)) {
		return TableFaultBounds
	}
	if size > v.work {
		return TableFaultBudget
	}
	v.work -= size
	return TableFaultOk
}

// follow says where the offset at `at` leads: forwards, to a multiple of 4.
func (v *tableVerifier) follow(at uint32) (uint32, TableFault) {
	if f := v.span(at, 4, 4); f != TableFaultOk {
		return 0, f
	}
	offset := binary.LittleEndian.Uint32(v.buf[at:])
	if offset == 0 || uint64(at)+uint64(offset) > maxTableBytes {
		return 0, TableFaultBounds
	}
	return at + offset, v.span(at+offset, 4, 4)
}

// enter checks a table's own form and puts it on the stack.
func (v *tableVerifier) enter(at uint32, shape uint8) TableFault {
	if v.depth == tableDepth {
		return TableFaultDepth
	}
	if v.tables == 0 {
		return TableFaultBudget
	}
	v.tables--
	n := int64(len(v.buf))
	vtable := int64(at) - int64(int32(binary.LittleEndian.Uint32(v.buf[at:])))
	if vtable < 0 || vtable%2 != 0 || vtable+4 > n {
		return TableFaultVtable
	}
	bytes := int64(binary.LittleEndian.Uint16(v.buf[vtable:]))
	size := binary.LittleEndian.Uint16(v.buf[vtable+2:])
	if bytes < 4 || bytes%2 != 0 || vtable+bytes > n || size < 4 {
		return TableFaultVtable
	}
	if f := v.span(at, uint64(size), 4); f != TableFaultOk {
		return f
	}
	v.stack[v.depth] = tableFrame{at: at, shape: shape}
	v.depth++
	return TableFaultOk
}

// step checks the next field, or vector element, of the innermost table.
func (v *tableVerifier) step() TableFault {
	t := &v.stack[v.depth-1]
	fields := tableShapes[t.shape].fields
	if t.left > 0 {
		at := t.element
		field := &fields[t.inner]
		t.left--
		t.element += uint32(field.size)
		return v.element(at, field)
	}
	if int(t.field) == len(fields) {
		v.depth--
		return TableFaultOk
	}
	t.inner = t.field
	field := &fields[t.field]
	t.field++
	vtable := t.at - binary.LittleEndian.Uint32(v.buf[t.at:])
	offset := uint32(0)
	if field.slot < binary.LittleEndian.Uint16(v.buf[vtable:]) {
		offset = uint32(binary.LittleEndian.Uint16(v.buf[vtable+uint32(field.slot):]))
	}
	if offset == 0 {
		if field.required {
			return TableFaultRequired
		}
		return TableFaultOk
	}
	inline, align := uint32(field.size), uint32(field.align)
	if field.vector {
		inline, align = 4, 4
	}
	if offset < 4 || offset+inline > uint32(binary.LittleEndian.Uint16(v.buf[vtable+2:])) {
		return TableFaultVtable
	}
	at := t.at + offset
	if at%align != 0 {
		return TableFaultAlignment
	}
	if !field.vector {
		return v.element(at, field)
	}
	start, f := v.follow(at)
	if f != TableFaultOk {
		return f
	}
	length := binary.LittleEndian.Uint32(v.buf[start:])
	if f := v.span(start+4, uint64(length)*uint64(field.size), 4); f != TableFaultOk {
		return f
	}
	if (start+4)%uint32(field.align) != 0 {
		return TableFaultAlignment
	}
	if field.kind == tableStruct || field.kind == tableScalar && field.bounded == tableUnbounded {
		return TableFaultOk
	}
	t.element, t.left = start+4, length
	return TableFaultOk
}

func (v *tableVerifier) element(at uint32, field *tableField) TableFault {
	switch field.kind {
	case tableString:
		return v.text(at)
	case tableTable:
		inner, f := v.follow(at)
		if f != TableFaultOk {
			return f
		}
		return v.enter(inner, field.shape)
	case tableScalar:
		switch field.bounded {
		case tableBoundedUnsigned:
			if binary.LittleEndian.Uint32(v.buf[at+4:]) >= 1<<21 {
				return TableFaultRange
			}
		case tableBoundedSigned:
			high := int32(binary.LittleEndian.Uint32(v.buf[at+4:]))
			low := binary.LittleEndian.Uint32(v.buf[at:])
			if high >= 1<<21 || high < -1<<21 || high == -1<<21 && low == 0 {
				return TableFaultRange
			}
		}
	}
	return TableFaultOk
}

func (v *tableVerifier) text(at uint32) TableFault {
	start, f := v.follow(at)
	if f != TableFaultOk {
		return f
	}
	if v.tables == 0 {
		return TableFaultBudget
	}
	v.tables--
	length := binary.LittleEndian.Uint32(v.buf[start:])
	if f := v.span(start+4, uint64(length)+1, 4); f != TableFaultOk {
		return f
	}
	end := start + 4 + length
	if v.buf[end] != 0 || !utf8.Valid(v.buf[start+4:end]) {
		return TableFaultText
	}
	return TableFaultOk
}

// field is where a field lies, 0 when it is absent.
func (t Table) field(slot uint16) uint32 {
	vtable := t.at - binary.LittleEndian.Uint32(t.buf[t.at:])
	if slot >= binary.LittleEndian.Uint16(t.buf[vtable:]) {
		return 0
	}
	offset := binary.LittleEndian.Uint16(t.buf[vtable+uint32(slot):])
	if offset == 0 {
		return 0
	}
	return t.at + uint32(offset)
}

func (t Table) target(at uint32) uint32 { return at + binary.LittleEndian.Uint32(t.buf[at:]) }

// scalar reads n bytes of a field as a number.
func (t Table) scalar(slot uint16, n uint32, absent uint64) uint64 {
	at := t.field(slot)
	if at == 0 {
		return absent
	}
	return t.number(at, n)
}

func (t Table) number(at, n uint32) uint64 {
	v := uint64(0)
	for i := range n {
		v |= uint64(t.buf[at+i]) << (8 * i)
	}
	return v
}

// bytes is a string's or byte vector's contents, nil when it is absent.
func (t Table) bytes(slot uint16) []byte {
	at := t.field(slot)
	if at == 0 {
		return nil
	}
	return t.content(at)
}

func (t Table) content(at uint32) []byte {
	start := t.target(at)
	return t.buf[start+4 : start+4+binary.LittleEndian.Uint32(t.buf[start:])]
}

// length is a vector's number of elements, 0 when it is absent.
func (t Table) length(slot uint16) uint32 {
	at := t.field(slot)
	if at == 0 {
		return 0
	}
	return binary.LittleEndian.Uint32(t.buf[t.target(at):])
}

// item is where element i of a vector lies; i must be below its length.
func (t Table) item(slot uint16, i, size uint32) uint32 {
	return t.target(t.field(slot)) + 4 + i*size
}

func (t Table) table(at uint32) Table {
	if at == 0 {
		return Table{}
	}
	return Table{t.buf, t.target(at)}
}

// Present says whether there is such a table: an absent one has no fields to ask for.
func (t Table) Present() bool { return t.buf != nil }
