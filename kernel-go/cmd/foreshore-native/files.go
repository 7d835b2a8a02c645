package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// A batch of a layer: see abi.ApplyFileLayerRequest.
const (
	batchEntries = 1024
	batchBytes   = 512 << 10
)

// files puts host files into the machine: entries at once, contents when a
// guest touches them.
type files struct {
	c   *client
	log func(string)
	// room is where batches are built.
	room region

	mu sync.Mutex
	// sources are the host files by blob source id, from 1 on.
	sources []source
}

// source is a host file with the size that its entry promises.
type source struct {
	path string
	size int64
}

func newFiles(log func(string)) *files {
	f := &files{log: log}
	f.c = newClient(f.event)
	f.room = f.c.carve(batchBytes)
	return f
}

// layer is a layer that is being applied.
type layer struct {
	f     *files
	at, n uint32
	// linked are first names of files with several, by device and inode.
	linked map[[2]uint64]string
}

// add appends one entry. data is a link's target, or nothing.
func (l *layer) add(record abi.FileRecord, path, data string) error {
	record.PathLength, record.DataLength = uint32(len(path)), uint32(len(data))
	size := uint32(abi.FileRecordSize) + pad8(len(path)) + pad8(len(data))
	if size > batchBytes {
		return fmt.Errorf("%.40s…: the path is too long", path)
	}
	if l.n == batchEntries || l.at+size > batchBytes {
		if err := l.flush(true); err != nil {
			return err
		}
	}
	room := l.f.c.bytes(l.f.room)[l.at:]
	*(*abi.FileRecord)(unsafe.Pointer(&room[0])) = record
	copy(room[abi.FileRecordSize:], path)
	copy(room[uint32(abi.FileRecordSize)+pad8(len(path)):], data)
	l.at += size
	l.n++
	return nil
}

func pad8(n int) uint32 { return uint32(n+7) &^ 7 }

// flush sends the entries so far; the last flush puts the layer into the tree.
func (l *layer) flush(more bool) error {
	request := abi.ApplyFileLayerRequest{Records: l.f.room.span(0, l.at), Count: l.n}
	if more {
		request.More = 1
	}
	l.at, l.n = 0, 0
	if _, e := l.f.c.call(entryOf(abi.OpcodeApplyFileLayer, request)); e != abi.OK {
		return fmt.Errorf("the kernel refuses the files: %v", e)
	}
	return nil
}

// hostFile adds a host file under a path of the machine. Its permissions are
// the host's. What is no file, directory or link is left out.
func (l *layer) hostFile(path, host string) error {
	info, err := os.Lstat(host)
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t)
	record := abi.FileRecord{Mode: abi.FileMode(stat.Mode & 0o7777), Uid: stat.Uid, Gid: stat.Gid, MtimeNs: uint64(info.ModTime().UnixNano())}
	switch info.Mode().Type() {
	case fs.ModeDir:
		record.Kind = abi.FileRecordKindDirectory
		return l.add(record, path, "")
	case fs.ModeSymlink:
		target, err := os.Readlink(host)
		if err != nil {
			return err
		}
		record.Kind = abi.FileRecordKindSymlink
		return l.add(record, path, target)
	case 0:
		if stat.Nlink > 1 {
			id := [2]uint64{uint64(stat.Dev), stat.Ino}
			if first, known := l.linked[id]; known {
				record.Kind = abi.FileRecordKindHardLink
				return l.add(record, path, first)
			}
			l.linked[id] = path
		}
		record.Kind, record.Size = abi.FileRecordKindLazyFile, uint64(info.Size())
		record.Source = l.f.addSource(host, info.Size())
		return l.add(record, path, "")
	}
	return nil
}

func (f *files) addSource(path string, size int64) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources = append(f.sources, source{path, size})
	return uint32(len(f.sources))
}

func (f *files) layer() *layer { return &layer{f: f, linked: map[[2]uint64]string{}} }

// applyFolder makes a host folder a layer at the root.
func (f *files) applyFolder(folder string) error {
	if info, err := os.Stat(folder); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s: not a directory", folder)
	}
	l := f.layer()
	err := filepath.WalkDir(folder, func(host string, _ fs.DirEntry, err error) error {
		if err != nil && host == folder {
			return err
		}
		relative, _ := filepath.Rel(folder, host)
		if relative == "." {
			return nil
		}
		if err != nil {
			f.log(fmt.Sprintf("%v: left out", err)) // a folder that is not ours to read stays, empty
			return nil
		}
		if err := l.hostFile(relative, host); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil // gone since it was listed
	})
	if err != nil {
		return err
	}
	return l.flush(false)
}

// applyFile puts one host file under a path of the machine.
func (f *files) applyFile(path, host string) error {
	host, err := filepath.EvalSymlinks(host)
	if err != nil {
		return err
	}
	l := f.layer()
	if err := l.hostFile(path, host); err != nil {
		return err
	}
	return l.flush(false)
}

// makeDirectory makes a directory of the machine with its parents.
func (f *files) makeDirectory(path string) abi.Errno {
	n := uint32(copy(f.c.bytes(f.room), path))
	_, e := f.c.call(entryOf(abi.OpcodeMkdir, abi.MkdirRequest{Path: f.room.span(0, n), Mode: 0o755, Parents: 1}))
	return e
}

// mode is the file type and permissions of what a path of the machine names.
func (f *files) mode(path string) (abi.FileMode, abi.Errno) {
	if len(path) > int(abi.FixedPathMax) {
		return 0, abi.ENAMETOOLONG
	}
	n := uint32(copy(f.c.bytes(f.room), path))
	at := pad8(int(n))
	_, e := f.c.call(entryOf(abi.OpcodeStat, abi.StatRequest{Path: f.room.span(0, n), Reply: f.room.span(at, abi.StatSize), Follow: 1}))
	return (*abi.Stat)(unsafe.Pointer(&f.c.bytes(f.room)[at])).Mode, e
}

// event serves what the kernel tells the host.
func (f *files) event(e *entry) {
	switch header(e).Opcode {
	case abi.OpcodeBlobRequest:
		request := *(*abi.BlobRequestEvent)(unsafe.Pointer(e))
		go f.fill(&request)
	case abi.OpcodeUnsupportedSyscall:
		u := (*abi.UnsupportedSyscallEvent)(unsafe.Pointer(e))
		name := strings.TrimPrefix(abi.Syscall(u.Number).String(), "SYS_")
		f.log(fmt.Sprintf("process %d: %s(%#x, %#x, %#x, %#x) is not supported", u.Pid, name, u.Args[0], u.Args[1], u.Args[2], u.Args[3]))
	}
}

// fill answers a BlobRequest with a file's bytes.
func (f *files) fill(request *abi.BlobRequestEvent) {
	answer := abi.BlobFilledRequest{Token: request.Token}
	n, err := f.read(request)
	answer.Bytes = n
	if err != nil {
		answer.Bytes, answer.Result = 0, int32(abi.EIO)
		f.log(fmt.Sprintf("%v; the guest gets EIO", err))
	}
	f.c.answer(entryOf(abi.OpcodeBlobFilled, answer))
}

func (f *files) read(request *abi.BlobRequestEvent) (uint32, error) {
	f.mu.Lock()
	known := request.Source != 0 && uint64(request.Source) <= uint64(len(f.sources))
	var from source
	if known {
		from = f.sources[request.Source-1]
	}
	f.mu.Unlock()
	if !known {
		return 0, fmt.Errorf("blob source %d was never added", request.Source)
	}
	file, err := os.Open(from.path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return 0, err
	} else if info.Size() != from.size {
		return 0, fmt.Errorf("%s: it had %d bytes when the machine started and has %d now", from.path, from.size, info.Size())
	}
	n, err := file.ReadAt(kmem.Bytes(request.Address, request.Length), int64(request.Position))
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return uint32(n), nil
}
