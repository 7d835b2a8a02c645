package kmem_test

import (
	"fmt"
	"slices"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
)

// A message that guests bring about is told a few times, then counted; errors
// are always told.
func TestLogIsBounded(t *testing.T) {
	kmem.UseRegion(make([]byte, 40<<20))
	if e := kmem.Boot(kmem.Config{MemoryMaxPages: 40 << 4, Harts: 1, Clients: 1}); e != abi.OK {
		t.Fatal(e)
	}
	now, lines := float64(0), []string(nil)
	before := host.Native
	defer func() { host.Native = before }()
	host.Native.Now = func() float64 { return now }
	host.Native.Log = func(_ abi.LogLevel, p []byte) { lines = append(lines, string(p)) }
	say := func(level abi.LogLevel, text string, times int) {
		for range times {
			kmem.LogString(level, text)
		}
	}
	const flood, other, broken = "a process is killed", "something else", "an invariant"
	say(abi.LogLevelWarn, flood, 1000)
	say(abi.LogLevelWarn, other, 3)
	say(abi.LogLevelError, broken, 50)
	count := func(text string) (n int) {
		for _, line := range lines {
			if line == text {
				n++
			}
		}
		return n
	}
	if count(flood) != 10 || count(other) != 3 || count(broken) != 50 {
		t.Fatalf("%d, %d and %d lines", count(flood), count(other), count(broken))
	}
	ms := kmem.FlushLog()
	if ms <= 0 || ms > 5001 {
		t.Fatalf("what was kept is told in %v ms", ms)
	}
	now += ms * 1e6
	if ms = kmem.FlushLog(); ms != -1 {
		t.Fatalf("what was told is told again in %v ms", ms)
	}
	if want := fmt.Sprintf("%s (and 990 more)", flood); !slices.Contains(lines, want) || len(lines) != 64 {
		t.Fatalf("%d lines without %q", len(lines), want)
	}
	// The next interval is like the first one, and ends with the next line.
	say(abi.LogLevelWarn, flood, 12)
	now += 6e9
	say(abi.LogLevelWarn, flood, 1)
	if count(flood) != 21 || lines[len(lines)-2] != flood+" (and 2 more)" {
		t.Fatalf("%d lines, the last ones %q", count(flood), lines[len(lines)-3:])
	}
}
