// Goroutines, channels, mutexes and a collector under pressure. The output is the same on every run.
package main

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

type node struct {
	left, right *node
	value       int
}

func tree(depth, value int) *node {
	if depth == 0 {
		return &node{value: value}
	}
	return &node{tree(depth-1, 2*value), tree(depth-1, 2*value+1), value}
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.value + n.left.sum() + n.right.sum()
}

func pipeline() int {
	numbers, squares := make(chan int), make(chan int, 16)
	go func() {
		defer close(numbers)
		for i := range 5000 {
			numbers <- i
		}
	}()
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for n := range numbers {
				squares <- n * n % 1009
			}
		})
	}
	go func() { workers.Wait(); close(squares) }()
	sum := 0
	for s := range squares {
		sum += s
	}
	return sum
}

func ring(n, rounds int) int {
	first := make(chan int)
	in := first
	for range n {
		out := make(chan int)
		go func(in, out chan int) {
			for v := range in {
				out <- v + 1
			}
			close(out)
		}(in, out)
		in = out
	}
	last := in
	total := 0
	for range rounds {
		first <- 0
		total += <-last
	}
	close(first)
	<-last
	return total
}

func garbage() (sum int) {
	var keep []*node
	for i := range 60 {
		t := tree(12, 1)
		if i%20 == 0 {
			keep = append(keep, t)
		}
		sum += t.sum() % 1000003
	}
	for _, t := range keep {
		sum += t.sum() % 7
	}
	return sum
}

func counters() (int64, int) {
	var fast atomic.Int64
	slow, lock := 0, sync.Mutex{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 400 {
				fast.Add(1)
				lock.Lock()
				slow++
				lock.Unlock()
			}
		})
	}
	all.Wait()
	return fast.Load(), slow
}

func words() string {
	var b strings.Builder
	m := map[string]int{}
	for i := range 20000 {
		m[fmt.Sprintf("key-%d", i*7919%1000)] += i
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s=%d;", k, m[k])
	}
	return fmt.Sprintf("%d keys %x", len(m), sha256.Sum256([]byte(b.String())))
}

func main() {
	fmt.Println(runtime.GOOS, runtime.GOARCH)
	fmt.Println("pipeline", pipeline())
	fmt.Println("ring", ring(100, 50))
	fmt.Println("garbage", garbage())
	fast, slow := counters()
	fmt.Println("counters", fast, slow)
	fmt.Println("words", words())
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	fmt.Println("collected", stats.NumGC > 2)
	done := make(chan struct{})
	go func() { // never calls anything: the scheduler must preempt it by a signal
		for i := 0; ; i++ {
		}
	}()
	go func() { runtime.GC(); close(done) }()
	<-done
	fmt.Println("preempted")
}
