package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// The conformance kit's subject (docs/abi/conformance.md): JSON lines on the
// standard streams. A process has one machine, so the subject that the kit
// speaks to starts a process of its own for each, and hands lines on.

// subjectProtocol is the version of the lines.
const subjectProtocol = 1

// longestLine bounds a line; an arena's worth of base64 is far below.
const longestLine = 16 << 20

// wakePatience is how long a wake waits for the kernel worker to sleep again.
const wakePatience = 20 * time.Millisecond

type subjectRequest struct {
	ID        uint64  `json:"id"`
	Op        string  `json:"op"`
	Machine   uint32  `json:"machine"`
	Client    uint32  `json:"client"`
	Most      uint32  `json:"most"`
	Offset    uint32  `json:"offset"`
	Length    uint32  `json:"length"`
	Address   uint32  `json:"address"`
	TimeoutMs float64 `json:"timeoutMs"`
	RingStart *uint32 `json:"ringStart"`
	Entries   []byte  `json:"entries"`
	Bytes     []byte  `json:"bytes"`
	// Of a codec.
	Struct string         `json:"struct"`
	Table  string         `json:"table"`
	Values map[string]any `json:"values"`
}

type object map[string]any

// eachLine answers lines until there are none, or `answer` says that it was the last.
func eachLine(in io.Reader, out io.Writer, answer func(line []byte, r *subjectRequest) (object, bool, error)) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	reply := json.NewEncoder(out)
	for lines.Scan() {
		var r subjectRequest
		ok, last, err := object(nil), false, json.Unmarshal(lines.Bytes(), &r)
		if err == nil {
			ok, last, err = answer(lines.Bytes(), &r)
		}
		said := object{"id": r.ID, "ok": ok}
		if err != nil {
			said = object{"id": r.ID, "error": err.Error()}
		}
		if err := reply.Encode(said); err != nil || last {
			return err
		}
	}
	return lines.Err()
}

// relayed is a process with a machine.
type relayed struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

// ask hands a line on and returns what its answer carries.
func (p *relayed) ask(line []byte) (object, error) {
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	if !p.out.Scan() {
		return nil, fmt.Errorf("the machine's process has ended: %w", errors.Join(p.out.Err(), p.command.Wait()))
	}
	var said struct {
		Ok    object `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(p.out.Bytes(), &said); err != nil {
		return nil, err
	}
	if said.Error != "" {
		return nil, errors.New(said.Error)
	}
	return said.Ok, nil
}

func (p *relayed) end() error {
	_ = p.in.Close()
	return p.command.Wait()
}

// serveSubject is what -subject does.
func serveSubject(o *options, in io.Reader, out, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	machines := map[uint32]*relayed{}
	opened := uint32(0)
	defer func() {
		for _, p := range machines {
			_ = p.end()
		}
	}()
	return eachLine(in, out, func(line []byte, r *subjectRequest) (object, bool, error) {
		switch r.Op {
		case "hello":
			return object{"protocol": subjectProtocol, "name": fmt.Sprintf("foreshore-native with %d harts", o.harts), "codec": true}, false, nil
		case "bye":
			return object{}, true, nil
		case "decode", "encode", "verify":
			ok, err := answerCodec(r)
			return ok, false, err
		case "open":
			p, err := startRelayed(self, o, stderr)
			if err != nil {
				return nil, false, err
			}
			opened++
			machines[opened] = p
			ok, err := p.ask(line)
			if err == nil {
				ok["machine"] = opened
			}
			return ok, false, err
		}
		p := machines[r.Machine]
		if p == nil {
			return nil, false, fmt.Errorf("there is no machine %d for %q", r.Machine, r.Op)
		}
		ok, err := p.ask(line)
		if r.Op == "close" {
			delete(machines, r.Machine)
			err = errors.Join(err, p.end())
		}
		return ok, false, err
	})
}

func startRelayed(self string, o *options, stderr io.Writer) (*relayed, error) {
	harts, memory := strconv.FormatUint(uint64(o.harts), 10), strconv.FormatUint(uint64(o.memoryMiB), 10)
	p := &relayed{command: exec.Command(self, "-subject-machine", "-harts", harts, "-memory", memory)}
	p.command.Stderr = stderr
	in, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewScanner(out)
	p.out.Buffer(nil, longestLine)
	return p, p.command.Start()
}

// serveMachine is what -subject-machine does: one machine, driven by lines.
func serveMachine(o *options, in io.Reader, out, stderr io.Writer) error {
	log := func(text string) { fmt.Fprintf(stderr, "foreshore-native: %s\n", text) }
	m, err := start(size{uint32(o.harts), uint32(o.memoryMiB), uint32(abi.LimitClients), ""}, log, func([]byte) {})
	if err != nil {
		return err
	}
	s := &subject{size: uint64(o.memoryMiB) << 20}
	return eachLine(in, out, func(_ []byte, r *subjectRequest) (object, bool, error) {
		select {
		case err := <-m.failed:
			return nil, false, err
		default:
		}
		ok, err := s.answer(r)
		return ok, r.Op == "close", err
	})
}

// subject is a machine as the kit sees it.
type subject struct {
	// size of the memory in bytes.
	size uint64
}

func (s *subject) answer(r *subjectRequest) (object, error) {
	if r.Client >= kmem.Header().ClientCount {
		return nil, fmt.Errorf("there is no client slot %d", r.Client)
	}
	slot := kmem.Client(r.Client)
	switch r.Op {
	case "open":
		return s.open(r), nil
	case "submit":
		return object{"count": submit(slot, r.Entries)}, nil
	case "completions":
		return object{"entries": completions(slot, r.Most, time.Duration(r.TimeoutMs*float64(time.Millisecond)))}, nil
	case "writeArena":
		return object{}, s.write(uint64(slot.ArenaBase)+uint64(r.Offset), r.Bytes)
	case "readArena":
		return s.read(uint64(slot.ArenaBase)+uint64(r.Offset), r.Length)
	case "read":
		return s.read(uint64(r.Address), r.Length)
	case "write":
		return object{}, s.write(uint64(r.Address), r.Bytes)
	case "wake":
		wake()
		return object{}, nil
	case "close":
		return object{}, nil
	}
	return nil, fmt.Errorf("there is no op %q", r.Op)
}

func (s *subject) open(r *subjectRequest) object {
	if r.RingStart != nil {
		// Nothing was ever submitted: any value is as good as another.
		slot := kmem.Client(0)
		for _, word := range []interface{ Store(uint32) }{&slot.SubmissionTail, &slot.SubmissionHead, &slot.CompletionTail, &slot.CompletionHead} {
			word.Store(*r.RingStart)
		}
	}
	arena := ^uint32(0)
	for i := range kmem.Header().ClientCount {
		arena = min(arena, kmem.Client(i).ArenaBytes)
	}
	return object{"machine": 1, "client": 0, "arenaBytes": arena, "features": []string{"memory", "clients", "events", "ring-start", "raw"}}
}

func (s *subject) read(address uint64, length uint32) (object, error) {
	if address+uint64(length) > s.size {
		return nil, fmt.Errorf("%d bytes at %d lie outside the memory", length, address)
	}
	return object{"bytes": append([]byte{}, kmem.Bytes(uint32(address), length)...)}, nil
}

func (s *subject) write(address uint64, p []byte) error {
	if address+uint64(len(p)) > s.size {
		return fmt.Errorf("%d bytes at %d lie outside the memory", len(p), address)
	}
	if len(p) == 4 && address%4 == 0 {
		word := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
		atomic.StoreUint32((*uint32)(kmem.Ptr(uint32(address))), word)
		return nil
	}
	copy(kmem.Bytes(uint32(address), uint32(len(p))), p)
	return nil
}

// submit publishes the entries that find room, at once.
func submit(slot *abi.ClientSlot, p []byte) uint32 {
	tail := slot.SubmissionTail.Load()
	count := uint32(0)
	if waiting := tail - slot.SubmissionHead.Load(); waiting < ringEntries {
		count = min(uint32(len(p))/entryBytes, ringEntries-waiting)
	}
	for i := range count {
		to := kmem.Bytes(slot.SubmissionBase+(tail+i)%ringEntries*entryBytes, entryBytes)
		copy(to, p[i*entryBytes:])
	}
	slot.SubmissionTail.Store(tail + count)
	ringKernel()
	return count
}

// completions takes what is there, and waits for the first.
func completions(slot *abi.ClientSlot, most uint32, timeout time.Duration) []byte {
	head := slot.CompletionHead.Load()
	for until := time.Now().Add(timeout); slot.CompletionTail.Load() == head; {
		left := time.Until(until)
		if left <= 0 {
			break
		}
		slot.StoreClientSleeping(abi.ClientSleepOnWord)
		kmem.WaitWord(&slot.CompletionTail, head, left.Nanoseconds())
		slot.StoreClientSleeping(abi.ClientSleepAwake)
	}
	count := min(slot.CompletionTail.Load()-head, most, ringEntries)
	taken := make([]byte, 0, count*entryBytes)
	for i := range count {
		taken = append(taken, kmem.Bytes(slot.CompletionBase+(head+i)%ringEntries*entryBytes, entryBytes)...)
	}
	if count > 0 {
		slot.CompletionHead.Store(head + count)
		ringKernel() // the kernel may wait for room
	}
	return taken
}

// wake rings, and lets the kernel worker look until it sleeps again.
func wake() {
	ringKernel()
	for until := time.Now().Add(wakePatience); time.Now().Before(until); runtime.Gosched() {
		if kmem.Header().KernelSleeping.Load() != 0 {
			return
		}
	}
}
