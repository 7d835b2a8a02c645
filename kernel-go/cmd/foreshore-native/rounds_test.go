package main

import (
	"testing"

	"foreshore.dev/kernel/abi"
)

// What a round leaves is named; what only moved between free frames and the
// page cache is not left.
func TestDifferences(t *testing.T) {
	before, now := &census{}, &census{}
	before.frames[abi.FrameTypeFree], before.frames[abi.FrameTypeFile] = 100, 10
	now.frames[abi.FrameTypeFree], now.frames[abi.FrameTypeFile] = 90, 20
	if got := before.differences(now); got != "" {
		t.Errorf("cached files are left: %s", got)
	}
	now.slots[abi.SlotKindPipe], now.frames[abi.FrameTypeAnon], now.shared = 1, 2, 1
	want := "Pipe slots: 1, were 0; Anon frames: 2, were 0; frames of the page cache that something holds: 1, were 0"
	if got := before.differences(now); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
