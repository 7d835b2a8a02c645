package kmem

// Span is Len bytes of the machine's memory from Addr on: a path, a name, a
// buffer.
type Span struct{ Addr, Len uint32 }

// From is what is left behind the first n bytes.
func (s Span) From(n uint32) Span { return Span{s.Addr + n, s.Len - n} }

// Bytes is the memory itself.
func (s Span) Bytes() []byte { return Bytes(s.Addr, s.Len) }
