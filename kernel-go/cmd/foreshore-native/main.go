// Command foreshore-native runs a riscv64 Linux program on the kernel's packages
// as an ordinary Go program, without WebAssembly and without JavaScript: what
// the same program does here and in kernel.wasm is to be the same, so that
// either tells whose mistake a difference is.
//
// It speaks to its kernel as every host does, through the rings of client 0. One
// process is one machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"foreshore.dev/kernel/abi"
)

// Exit codes of our own, those of env(1), timeout(1) and shells.
const (
	exitTimedOut      = 124
	exitFailed        = 125
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // and the signal's number
)

var usage = fmt.Sprintf(`usage: foreshore-native [OPTION…] PROGRAM [ARG…]
       foreshore-native -subject [-harts N] [-memory MIB]
Runs a riscv64 Linux program on the Foreshore kernel, built natively.

  -root DIR         a host folder as the machine's files (again: a layer above)
  -file PATH=FILE   a host file under a path of the machine (may be given again)
  -harts N          harts, 1 to %d (default 1)
  -memory MIB       memory of the machine, 40 to 4096 (default 1024)
  -env NAME=VALUE   adds to the environment (may be given again)
  -cwd DIR          working directory in the machine, made when missing (default /)
  -timeout SECONDS  ends the machine with exit code 124
  -strace           system calls to standard error
  -rounds N         runs PROGRAM ARG… SEED for N seeds and after each PROGRAM after, which must end with 0;
                    exit code 125 when slots or frames of the machine are left
  -seed SEED        the first of them (default 1)
  -share FILE       the machine's memory is that file, for others to look at
  -log FILE         what the machine says of itself to FILE, not standard error
  -subject          instead of a program: speaks the conformance kit's JSON lines on the standard streams

Without -root and -file, PROGRAM is a file of the host. Exit codes: the program's; 124 time is
up, 125 foreshore-native failed, 126 PROGRAM cannot be run, 127 not found, 128+N ended by signal N.
`, abi.LimitHarts)

type options struct {
	roots, files, env []string
	harts, memoryMiB  uint
	cwd, logFile      string
	share             string
	timeout           float64
	strace            bool
	rounds            uint
	seed              uint64
	// subject: the kit's; one machine of it: of a process that it has started.
	subject, subjectMachine bool
	program                 string
	args                    []string
}

// failure is why a run ends before its program does.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return f.text }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}

func main() {
	// A reader of ours that is gone is an error of the write, to be handed to the guest.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// command is all of it; it returns the exit code. The machine goes on until the
// process ends.
func command(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	code := 0
	switch {
	case err != nil:
	case o.subject:
		err = serveSubject(o, stdin, stdout, stderr)
	case o.subjectMachine:
		err = serveMachine(o, stdin, stdout, stderr)
	default:
		code, err = runProgram(o, stdin, stdout, stderr)
	}
	if err == nil {
		return code
	}
	code = exitFailed
	var f *failure
	if errors.As(err, &f) {
		code = f.code
	}
	if err.Error() != "" {
		fmt.Fprintf(stderr, "foreshore-native: %v\n", err)
	}
	return code
}

func parse(args []string) (*options, error) {
	o := &options{}
	set := flag.NewFlagSet("foreshore-native", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	list := func(name string, to *[]string, separated bool) {
		set.Func(name, "", func(value string) error {
			if separated && strings.Index(value, "=") < 1 {
				return fmt.Errorf("NAME=VALUE is wanted")
			}
			*to = append(*to, value)
			return nil
		})
	}
	list("root", &o.roots, false)
	list("file", &o.files, true)
	list("env", &o.env, true)
	set.UintVar(&o.harts, "harts", 1, "")
	set.UintVar(&o.memoryMiB, "memory", 1024, "")
	set.StringVar(&o.cwd, "cwd", "/", "")
	set.Float64Var(&o.timeout, "timeout", 0, "")
	set.BoolVar(&o.strace, "strace", false, "")
	set.UintVar(&o.rounds, "rounds", 0, "")
	set.Uint64Var(&o.seed, "seed", 1, "")
	set.StringVar(&o.logFile, "log", "", "")
	set.StringVar(&o.share, "share", "", "")
	set.BoolVar(&o.subject, "subject", false, "")
	set.BoolVar(&o.subjectMachine, "subject-machine", false, "")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case (o.subject || o.subjectMachine) && set.NArg() != 0:
		return nil, errors.New("-subject runs no program")
	case !o.subject && !o.subjectMachine && (set.NArg() == 0 || set.Arg(0) == ""):
		return nil, errors.New("PROGRAM is missing; -help says more")
	case o.harts < 1 || o.harts > uint(abi.LimitHarts):
		return nil, fmt.Errorf("-harts %d: a whole number from 1 to %d", o.harts, abi.LimitHarts)
	case o.memoryMiB < 40 || o.memoryMiB > 4096:
		return nil, fmt.Errorf("-memory %d: a whole number from 40 to 4096", o.memoryMiB)
	case !path.IsAbs(o.cwd):
		return nil, fmt.Errorf("-cwd %s: an absolute path is wanted", o.cwd)
	case o.timeout < 0 || o.timeout > 1e6:
		return nil, fmt.Errorf("-timeout %v: seconds are wanted", o.timeout)
	}
	for _, arg := range set.Args() {
		if strings.Contains(arg, "\x00") {
			return nil, errors.New("an argument contains a NUL")
		}
	}
	if set.NArg() > 0 {
		o.program, o.args = set.Arg(0), set.Args()[1:]
	}
	return o, nil
}

func runProgram(o *options, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	var mu sync.Mutex
	say, trace := stderr, func(record []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(stderr, traceLine(record))
	}
	if o.logFile != "" {
		file, err := os.Create(o.logFile)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		say = file
	}
	log := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(say, "foreshore-native: %s\n", text)
	}
	m, err := start(size{uint32(o.harts), uint32(o.memoryMiB), 1, o.share}, log, trace)
	if err != nil {
		return 0, err
	}
	type outcome struct {
		code int
		err  error
	}
	ended := make(chan outcome, 1)
	started := make(chan *process, 1)
	go func() {
		code, err := inMachine(o, newFiles(log), started, streams{stdin, stdout, stderr})
		ended <- outcome{code, err}
	}()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	var guest *process
	var late <-chan time.Time
	var recent []time.Time
	for {
		select {
		case result := <-ended:
			return result.code, result.err
		case err := <-m.failed:
			return 0, err
		case guest = <-started:
			if o.timeout > 0 {
				late = time.After(time.Duration(o.timeout * float64(time.Second)))
			}
		case <-late:
			return 0, fail(exitTimedOut, "")
		case s := <-signals:
			number := s.(syscall.Signal)
			recent = append(recent, time.Now())
			// Three of them within two seconds end a machine whose program takes no notice.
			if guest == nil || len(recent) >= 3 && time.Since(recent[len(recent)-3]) < 2*time.Second {
				return 0, fail(exitSignal+int(number), "")
			}
			go guest.kill(-int32(guest.pid), abi.Signal(number))
		}
	}
}

// streams are the standard streams of the command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// inMachine does what a machine that runs is there for.
func inMachine(o *options, f *files, started chan<- *process, std streams) (int, error) {
	for _, root := range o.roots {
		if err := f.applyFolder(root); err != nil {
			return 0, fmt.Errorf("-root %s: %w", root, err)
		}
	}
	for _, pair := range o.files {
		guest, host, _ := strings.Cut(pair, "=")
		if err := f.applyFile(guest, host); err != nil {
			return 0, fmt.Errorf("-file %s: %w", pair, err)
		}
	}
	if o.cwd != "/" {
		if e := f.makeDirectory(o.cwd); e != abi.OK {
			return 0, fmt.Errorf("-cwd %s: %v", o.cwd, e)
		}
	}
	env := environment(o.env)
	at, err := findProgram(f, o, env)
	if err != nil {
		return 0, err
	}
	if o.strace {
		_, _ = f.c.call(entryOf(abi.OpcodeSetTrace, abi.SetTraceRequest{Syscalls: 1}))
	}
	if o.rounds != 0 {
		return runRounds(o, f, image{at, o.cwd, nil, env}, std.out)
	}
	p, e := spawn(f, image{at, o.cwd, append([]string{o.program}, o.args...), env})
	switch e {
	case abi.OK:
	case abi.ENOENT, abi.ENOTDIR:
		return 0, fail(exitNotFound, "%s: %v", o.program, e)
	case abi.EACCES, abi.ENOEXEC, abi.EISDIR, abi.ELOOP, abi.ENOMEM, abi.E2BIG, abi.ELIBBAD, abi.ENAMETOOLONG:
		return 0, fail(exitNotExecutable, "%s: %v", o.program, e)
	default:
		return 0, fmt.Errorf("%s: %v", o.program, e)
	}
	started <- p
	status, e := p.run(std.in, std.out, std.err)
	if e != abi.OK {
		return 0, fmt.Errorf("waiting for %s: %v", o.program, e)
	}
	code, how := int(status>>8&0xff), "exited with"
	if signal := int(status & 0x7f); signal != 0 {
		code, how = signal, "was ended by signal"
	}
	if o.logFile != "" {
		// Our own exit code may be a program's, too: here the two are told apart.
		f.log(fmt.Sprintf("the program %s %d", how, code))
	}
	if status&0x7f != 0 {
		code += exitSignal
	}
	return code, nil
}

// environment is what was asked for, over what the Runtime gives programs (DEFAULT_ENV of @foreshore/abi; test/native-kernel.test.ts compares).
func environment(asked []string) []string {
	usual := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	var env []string
	at := map[string]int{}
	for _, pair := range append(usual, asked...) {
		name, _, _ := strings.Cut(pair, "=")
		if i, known := at[name]; known {
			env[i] = pair
			continue
		}
		at[name] = len(env)
		env = append(env, pair)
	}
	return env
}

// findProgram is the path in the machine of what the command line names.
func findProgram(f *files, o *options, env []string) (string, error) {
	if len(o.roots) == 0 && len(o.files) == 0 {
		return hostProgram(f, o.program)
	}
	candidates := []string{path.Join(o.cwd, o.program)}
	switch {
	case path.IsAbs(o.program):
		candidates[0] = o.program
	case !strings.Contains(o.program, "/"):
		candidates = nil
		for _, pair := range env {
			if list, found := strings.CutPrefix(pair, "PATH="); found {
				for _, folder := range strings.Split(list, ":") {
					candidates = append(candidates, path.Join("/", folder, o.program))
				}
			}
		}
	}
	refused := fail(exitNotFound, "%s: not found in the machine", o.program)
	for _, candidate := range candidates {
		mode, e := f.mode(candidate)
		switch {
		case e == abi.ENOENT || e == abi.ENOTDIR:
		case e != abi.OK:
			refused = fail(exitNotExecutable, "%s: %v", candidate, e)
		case mode&abi.S_IFMT != abi.S_IFREG:
			refused = fail(exitNotExecutable, "%s: not a regular file", candidate)
		case mode&0o111 == 0:
			refused = fail(exitNotExecutable, "%s: permission denied", candidate)
		default:
			return candidate, nil
		}
	}
	return "", refused
}

// hostProgram puts a program of the host into the machine, under its own path.
func hostProgram(f *files, program string) (string, error) {
	at, err := filepath.Abs(program)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fail(exitNotFound, "%s: no such file", program)
	case err != nil:
		return "", fail(exitNotExecutable, "%v", err)
	case !info.Mode().IsRegular():
		return "", fail(exitNotExecutable, "%s: not a regular file", program)
	case info.Mode()&0o111 == 0:
		return "", fail(exitNotExecutable, "%s: not executable", program)
	}
	return at, f.applyFile(at, at)
}
