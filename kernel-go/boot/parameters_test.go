package boot

import (
	"go/ast"
	"go/token"
	"testing"
)

// mostParameters is how many a function may have. What needs more takes a struct,
// whose fields have names where it is called.
const mostParameters = 4

// manyParameters are the functions that have more, and why.
var manyParameters = map[string]string{
	"riscv.wide":     "the fields of one instruction, by its format",
	"softfp.pack":    "the parts of a floating-point number, by its format",
	"main.imm":       "the fields of one instruction, by its format",
	"main.reg":       "the fields of one instruction, by its format",
	"randseq.op":     "the fields of one instruction, by its format",
	"randseq.encode": "the fields of one instruction, by its format",
}

func TestFunctionsHaveFewParameters(t *testing.T) {
	set := token.NewFileSet()
	found := map[string]bool{}
	for _, file := range kernelFiles(t, set) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Type.Params.NumFields() <= mostParameters {
				continue
			}
			name := file.Name.Name + "." + f.Name.Name
			found[name] = true
			if manyParameters[name] == "" {
				t.Errorf("%s: %s has %d parameters: let it take a struct", set.Position(f.Pos()), name, f.Type.Params.NumFields())
			}
		}
	}
	for name := range manyParameters {
		if !found[name] {
			t.Errorf("%s is in the list and has few parameters", name)
		}
	}
}
