// Files as Go's os package uses them: create, rename, walk, append, truncate, pipes, errors.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

func try[T any](v T, err error) T {
	must(err)
	return v
}

func must(err error) {
	if err != nil {
		fmt.Println("unexpected:", err)
		os.Exit(1)
	}
}

func main() {
	fmt.Println(strings.Join(os.Args[1:], ","), os.Getenv("GREETING"))
	must(os.MkdirAll("a/b/c", 0o755))
	for i := range 20 {
		must(os.WriteFile(fmt.Sprintf("a/b/file-%02d.txt", i), bytes.Repeat([]byte{byte('a' + i)}, i*1000), 0o644))
	}
	must(os.Symlink("b/file-03.txt", "a/link"))
	must(os.Rename("a/b/file-19.txt", "a/b/c/moved"))
	total, names := int64(0), 0
	must(filepath.WalkDir("a", func(path string, d fs.DirEntry, err error) error {
		must(err)
		info := try(d.Info())
		if info.Mode().IsRegular() {
			total += info.Size()
		}
		names++
		return nil
	}))
	fmt.Println("walked", names, total)
	fmt.Println("link", try(os.Readlink("a/link")), len(try(os.ReadFile("a/link"))))

	_, err := os.Open("absent")
	fmt.Println("absent", errors.Is(err, fs.ErrNotExist), err)
	err = os.Remove("a/b")
	fmt.Println("full", err)
	_, err = os.OpenFile("a/link", os.O_CREATE|os.O_EXCL, 0o644)
	fmt.Println("exists", errors.Is(err, fs.ErrExist))

	var writers sync.WaitGroup
	log := try(os.OpenFile("log", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600))
	for w := range 8 {
		writers.Go(func() {
			for i := range 100 {
				fmt.Fprintf(log, "writer %d line %02d\n", w, i)
			}
		})
	}
	writers.Wait()
	must(log.Sync())
	try(log.Seek(0, io.SeekStart))
	lines, whole := 0, true
	for s := bufio.NewScanner(log); s.Scan(); lines++ {
		whole = whole && len(s.Text()) == len("writer 0 line 00")
	}
	fmt.Println("log", lines, whole)
	must(log.Truncate(17))
	fmt.Println("truncated", try(log.Stat()).Size(), try(log.Stat()).Mode())
	must(log.Close())

	big := try(os.Create("big"))
	w := bufio.NewWriter(big)
	for i := range 100000 {
		fmt.Fprintln(w, i)
	}
	must(w.Flush())
	must(big.Close())
	fmt.Printf("big %x\n", sha256.Sum256(try(os.ReadFile("big"))))

	r, p := try2(os.Pipe())
	go func() {
		defer p.Close()
		for range 1000 {
			p.Write(bytes.Repeat([]byte("pipe"), 100))
		}
	}()
	fmt.Println("pipe", len(try(io.ReadAll(r))))
	temp := try(os.MkdirTemp("", "x"))
	must(os.Chdir(temp))
	must(os.Chmod(".", 0o700))
	fmt.Println("cwd", try(os.Getwd()) == temp, try(os.Stat(".")).Mode())
	must(os.RemoveAll(temp))
	entries := try(os.ReadDir("/proc/self/fd"))
	fmt.Println("descriptors", len(entries) >= 4)
	in := try(io.ReadAll(os.Stdin))
	fmt.Println("stdin", len(in), string(in))
}

func try2[A, B any](a A, b B, err error) (A, B) {
	must(err)
	return a, b
}
