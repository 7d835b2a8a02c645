package main

import (
	"io"
	"strings"
	"sync"
	"unsafe"

	"foreshore.dev/kernel/abi"
)

// streamBytes is what one request on a stream carries: what a pipe holds.
const streamBytes = uint32(abi.LimitPipeBytes)

// process is a guest that a host started, with the ends of its pipes.
type process struct {
	c                     *client
	handle                abi.SlotHandle
	pid                   uint32
	stdin, stdout, stderr abi.SlotHandle
}

// image is what a process is to run.
type image struct {
	path, cwd string
	argv, env []string
}

// spawn makes a process with pipes for its standard streams and lets it run.
// The errors are execve(2)'s.
func spawn(f *files, of image) (*process, abi.Errno) {
	path, cwd, argv, env := of.path, of.cwd, of.argv, of.env
	c, room := f.c, f.room
	strs := strings.Join(append(append([]string{}, argv...), env...), "\x00") + "\x00"
	stringsAt := pad8(len(path))
	cwdAt := stringsAt + pad8(len(strs))
	replyAt := cwdAt + pad8(len(cwd))
	if len(path) >= int(abi.FixedPathMax) || len(cwd) >= int(abi.FixedPathMax) {
		return nil, abi.ENAMETOOLONG
	}
	if uint64(len(strs))+2*uint64(abi.FixedPathMax)+abi.RegisterProcessReplySize+64 > uint64(room.length) {
		return nil, abi.E2BIG
	}
	memory := c.bytes(room)
	copy(memory, path)
	copy(memory[stringsAt:], strs)
	copy(memory[cwdAt:], cwd)
	_, e := c.call(entryOf(abi.OpcodeRegisterProcess, abi.RegisterProcessRequest{
		Path: room.span(0, uint32(len(path))), Strings: room.span(stringsAt, uint32(len(strs))), Cwd: room.span(cwdAt, uint32(len(cwd))),
		Argc: uint32(len(argv)), Envc: uint32(len(env)),
		Stdin: abi.StdioKindPipe, Stdout: abi.StdioKindPipe, Stderr: abi.StdioKindPipe,
		Reply: room.span(replyAt, abi.RegisterProcessReplySize),
	}))
	if e != abi.OK {
		return nil, e
	}
	r := *(*abi.RegisterProcessReply)(unsafe.Pointer(&memory[replyAt]))
	p := &process{c: c, handle: r.Process, pid: r.Pid, stdin: r.Stdin, stdout: r.Stdout, stderr: r.Stderr}
	_, e = c.call(entryOf(abi.OpcodeStartProcess, abi.StartProcessRequest{Process: p.handle}))
	return p, e
}

// wait returns the wait status of the process when it has ended.
func (p *process) wait() (uint32, abi.Errno) {
	reply, e := p.c.call(entryOf(abi.OpcodeWaitProcess, abi.WaitProcessRequest{Process: p.handle}))
	return uint32(reply.Value), e
}

// kill sends a signal as kill(2): negative pids are groups, -1 everybody.
func (p *process) kill(pid int32, signal abi.Signal) {
	// One that is gone needs no signal.
	_, _ = p.c.call(entryOf(abi.OpcodeKillProcess, abi.KillProcessRequest{Pid: pid, Signal: signal}))
}

func (c *client) closeStream(ofd abi.SlotHandle) {
	_, _ = c.call(entryOf(abi.OpcodeStreamClose, abi.StreamCloseRequest{Ofd: ofd}))
}

// stream makes a request of a stream, waiting for `events` while it would have
// to wait.
func (c *client) stream(ofd abi.SlotHandle, events abi.PollEvent, request entry) (abi.ReplyEvent, abi.Errno) {
	for {
		reply, e := c.call(request)
		if e != abi.EAGAIN {
			return reply, e
		}
		if reply, e = c.call(entryOf(abi.OpcodeStreamPoll, abi.StreamPollRequest{Ofd: ofd, Events: events})); e != abi.OK {
			return reply, e
		}
	}
}

// pumpIn copies `from` to the guest's standard input and closes that at the
// end, or when the guest has closed its own.
func (p *process) pumpIn(from io.Reader) {
	room := p.c.carve(streamBytes)
	defer p.c.giveBack(room)
	defer p.c.closeStream(p.stdin)
	for {
		n, err := from.Read(p.c.bytes(room))
		for at := uint32(0); at < uint32(n); {
			data := room.span(at, uint32(n)-at)
			reply, e := p.c.stream(p.stdin, abi.POLLOUT, entryOf(abi.OpcodeStreamWrite, abi.StreamWriteRequest{Ofd: p.stdin, Data: data}))
			if e != abi.OK {
				return
			}
			at += uint32(reply.Result)
		}
		if err != nil {
			return // the end, or a stream that failed: the guest sees the end of its input
		}
	}
}

// pumpOut copies all that the guest writes to `to`. When nobody reads that any
// more the guest's writes fail, as on Linux.
func (p *process) pumpOut(to io.Writer, ofd abi.SlotHandle) {
	room := p.c.carve(streamBytes)
	defer p.c.giveBack(room)
	defer p.c.closeStream(ofd)
	for {
		reply, e := p.c.stream(ofd, abi.POLLIN, entryOf(abi.OpcodeStreamRead, abi.StreamReadRequest{Ofd: ofd, Reply: room.span(0, streamBytes)}))
		if e != abi.OK || reply.Result == 0 {
			return
		}
		if _, err := to.Write(p.c.bytes(room)[:reply.Result]); err != nil {
			return
		}
	}
}

// run joins the process's streams to the host's and returns its wait status
// when it has ended and its output is out. What it left running is killed then:
// the machine ends with its program. Without a stdin its input ends at once.
func (p *process) run(stdin io.Reader, stdout, stderr io.Writer) (uint32, abi.Errno) {
	if stdin != nil {
		go p.pumpIn(stdin)
	} else {
		p.c.closeStream(p.stdin)
	}
	var out sync.WaitGroup
	out.Go(func() { p.pumpOut(stdout, p.stdout) })
	out.Go(func() { p.pumpOut(stderr, p.stderr) })
	status, e := p.wait()
	p.kill(-1, abi.SIGKILL)
	out.Wait()
	return status, e
}
