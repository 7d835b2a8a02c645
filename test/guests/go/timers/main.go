// Timers, tickers, deadlines, select. What is printed does not depend on the machine's speed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	start := time.Now()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("slept", time.Since(start) >= 20*time.Millisecond)

	var early atomic.Int32
	var all sync.WaitGroup
	for i := 20; i >= 1; i-- {
		all.Add(1)
		delay := time.Duration(i) * 5 * time.Millisecond
		set := time.Now()
		time.AfterFunc(delay, func() {
			if time.Since(set) < delay {
				early.Add(1)
			}
			all.Done()
		})
	}
	all.Wait()
	fmt.Println("early", early.Load())

	ticker := time.NewTicker(5 * time.Millisecond)
	for range 4 {
		<-ticker.C
	}
	ticker.Stop()
	fmt.Println("ticked")

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Millisecond)
	defer cancel()
	select {
	case <-ctx.Done():
		fmt.Println("deadline", errors.Is(ctx.Err(), context.DeadlineExceeded))
	case <-time.After(10 * time.Second):
		fmt.Println("deadline missed")
	}

	stopped := time.NewTimer(time.Hour)
	fmt.Println("stopped", stopped.Stop())

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGALRM)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		fmt.Println(err)
	}
	fmt.Println("signal", <-signals)

	many := make(chan int)
	for i := range 200 {
		go func() {
			time.Sleep(time.Duration(i%10) * time.Millisecond)
			many <- i
		}()
	}
	sum := 0
	for range 200 {
		sum += <-many
	}
	fmt.Println("sum", sum)
	now := time.Now()
	fmt.Println("year", now.Year() >= 2024, "zone", now.UTC().Location())
	fmt.Println("monotonic", time.Since(now) >= 0)
}
