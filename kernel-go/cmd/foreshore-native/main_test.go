package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	o, err := parse(strings.Fields("-root a -root b -file /x=y -harts 4 -memory 64 -env A=1=2 -cwd /tmp -timeout 1.5 -strace -log l -- sh -c -root"))
	want := &options{roots: []string{"a", "b"}, files: []string{"/x=y"}, env: []string{"A=1=2"}, harts: 4, memoryMiB: 64, cwd: "/tmp", logFile: "l",
		timeout: 1.5, strace: true, seed: 1, program: "sh", args: []string{"-c", "-root"}}
	if err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, wrong := range []string{"", "-harts 0 x", "-harts 65 x", "-memory 39 x", "-memory 4097 x", "-env =A x", "-env A x", "-cwd tmp x", "-timeout -1 x", "-walk x", "-file x y", "-subject x", "-subject-machine x"} {
		var out, errs bytes.Buffer
		if code := command(strings.Fields(wrong), strings.NewReader(""), &out, &errs); code != exitFailed || errs.Len() == 0 || out.Len() != 0 {
			t.Errorf("%q: exit code %d, said %q", wrong, code, &errs)
		}
	}
	var out, errs bytes.Buffer
	if code := command([]string{"-help"}, strings.NewReader(""), &out, &errs); code != 0 || out.String() != usage || errs.Len() != 0 {
		t.Errorf("-help: %d, %q, %q", code, &out, &errs)
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"B=1", "PATH=/bin", "B=2"})
	if want := []string{"PATH=/bin", "HOME=/root", "B=2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
