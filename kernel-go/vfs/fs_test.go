package vfs

import (
	"testing"

	"foreshore.dev/kernel/abi"
)

// Every type of the schema has its row, and a name that users see.
func TestFileSystems(t *testing.T) {
	n := 0
	for ; abi.FsType(n).String() != "FsType(?)"; n++ {
		fs := abi.FsType(n)
		if n >= len(fileSystems) || fileSystems[n].magic == 0 {
			t.Errorf("%v has no row", fs)
		}
		if fs.Shown() == "" {
			t.Errorf("%v is shown as nothing", fs)
		}
	}
	if n != len(fileSystems) {
		t.Errorf("%d rows for %d types", len(fileSystems), n)
	}
}
