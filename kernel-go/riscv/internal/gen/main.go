// Command gen writes the interpreter's inner loop (loop_gen.go): one function with
// one switch, a case per instruction of the table that it executes inline and a
// case per fused sequence. The semantics of each instruction are written once, in
// snippets.go; a fused case is the snippets of its members one after another.
//
// Run by `go generate ./riscv`.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"

	"foreshore.dev/kernel/riscv"
)

func main() {
	log.SetFlags(0)
	out := flag.String("o", "loop_gen.go", "file to write")
	profile := flag.Bool("profile", false, "count executed ops by calling countOp; nothing is fused")
	flag.Parse()
	src, err := format.Source(generate(*profile))
	if err != nil {
		log.Fatalf("gen: the generated loop is not Go: %v", err)
	}
	if err := os.WriteFile(*out, src, 0o644); err != nil {
		log.Fatalf("gen: %v", err)
	}
}

func generate(profile bool) []byte {
	var b bytes.Buffer
	b.WriteString(prologue)
	if profile {
		b.WriteString("\t\tcountOp(ip)\n")
	}
	b.WriteString("\t\tswitch Op(*(*uint16)(ptr(ip))) {\n")
	sequences := fused
	if profile {
		sequences = nil
	}
	var cases []oneCase
	for _, s := range snippets {
		cases = append(cases, oneCase{s.name, codeName(s.name), []fusedMember{{snippet: s}}})
	}
	for i, seq := range sequences {
		cases = append(cases, oneCase{seq, fmt.Sprintf("codeFused+%d", i), members(seq)})
	}
	place := func(c oneCase) int {
		if i := slices.Index(hot, c.text); i >= 0 {
			return i
		}
		return len(hot)
	}
	slices.SortStableFunc(cases, func(a, b oneCase) int { return place(a) - place(b) })
	for _, c := range cases {
		c.write(&b)
	}
	b.WriteString(epilogue)
	rules(&b, sequences)
	return b.Bytes()
}

// oneCase is a case of the switch: a snippet or a fused sequence.
type oneCase struct {
	text    string
	code    string
	members []fusedMember
}

func (c oneCase) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "case Op(%s): // %s\n", c.code, c.text)
	keep := strings.Contains(c.text, ":")
	if keep {
		b.WriteString("var v uint64\n")
	}
	at, ends := 0, false
	for _, m := range c.members {
		text := member(m.snippet, at, m.ref, keep)
		if len(c.members) > 1 {
			text = "{\n" + text + "}\n"
		}
		b.WriteString(text)
		at += m.size
		ends = m.ends
	}
	if !ends {
		fmt.Fprintf(b, "ip += %d\n", at)
	}
}

// rules writes the tables that decode.go uses to find fused sequences.
func rules(b *bytes.Buffer, sequences []string) {
	fmt.Fprintf(b, "\n// numFused is the number of fused sequences.\nconst numFused = %d\n", len(sequences))
	b.WriteString("\n// fuseRules are the fused sequences; the index is the code less codeFused.\n")
	b.WriteString("var fuseRules = [numFused]fuseRule{\n")
	for _, seq := range sequences {
		list := members(seq)
		if len(list) > riscv.MaxFused {
			log.Fatalf("gen: %q has more than %d members", seq, riscv.MaxFused)
		}
		var codes, refs []string
		for _, m := range list {
			codes = append(codes, fmt.Sprintf("uint16(%s)", codeName(m.name)))
			ref := 0
			if m.ref != 0 {
				ref = int(m.ref-'a') + 1
			}
			refs = append(refs, fmt.Sprint(ref))
		}
		fmt.Fprintf(b, "{%d, [MaxFused]uint16{%s}, [MaxFused]uint8{%s}},\n", len(list), strings.Join(codes, ","), strings.Join(refs, ","))
	}
	b.WriteString("}\n")
	b.WriteString("\n// opBytes is the size of the op of each code, 0 where the loop has no case for it.\n")
	b.WriteString("var opBytes = [codeFused]uint8{\n")
	for _, s := range snippets {
		fmt.Fprintf(b, "%s: %d,\n", codeName(s.name), s.size)
	}
	b.WriteString("}\n")
}

// fusedMember is a snippet in a sequence; ref names the field whose register is the one
// that an earlier member wrote last, 0 when any register will do.
type fusedMember struct {
	snippet
	ref byte
}

// members parses a sequence: names, each with an optional ":field".
func members(seq string) (list []fusedMember) {
	for _, word := range strings.Fields(seq) {
		name, ref, _ := strings.Cut(word, ":")
		m := fusedMember{snippet: find(name)}
		if ref != "" {
			m.ref = ref[0]
		}
		list = append(list, m)
	}
	return list
}

func find(name string) snippet {
	for _, s := range snippets {
		if s.name == name {
			return s
		}
	}
	log.Fatalf("gen: a fused sequence names %q, which has no snippet", name)
	return snippet{}
}

// codeName is the Go constant of a snippet: an internal code, or the Op of a row.
func codeName(name string) string {
	if strings.HasPrefix(name, "code") {
		return name
	}
	for i := range riscv.InsnTable {
		if riscv.InsnTable[i].Name == name {
			parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' })
			for j, p := range parts {
				parts[j] = strings.ToUpper(p[:1]) + p[1:]
			}
			return "Op" + strings.Join(parts, "")
		}
	}
	log.Fatalf("gen: no instruction is called %q", name)
	return ""
}

var (
	register = regexp.MustCompile(`\b([XFDS])([abcd])\b`)
	leave    = regexp.MustCompile(`LEAVE\((\w+)\)`)
	define   = regexp.MustCompile(`(?m)^DEF\((.*)\)$`)
)

// member is a snippet's text for an op that lies at byte at of the sequence. Memory is
// addressed through arrays of constant index: TinyGo checks the address of a struct's
// field for nil, and offsets that are added by hand are not folded into the access.
//
// ref is the field that is read from v, where keep has earlier members put their result.
func member(s snippet, at int, ref byte, keep bool) string {
	field := func(name byte) string {
		return fmt.Sprintf("uint32((*[128]uint8)(ptr(ip))[%d])", at+2+int(name-'a'))
	}
	t := macros(s.body)
	if keep {
		t = define.ReplaceAllString(t, "v = $1\nXa := v")
	} else {
		t = define.ReplaceAllString(t, "Xa := $1")
	}
	if ref != 0 {
		t = regexp.MustCompile(`\bX`+string(ref)+`\b( :=)?`).ReplaceAllStringFunc(t, func(m string) string {
			if strings.HasSuffix(m, "=") {
				return m
			}
			return "v"
		})
	}
	t = strings.ReplaceAll(strings.ReplaceAll(t, "Xa :=", "Xa ="), "v = v\n", "")
	t = register.ReplaceAllStringFunc(t, func(m string) string {
		addr := "ptr(c + " + field(m[1]) + ")"
		switch m[0] {
		case 'X':
			return "(*(*uint64)(" + addr + "))"
		case 'F':
			return "(*[33]uint64)(" + addr + ")[32]"
		case 'D':
			return "(*[33]float64)(" + addr + ")[32]"
		}
		return "(*[65]float32)(" + addr + ")[64]"
	})
	word := func(offset int) string { return fmt.Sprintf("(*[32]uint32)(ptr(ip))[%d]", (at+offset)/4) }
	t = strings.NewReplacer(
		"IMM16", fmt.Sprintf("uint64((*[64]int16)(ptr(ip))[%d])", (at+4)/2),
		"IMM32", "uint64(int32("+word(4)+"))",
		"SHAMT", "("+word(4)+" & 63)",
		"ORDINAL", "int32("+field('c')+")",
		"LINK", word(8),
		"DISP", "int32("+word(12)+")",
	).Replace(t)
	step := ""
	if at > 0 {
		step = fmt.Sprintf("ip += %d; ", at)
	}
	return leave.ReplaceAllString(t, "{ "+step+"why = $1; break loop }")
}

const prologue = `// Code generated by internal/gen; DO NOT EDIT.

package riscv

import (
	"math"
	"math/bits"
)

// run executes decoded ops from h.ip until one of them leaves, and says why. It
// makes no call: whatever is rare leaves by a branch and is done outside (run.go).
// Guests' loads and stores, and the looks at tables that the kernel changes
// meanwhile, are races by design; the race detector watches the kernel.
//
//go:nobounds
//go:noinline
//go:norace
func run(h *HartCpu) (why uint32) {
	c, rt, wt, hc, gen := h.ctx, h.rt, h.wt, h.tlb, uint64(h.gen)<<32
	ip, left, page, fp := h.ip, h.left, h.page, h.fp
loop:
	for {
`

const epilogue = `		default: // codeSlow
			why = whySlow
			break loop
		}
	}
	h.ip, h.left, h.page = ip, left, page
	return why
}
`
