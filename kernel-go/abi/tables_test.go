package abi

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
)

const tableFolder = "../../abi/testdata"

func sampleManifest() *LayerManifestData {
	digest := make([]byte, 32)
	for i := range digest {
		digest[i] = byte(i)
	}
	return &LayerManifestData{
		Name: []byte("sample"),
		Entries: []ManifestEntryData{
			{Path: []byte("bin"), Kind: ManifestKindDirectory, Mode: 0o755, MtimeNs: 1},
			{
				Path: []byte("bin/prüfung"), Mode: 0o644, Uid: 1000, Gid: 100, MtimeNs: math.MaxUint64,
				Size: 1<<53 - 1, Source: []byte("archive.tar"), Position: 512, DigestKind: DigestKindSha256, Digest: digest,
			},
			{Path: []byte("bin/link"), Kind: ManifestKindSymlink, Target: []byte("prüfung")},
			{Path: []byte("empty"), Data: []byte{}},
		},
		Notes: [][]byte{[]byte("one"), {}},
	}
}

func sampleState() *KernelRuntimeStateData {
	d := &KernelRuntimeStateData{
		AbiMajor: 1, AbiMinor: 2, LayoutHash: 0x0123456789abcdef, BootState: BootStateReady, Client: 3, Harts: 4,
		Clients: 8, MemoryPages: 1024, MemoryMaxPages: 65536, RealtimeOffsetNs: 5, HeaderAddress: 4096,
		Tables: make([]SlotTable, 2), Counters: &MachineCounters{}, Release: []byte("6.1.0"),
	}
	for i := range d.Tables {
		t := &d.Tables[i]
		t.Kind = SlotKind(i + 1)
		t.Base, t.Stride, t.Capacity, t.FreeHead = 65536*uint32(i+1), 128, 9, 1
		t.HighWater.Store(3)
		t.InUse.Store(2)
	}
	for i := range 15 {
		b := structBytes(d.Counters)[8*i:]
		b[0], b[5] = byte(i), 1
	}
	return d
}

// both gives what TypeScript and Go built. FORESHORE_UPDATE=1 writes Go's anew.
func both(t *testing.T, name string, build func([]byte) (uint32, bool)) [][]byte {
	t.Helper()
	b := make([]byte, 4096)
	n, ok := build(b)
	if !ok {
		t.Fatal("the buffer is too short")
	}
	path := filepath.Join(tableFolder, name+".go.bin")
	if os.Getenv("FORESHORE_UPDATE") == "1" {
		if err := os.WriteFile(path, b[:n], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, b[:n]) {
		t.Error("Go does not build the bytes that are kept any more")
	}
	other, err := os.ReadFile(filepath.Join(tableFolder, name+".ts.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{kept, other}
}

func TestLayerManifest(t *testing.T) {
	want := sampleManifest()
	for _, b := range both(t, "LayerManifest", want.Build) {
		m, f := VerifyLayerManifest(b, TableMax)
		if f != TableFaultOk {
			t.Fatal(f)
		}
		if string(m.Name()) != "sample" || m.EntriesLen() != 4 || m.NotesLen() != 2 || string(m.Notes(0)) != "one" || len(m.Notes(1)) != 0 {
			t.Errorf("manifest: %q, %d entries, %d notes", m.Name(), m.EntriesLen(), m.NotesLen())
		}
		for i := range want.Entries {
			w, e := &want.Entries[i], m.Entries(uint32(i))
			if !bytes.Equal(e.Path(), w.Path) || e.Kind() != w.Kind || e.Mode() != w.Mode || e.Uid() != w.Uid || e.Gid() != w.Gid ||
				e.MtimeNs() != w.MtimeNs || e.Size() != w.Size || !bytes.Equal(e.Source(), w.Source) || e.Position() != w.Position ||
				e.DigestKind() != w.DigestKind || !bytes.Equal(e.Digest(), w.Digest) || !bytes.Equal(e.Target(), w.Target) ||
				(e.Source() == nil) != (w.Source == nil) || (e.Data() == nil) != (w.Data == nil) {
				t.Errorf("entry %d differs", i)
			}
		}
	}
}

func TestKernelRuntimeState(t *testing.T) {
	want := sampleState()
	for _, b := range both(t, "KernelRuntimeState", want.Build) {
		s, f := VerifyKernelRuntimeState(b, TableMax)
		if f != TableFaultOk {
			t.Fatal(f)
		}
		if s.AbiMajor() != 1 || s.AbiMinor() != 2 || s.LayoutHash() != want.LayoutHash || s.FeatureBits() != 0 ||
			s.BootState() != BootStateReady || s.Client() != 3 || s.Harts() != 4 || s.Clients() != 8 || s.MemoryPages() != 1024 ||
			s.MemoryMaxPages() != 65536 || s.RealtimeOffsetNs() != 5 || s.HeaderAddress() != 4096 || string(s.Release()) != "6.1.0" {
			t.Error("a number differs")
		}
		if s.TablesLen() != 2 {
			t.Fatalf("%d tables", s.TablesLen())
		}
		for i := range want.Tables {
			var got SlotTable
			s.Tables(uint32(i), &got)
			if !bytes.Equal(structBytes(&got), structBytes(&want.Tables[i])) {
				t.Errorf("table %d differs", i)
			}
		}
		var counters MachineCounters
		if !s.Counters(&counters) || !bytes.Equal(structBytes(&counters), structBytes(want.Counters)) {
			t.Error("counters differ")
		}
	}
}

func TestBuildInTooFewBytes(t *testing.T) {
	full := make([]byte, 4096)
	n, _ := sampleManifest().Build(full)
	for size := range n {
		b := make([]byte, size, size+8)
		if _, ok := sampleManifest().Build(b); ok {
			t.Fatalf("%d bytes were enough for %d", size, n)
		}
	}
}

func TestTablesDoNotAllocate(t *testing.T) {
	b := make([]byte, 4096)
	d := sampleManifest()
	if n := testing.AllocsPerRun(10, func() {
		n, ok := d.Build(b)
		if _, f := VerifyLayerManifest(b[:n], TableMax); !ok || f != TableFaultOk {
			t.Error(f)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// useManifest reads all that a verified manifest has.
func useManifest(m LayerManifest) int {
	n := len(m.Name())
	for i := range m.NotesLen() {
		n += len(m.Notes(i))
	}
	for i := range m.EntriesLen() {
		e := m.Entries(i)
		n += len(e.Path()) + len(e.Source()) + len(e.Digest()) + len(e.Data()) + len(e.Target())
		n += int(e.Mode()) + int(e.Size()&1) + int(e.Position()&1) + int(e.MtimeNs()&1) + int(e.Kind())
	}
	return n
}

// FuzzTables: whatever the verifier lets through can be read to its end.
func FuzzTables(f *testing.F) {
	for _, name := range []string{"LayerManifest.ts", "LayerManifest.go", "KernelRuntimeState.ts", "KernelRuntimeState.go"} {
		b, err := os.ReadFile(filepath.Join(tableFolder, name+".bin"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, fault := VerifyLayerManifest(b, 10_000); fault == TableFaultOk {
			useManifest(m)
		}
		if s, fault := VerifyKernelRuntimeState(b, 10_000); fault == TableFaultOk {
			var table SlotTable
			var counters MachineCounters
			for i := range s.TablesLen() {
				s.Tables(i, &table)
			}
			s.Counters(&counters)
			_ = len(s.Release()) + int(s.Harts()) + int(s.LayoutHash()&1)
		}
	})
}
