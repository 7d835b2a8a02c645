package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Rounds of a program that tries what it can to leave the machine in disorder
// (test/random-calls): between two of them nothing may be left.

const (
	// roundSeconds is what a round gets, far beyond what it needs.
	roundSeconds = 120
	// settleSeconds is how long what a round left may take to go away.
	settleSeconds = 20
)

// census counts what is in use: slots of each table, frames of each type.
type census struct {
	slots  [abi.SlotKinds]uint32
	frames [256]uint32
	// shared are frames of the page cache that somebody else holds, too.
	shared uint32
}

// takeCensus counts; it stops the machine meanwhile.
func takeCensus() *census {
	n := &census{}
	kmem.Lock(kmem.WorkerIndex)
	defer kmem.Unlock()
	for kind := range n.slots {
		n.slots[kind] = kmem.Table(abi.SlotKind(kind)).InUse.Load()
	}
	h := kmem.Header()
	for at := h.PoolFirstFrame; at < h.PoolEndFrame.Load(); at++ {
		f := kmem.Frame(at << kmem.PageShift)
		n.frames[f.Type]++
		if f.Type == abi.FrameTypeFile && f.Refs != 1 {
			n.shared++
		}
	}
	return n
}

// cache says whether frames of a type come and go with what is read of files
// that the host has.
func cache(t abi.FrameType) bool {
	return t == abi.FrameTypeFree || t == abi.FrameTypeFile || t == abi.FrameTypeRadix
}

// differences says what there is more, or less, of than in the first census.
func (n *census) differences(now *census) string {
	var lines []string
	for kind, before := range n.slots {
		if after := now.slots[kind]; after != before {
			lines = append(lines, fmt.Sprintf("%v slots: %d, were %d", abi.SlotKind(kind), after, before))
		}
	}
	for t, before := range n.frames {
		if after := now.frames[t]; after != before && !cache(abi.FrameType(t)) {
			lines = append(lines, fmt.Sprintf("%v frames: %d, were %d", abi.FrameType(t), after, before))
		}
	}
	if now.shared != n.shared {
		lines = append(lines, fmt.Sprintf("frames of the page cache that something holds: %d, were %d", now.shared, n.shared))
	}
	return strings.Join(lines, "; ")
}

// settle waits until the machine is as it was, and says what is not.
func (n *census) settle() string {
	for late := time.Now().Add(settleSeconds * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left := n.differences(takeCensus())
		if left == "" || time.Now().After(late) {
			return left
		}
	}
}

// runRounds runs PROGRAM ARG… SEED for as many seeds, and after each PROGRAM
// after, which is to end with 0 and to leave nothing.
func runRounds(o *options, f *files, of image, stdout io.Writer) (int, error) {
	call := func(args ...string) (int, string, error) {
		p, e := spawn(f, image{of.path, of.cwd, append([]string{o.program}, args...), of.env})
		if e != abi.OK {
			return 0, "", fmt.Errorf("%s: %v", o.program, e)
		}
		var out bytes.Buffer
		late := time.AfterFunc(roundSeconds*time.Second, func() { p.kill(-1, abi.SIGKILL) })
		status, e := p.run(nil, &out, &out)
		if !late.Stop() {
			return 0, "", fmt.Errorf("no end within %d s", roundSeconds)
		}
		if e != abi.OK {
			return 0, "", fmt.Errorf("waiting for %s: %v", o.program, e)
		}
		return int(status), strings.TrimSpace(out.String()), nil
	}
	var first *census
	calls := 0
	for seed := o.seed; seed < o.seed+uint64(o.rounds); seed++ {
		replay := func(err error) error {
			return fmt.Errorf("seed %d: %w\nagain: foreshore-native -harts %d -memory %d -rounds 2 -seed %d %s", seed, err, o.harts, o.memoryMiB, seed-min(seed-1, 1), o.program)
		}
		_, said, err := call(append(append([]string{}, o.args...), strconv.FormatUint(seed, 10))...)
		if err != nil {
			return 0, replay(err)
		}
		if text, found := strings.CutSuffix(said, " calls"); found {
			n, _ := strconv.Atoi(text)
			calls += n
		}
		status, said, err := call("after")
		if err != nil {
			return 0, replay(err)
		}
		if status != 0 {
			return 0, replay(fmt.Errorf("the program that came after it ended with status %#x: %s", status, said))
		}
		if first == nil {
			first = takeCensus()
		} else if left := first.settle(); left != "" {
			return 0, replay(fmt.Errorf("something is left: %s", left))
		}
	}
	fmt.Fprintf(stdout, "%d rounds, %d calls\n", o.rounds, calls)
	return 0, nil
}
