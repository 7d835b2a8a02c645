package syscalls

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"foreshore.dev/kernel/abi"
)

// abi/syscalls.fbs says which system calls there are: each has a handler, and no
// other number has one.
func TestEveryDescribedCallHasAHandler(t *testing.T) {
	for n := range max(len(table), len(abi.SyscallLevels)) {
		hasHandler := n < len(table) && table[n].handler != nil
		isDescribed := n < len(abi.SyscallLevels) && abi.SyscallLevels[n] != 0
		if hasHandler != isDescribed {
			t.Errorf("%v: handler %v, described in abi/syscalls.fbs %v", abi.Syscall(n), hasHandler, isDescribed)
		}
	}
}

// Arguments that are descriptors in some forms of a call only: what looks them up
// holds their files itself, or never waits.
var sometimes = map[string]string{
	"SYS_ioctl":        "the file that FICLONE clones",
	"SYS_waitid":       "the pidfd of P_PIDFD",
	"SYS_setxattr":     "a path, by the same function as fsetxattr",
	"SYS_lsetxattr":    "as setxattr",
	"SYS_getxattr":     "as setxattr",
	"SYS_lgetxattr":    "as setxattr",
	"SYS_listxattr":    "as setxattr",
	"SYS_llistxattr":   "as setxattr",
	"SYS_removexattr":  "as setxattr",
	"SYS_lremovexattr": "as setxattr",
}

// What a handler reads is described: no argument beyond the last, and a descriptor
// exactly where it looks one up, since Hold and traces go by that.
func TestHandlersReadWhatIsDescribed(t *testing.T) {
	s := readSources(t)
	for name, handler := range s.handlers {
		letters := abi.SyscallLetters[s.number(t, name)]
		uses := s.uses(handler)
		for _, u := range uses {
			if u.index >= len(letters) {
				t.Errorf("%s: %s reads argument %d of %d", name, handler, u.index, len(letters))
			} else if u.fd && letters[u.index] != descriptor && sometimes[name] == "" {
				t.Errorf("%s: %s looks up argument %d, which is no descriptor in %q", name, handler, u.index, letters)
			}
		}
		for k := range letters {
			if letters[k] == descriptor && !slices.Contains(uses, use{k, true}) {
				t.Errorf("%s: %s does not look up argument %d, a descriptor in %q", name, handler, k, letters)
			}
		}
	}
}

// A handler that ends with an error whatever it is given is no support in full.
func TestCallsThatOnlyFailArePartial(t *testing.T) {
	s := readSources(t)
	failing := 0
	for name, handler := range s.handlers {
		if !s.onlyFails(handler) {
			continue
		}
		failing++
		if abi.SyscallLevels[s.number(t, name)] != abi.SyscallPartial {
			t.Errorf("%s: %s always fails, described as full", name, handler)
		}
	}
	if failing < 5 {
		t.Errorf("%d calls that only fail: clocks are nobody's to set", failing)
	}
}

// onlyFails says whether a function ends with an error by name, and has no return
// before it but such and those of what it was given (`return 0, e`).
func (s sources) onlyFails(function string) bool {
	body := s.functions[function].Body
	final, ok := body.List[len(body.List)-1].(*ast.ReturnStmt)
	if !ok {
		return false
	}
	if _, byName := final.Results[len(final.Results)-1].(*ast.SelectorExpr); !byName {
		return false
	}
	fails := true
	ast.Inspect(body, func(node ast.Node) bool {
		statement, ok := node.(*ast.ReturnStmt)
		if !ok {
			return true
		}
		first, isNumber := statement.Results[0].(*ast.BasicLit)
		fails = fails && isNumber && first.Value == "0"
		if e, byName := statement.Results[len(statement.Results)-1].(*ast.SelectorExpr); byName {
			fails = fails && e.Sel.Name != "OK" && e.Sel.Name != "EBLOCKED"
		}
		return true
	})
	return fails
}

// use is an argument that a function reads.
type use struct {
	index int
	fd    bool
}

// sources is this package as text: its functions by name, and the handlers of THE
// table by the calls' constants.
type sources struct {
	functions map[string]*ast.FuncDecl
	handlers  map[string]string
}

func readSources(t *testing.T) sources {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	s := sources{map[string]*ast.FuncDecl{}, map[string]string{}}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				s.functions[node.Name.Name] = node
			case *ast.KeyValueExpr:
				key, isCall := node.Key.(*ast.SelectorExpr)
				row, isRow := node.Value.(*ast.CompositeLit)
				if isCall && isRow && name == "table.go" {
					s.handlers[key.Sel.Name] = row.Elts[0].(*ast.Ident).Name
				}
			}
			return true
		})
	}
	if len(s.handlers) < 200 {
		t.Fatalf("%d rows read of table.go", len(s.handlers))
	}
	return s
}

func (s sources) number(t *testing.T, name string) int {
	t.Helper()
	for n := range abi.SyscallLevels {
		if abi.Syscall(n).String() == name {
			return n
		}
	}
	t.Fatalf("%s has no number", name)
	return 0
}

// uses is the arguments of the system call that a function reads, itself or by what it
// calls with the context, as far as their numbers are written in the text.
func (s sources) uses(function string) []use {
	return s.usesOf(function, nil, map[string]bool{})
}

// usesOf is the same where some of the function's parameters are known numbers.
func (s sources) usesOf(function string, known map[string]int, seen map[string]bool) []use {
	decl := s.functions[function]
	if decl == nil || seen[function] {
		return nil
	}
	seen[function] = true
	defer delete(seen, function)
	var found []use
	add := func(expr ast.Expr, fd bool) {
		if n, ok := number(expr, known); ok && !slices.Contains(found, use{n, fd}) {
			found = append(found, use{n, fd})
		}
	}
	ast.Inspect(decl.Body, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch callee := call.Fun.(type) {
		case *ast.SelectorExpr:
			if of, ok := callee.X.(*ast.Ident); ok && of.Name == "c" && callee.Sel.Name == "Arg" {
				add(call.Args[0], false)
			}
		case *ast.Ident:
			if callee.Name == "fdArg" {
				add(call.Args[1], true)
				return true
			}
			inner := s.functions[callee.Name]
			if inner == nil || inner.Recv != nil {
				return true
			}
			passed := map[string]int{}
			k := 0
			for _, field := range inner.Type.Params.List {
				for _, name := range field.Names {
					if n, ok := number(call.Args[k], known); ok {
						passed[name.Name] = n
					}
					k++
				}
			}
			for _, u := range s.usesOf(callee.Name, passed, seen) {
				if !slices.Contains(found, u) {
					found = append(found, u)
				}
			}
		}
		return true
	})
	return found
}

// number is the value of a literal, a parameter that is known, or a sum of them.
func number(expr ast.Expr, known map[string]int) (int, bool) {
	switch expr := expr.(type) {
	case *ast.BasicLit:
		n, err := strconv.Atoi(expr.Value)
		return n, err == nil
	case *ast.Ident:
		n, ok := known[expr.Name]
		return n, ok
	case *ast.BinaryExpr:
		a, isA := number(expr.X, known)
		b, isB := number(expr.Y, known)
		return a + b, isA && isB && expr.Op == token.ADD
	}
	return 0, false
}
