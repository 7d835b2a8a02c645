package kmem

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
)

// The host's log. What guests can bring about is told at a bounded rate, as
// printk_ratelimit does: each message a few times in each interval, then how
// often it would have come. Errors are the machine's own and always told.

const (
	logInterval = 5 * 1000 * 1000 * 1000 // nanoseconds (DEFAULT_RATELIMIT_INTERVAL)
	logBurst    = 10                     // DEFAULT_RATELIMIT_BURST
)

// limited are the messages that have come so far, constants all of them.
var limited [8]struct {
	text  string
	level abi.LogLevel
	since uint64
	// told and kept count this interval's lines, and those that were not told.
	told, kept uint32
}

// line is where a message with a count is put together.
var line [160]byte

// LogString sends a constant string to the host's log.
func LogString(level abi.LogLevel, s string) {
	if level == abi.LogLevelError {
		logLine(level, s)
		return
	}
	FlushLog()
	for i := range limited {
		m := &limited[i]
		if m.text == "" {
			m.text, m.level = s, level
		}
		if m.text != s {
			continue
		}
		if m.told == 0 {
			m.since = host.NowNs()
		}
		if m.told == logBurst {
			m.kept++
			return
		}
		m.told++
		break
	}
	logLine(level, s)
}

// FlushLog ends the intervals that are over, and tells what was kept in them.
// It returns the milliseconds until it is to be called again, -1 for never.
func FlushLog() float64 {
	ms := float64(-1)
	for i := range limited {
		m := &limited[i]
		if m.told == 0 {
			continue
		}
		if left := int64(m.since + logInterval - host.NowNs()); left > 0 {
			if next := float64(left)/1e6 + 1; m.kept != 0 && (ms < 0 || next < ms) {
				ms = next
			}
			continue
		}
		if m.kept != 0 {
			logKept(m.level, m.text, m.kept)
		}
		m.told, m.kept = 0, 0
	}
	return ms
}

func logKept(level abi.LogLevel, text string, kept uint32) {
	n := copy(line[:], text)
	n += copy(line[n:], " (and ")
	var digits [10]byte
	k := len(digits)
	for ; kept != 0; kept /= 10 {
		k--
		digits[k] = byte('0' + kept%10)
	}
	n += copy(line[n:], digits[k:])
	n += copy(line[n:], " more)")
	logBytes(level, line[:n])
}
