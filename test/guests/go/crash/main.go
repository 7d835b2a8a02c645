// Ways to end a Go program: the argument chooses one.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

type thing struct{ next *thing }

func recovered() (what any) {
	defer func() { what = recover() }()
	var t *thing
	return t.next.next
}

func main() {
	debug.SetTraceback("none")
	how := ""
	if len(os.Args) > 1 {
		how = os.Args[1]
	}
	switch how {
	case "panic":
		panic("deliberate")
	case "nil":
		var t *thing
		fmt.Println(t.next)
	case "recover":
		fmt.Println("recovered:", recovered())
	case "exit":
		os.Exit(3)
	case "deadlock":
		<-make(chan int)
	case "stack":
		var f func(int) int
		f = func(n int) int { return f(n+1) + 1 }
		debug.SetMaxStack(1 << 20)
		f(0)
	case "goroutine":
		go func() { panic("in a goroutine") }()
		time.Sleep(time.Minute)
	case "index":
		fmt.Println([]int{1, 2}[len(os.Args)])
	}
}
