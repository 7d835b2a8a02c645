package boot

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// apart are packages whose function variables are no hooks of the kernel: the
// seam to a native host, what serves tests, and programs that are not the kernel.
var apart = []string{"../host", "../abi", "../cmd", "../riscv/internal", "../proc/internal", "../kmem/kmemtest"}

// sources are the kernel's files that may have hooks, those of fuzz targets left out.
func sources(t *testing.T, set *token.FileSet) map[string]*ast.File {
	t.Helper()
	files := kernelFiles(t, set, apart...)
	for path, f := range files {
		if forTests(f) {
			delete(files, path)
		}
	}
	return files
}

// kernelFiles are the kernel's files but for tests and some folders, for all targets.
func kernelFiles(t *testing.T, set *token.FileSet, without ...string) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, a := range without {
			if path == a {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err == nil {
			files[path] = f
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// forTests says whether only builds of tests have a file.
func forTests(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:build") && strings.Contains(c.Text, "rewrite") {
				return true
			}
		}
	}
	return false
}

// hooks are the package-level function variables without a value, and those that
// are such fields of a struct, as "package.Name" and "package.Name.Field".
func hooks(files map[string]*ast.File) map[string]token.Pos {
	functions := map[string]bool{} // named function types, "package.Name"
	vars := map[string]token.Pos{}
	each := func(tok token.Token, f func(pkg string, s ast.Spec)) {
		for _, file := range files {
			for _, d := range file.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok == tok {
					for _, s := range g.Specs {
						f(file.Name.Name, s)
					}
				}
			}
		}
	}
	each(token.TYPE, func(pkg string, s ast.Spec) {
		if _, ok := s.(*ast.TypeSpec).Type.(*ast.FuncType); ok {
			functions[pkg+"."+s.(*ast.TypeSpec).Name.Name] = true
		}
	})
	isFunction := func(pkg string, e ast.Expr) bool {
		if name, ok := e.(*ast.Ident); ok {
			return functions[pkg+"."+name.Name]
		}
		_, ok := e.(*ast.FuncType)
		return ok
	}
	each(token.VAR, func(pkg string, s ast.Spec) {
		v := s.(*ast.ValueSpec)
		if len(v.Values) != 0 {
			return
		}
		for _, name := range v.Names {
			if isFunction(pkg, v.Type) {
				vars[pkg+"."+name.Name] = name.Pos()
			}
			if fields, ok := v.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, n := range f.Names {
						if isFunction(pkg, f.Type) {
							vars[pkg+"."+name.Name+"."+n.Name] = n.Pos()
						}
					}
				}
			}
		}
	})
	return vars
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.X) + "." + e.Sel.Name
	}
	return ""
}

// Every hook of the kernel is set by wire, asserted by wired, and set nowhere else.
func TestHooksAreWired(t *testing.T) {
	set := token.NewFileSet()
	files := sources(t, set)
	all := hooks(files)
	if len(all) < 20 {
		t.Fatalf("%d hooks: the search finds them no more", len(all))
	}
	wires, asserts := map[string]bool{}, map[string]bool{}
	for path, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			inWire := path == "wire.go" || path == "../boot/wire.go"
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for _, to := range n.Lhs {
						name := nameOf(to)
						if !strings.Contains(name, ".") {
							name = file.Name.Name + "." + name
						}
						if _, hook := all[name]; !hook {
							continue
						}
						if inWire && f.Name.Name == "wire" {
							wires[name] = true
						} else {
							t.Errorf("%s sets %s: that is wire's", set.Position(n.Pos()), name)
						}
					}
				case *ast.BinaryExpr:
					if inWire && f.Name.Name == "wired" && n.Op == token.NEQ && nameOf(n.Y) == "nil" {
						asserts[nameOf(n.X)] = true
					}
				}
				return true
			})
		}
	}
	for name, pos := range all {
		if !wires[name] {
			t.Errorf("%s: wire does not set %s", set.Position(pos), name)
		}
		if !asserts[name] {
			t.Errorf("%s: wired does not assert %s", set.Position(pos), name)
		}
	}
	for name := range asserts {
		if _, hook := all[name]; !hook {
			t.Errorf("wired asserts %s, which is no hook", name)
		}
	}
}
