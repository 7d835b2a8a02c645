package proc

import (
	"testing"

	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
)

// Words that a guest has found to stand in one bucket of its machine are spread
// over those of another, whose seed it does not know.
func TestFutexBuckets(t *testing.T) {
	kmemtest.New(t, 64)
	t.Cleanup(kmem.Unlock)
	h := kmem.Header()
	if h.FutexSeed[0] == 0 || h.FutexSeed[0] == h.FutexSeed[1] {
		t.Fatalf("the seed is %x", h.FutexSeed)
	}
	const words = 500
	collide := make([]futexKey, 0, words)
	for va := uint64(0x10000); len(collide) < words; va += 4 {
		if k := (futexKey{7, va}); k.bucket() == 1 {
			collide = append(collide, k)
		}
	}
	// Seeds that differ in one bit, too.
	for bit := range 128 {
		h.FutexSeed[bit/64] ^= 1 << (bit % 64)
		count := map[uint32]int{}
		most := 0
		for _, k := range collide {
			count[k.bucket()]++
			most = max(most, count[k.bucket()])
		}
		if most > 12 {
			t.Errorf("bit %d: %d of %d words stand in one bucket of %d", bit, most, words, kmem.Areas.FutexBucketCount)
		}
		h.FutexSeed[bit/64] ^= 1 << (bit % 64)
	}
}
