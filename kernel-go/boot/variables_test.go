package boot

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"testing"
)

// What a package-level variable of the kernel is. State of the machine is none of
// these: it lies in slots and in KernelLive (abi/kernel.fbs), and what a hart has at
// work in its Scratch (kmem/scratch.go).
type class int

const (
	// isTable: constant, only that Go has no constants of its type. Nothing assigns to it.
	isTable class = iota + 1
	// isDerived: a copy of what is in the machine's memory or follows from tables, made
	// when a machine boots or is attached to.
	isDerived
	// isProgram: of this program and its host, whichever machine it runs.
	isProgram
	// isTesting: only builds for tests have it, or use it.
	isTesting
)

// variables are all of them but the hooks, which boot/wire.go sets.
var variables = map[string]struct {
	class  class
	reason string
}{
	"abi.EnumsByName":        {isTable, "for native programs: numbers of enums by name"},
	"abi.ReservedByName":     {isTable, "for native programs: fields of structs that are 0"},
	"abi.SeqlockRules":       {isTable, "which words lie under a slot's sequence, in paranoid builds"},
	"abi.StructsByName":      {isTable, "for native programs: structs by name"},
	"abi.SyscallArguments":   {isTable, "words of a system call's arguments, by number"},
	"abi.SyscallLetters":     {isTable, "what traces show of a system call's memory, by number"},
	"abi.SyscallLevels":      {isTable, "how far a system call is there, by number"},
	"abi.TracedSizes":        {isTable, "sizes of structures by letter"},
	"abi.VerifiersByName":    {isTable, "for native programs: verifiers of tables by name"},
	"abi.objectsOfOfdKind":   {isTable, "slot tables by kind of open file"},
	"abi.tableShapes":        {isTable, "what verifiers of FlatBuffers tables go by"},
	"boot.nodes":             {isTable, "device nodes and directories that boot makes"},
	"file.loAnswers":         {isTable, "what ioctl(2) tells of the loopback"},
	"file.ops":               {isTable, "operations by kind of open file"},
	"host.Native":            {isProgram, "the seam to a native host: what tests and tools replace"},
	"host.start":             {isProgram, "origin of a native host's clock"},
	"kmem.Areas":             {isDerived, "KernelLive.areas"},
	"kmem.bases":             {isDerived, "the header's slot tables"},
	"kmem.cursor":            {isDerived, "where boot is in its memory; nothing after boot"},
	"kmem.frameBase":         {isDerived, "the header's table of frames"},
	"kmem.heapBase":          {isProgram, "a symbol of the linker: where memory begins that is not the program's"},
	"kmem.keptAll":           {isTesting, "the keys of keptSlots, in paranoid builds"},
	"kmem.keptNow":           {isTesting, "which of keptSlots have changed in this hold of the lock, in paranoid builds"},
	"kmem.keptSlots":         {isTesting, "words of slots as their last change left them, in paranoid builds"},
	"kmem.keptTurn":          {isTesting, "which of keptAll is compared next, in paranoid builds"},
	"kmem.limited":           {isProgram, "what the host's log has been told, by text: texts are the program's"},
	"kmem.line":              {isProgram, "a line for the host's log, while it is put together"},
	"kmem.never":             {isProgram, "a word that nobody changes, to sleep on"},
	"kmem.region":            {isProgram, "natively: where the machine's memory is"},
	"kmem.regionBase":        {isProgram, "natively: where the machine's memory is"},
	"kmem.regionSize":        {isDerived, "natively: MachineHeader.memory_pages"},
	"kmem.strides":           {isDerived, "the header's slot tables"},
	"kmem.waiters":           {isProgram, "natively: goroutines that sleep on words"},
	"kmem.writing":           {isTesting, "slots between WriteBegin and WriteEnd, in paranoid builds"},
	"kmem.zeroFrame":         {isDerived, "KernelLive.frames"},
	"mm.faultAccErr":         {isTable, "an outcome of a fault"},
	"mm.faultBus":            {isTable, "an outcome of a fault"},
	"mm.faultMapErr":         {isTable, "an outcome of a fault"},
	"mm.faultOK":             {isTable, "an outcome of a fault"},
	"procfs.Files":           {isTable, "what vfs asks of procfs"},
	"procfs.entries":         {isTable, "entries of /proc"},
	"procfs.limitNames":      {isTable, "names of /proc/PID/limits"},
	"procfs.moreVMFlagNames": {isTable, "names of smaps"},
	"procfs.vmFlagNames":     {isTable, "names of smaps"},
	"riscv.InsnTable":        {isTable, "instructions"},
	"riscv.arena":            {isDerived, "decoded code: made anew from guest pages after boot or Attach"},
	"riscv.csrNames":         {isTable, "names for the disassembler"},
	"riscv.csrNumbers":       {isTable, "numbers for the disassembler"},
	"riscv.fNames":           {isTable, "names for the disassembler"},
	"riscv.fuseRules":        {isTable, "rules of fusion"},
	"riscv.opBytes":          {isTable, "sizes of decoded ops"},
	"riscv.opHead":           {isDerived, "an index of InsnTable"},
	"riscv.opNext":           {isDerived, "an index of InsnTable"},
	"riscv.rmNames":          {isTable, "names for the disassembler"},
	"riscv.ruleCost":         {isDerived, "an index of fuseRules"},
	"riscv.ruleHead":         {isDerived, "an index of fuseRules"},
	"riscv.ruleNext":         {isDerived, "an index of fuseRules"},
	"riscv.xNames":           {isTable, "names for the disassembler"},
	"sched.loadWeights":      {isTable, "weights of the load averages"},
	"sched.weights":          {isTable, "weights by nice value"},
	"sock.keptOptions":       {isTable, "options of sockets that are flags and numbers"},
	"sock.zeroAttributes":    {isTable, "attributes of the loopback that are 0"},
	"softfp.qNaN":            {isTable, "a quiet NaN, unpacked"},
	"syscalls.prctls":        {isTable, "operations of prctl(2)"},
	"syscalls.selectEvents":  {isTable, "events of select's sets"},
	"syscalls.table":         {isTable, "system calls"},
	"sysfs.cpuLists":         {isTable, "files of /sys"},
	"sysfs.directories":      {isTable, "directories of /sys"},
	"tty.bauds":              {isTable, "speeds of terminals"},
	"sched.processFollows":   {isTable, "which state of a process follows which"},
	"sched.threadFollows":    {isTable, "which state of a thread follows which"},
	"vfs.fileSystems":        {isDerived, "a row for each type of file system, to which wire adds who generates files"},
	"vfs.xattrSpaces":        {isTable, "prefixes of extended attributes"},
	"kmem.OnTouch":           {isTesting, "told of each address before it is used, in builds of fuzz targets"},
}

// rootOf is the identifier at the root of what is assigned to.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// assigned are the package-level variables that functions of their packages assign to.
func assigned(files map[string]*ast.File, vars map[string]token.Pos) map[string]token.Pos {
	found := map[string]token.Pos{}
	for _, file := range files {
		top := map[any]bool{}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, s := range g.Specs {
					top[s] = true
				}
			}
		}
		note := func(e ast.Expr) {
			id := rootOf(e)
			if id == nil {
				return
			}
			name := file.Name.Name + "." + id.Name
			// What the file itself does not declare at its top is a local of that name.
			if _, is := vars[name]; is && (id.Obj == nil || top[id.Obj.Decl]) {
				found[name] = id.Pos()
			}
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					if n.Tok != token.DEFINE {
						for _, to := range n.Lhs {
							note(to)
						}
					}
				case *ast.IncDecStmt:
					note(n.X)
				case *ast.RangeStmt:
					if n.Tok == token.ASSIGN {
						note(n.Key)
						note(n.Value)
					}
				}
				return true
			})
		}
	}
	return found
}

// Every package-level variable of the kernel is a hook or in the list, with what it
// is and why; the list has no others; and nothing assigns to a table.
func TestVariablesAreNoState(t *testing.T) {
	set := token.NewFileSet()
	files := kernelFiles(t, set, "../cmd", "../riscv/internal", "../proc/internal", "../kmem/kmemtest")
	hook := hooks(files)
	vars := map[string]token.Pos{}
	for path, file := range files {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					name := file.Name.Name + "." + n.Name
					if n.Name == "_" {
						continue
					}
					if filepath.Base(filepath.Dir(path)) == "main" {
						name = "main." + n.Name
					}
					vars[name] = n.Pos()
				}
			}
		}
	}
	if len(vars) < 60 {
		t.Fatalf("%d variables: the search finds them no more", len(vars))
	}
	for name, pos := range vars {
		v, listed := variables[name]
		if _, is := hook[name]; !is && !listed && !hookStruct(hook, name) {
			t.Errorf("%s: %s is new: state belongs into KernelLive or a slot, work into Scratch or the context; all else into the list", set.Position(pos), name)
		}
		if listed && v.reason == "" {
			t.Errorf("%s has no reason", name)
		}
	}
	for name := range variables {
		if _, is := vars[name]; !is {
			t.Errorf("%s is in the list and gone", name)
		}
	}
	for name, pos := range assigned(files, vars) {
		if variables[name].class == isTable {
			t.Errorf("%s: %s is a table and assigned to", set.Position(pos), name)
		}
	}
}

// hookStruct says whether all of a variable is hooks (tty.Signals).
func hookStruct(hook map[string]token.Pos, name string) bool {
	for h := range hook {
		if len(h) > len(name) && h[:len(name)+1] == name+"." {
			return true
		}
	}
	return false
}
