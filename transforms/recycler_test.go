package transforms

import (
	"testing"

	"pgregory.net/rapid"
)

// TestRecycler: what is allocated has the size that was asked for, keeps what is
// written to it, is nobody else's, and has no more than a quarter of it to spare.
func TestRecycler(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, held := &Recycler{}, map[byte][]byte{}
		fill := func(b []byte, mark byte) {
			for i := range b {
				b[i] = mark
			}
		}
		holds := func(b []byte, n int, mark byte) {
			for i := range b[:n] {
				if b[i] != mark {
					rt.Fatalf("byte %d of %d is %d, not %d", i, len(b), b[i], mark)
				}
			}
		}
		for mark := range byte(20) {
			size := rapid.IntRange(1, 4*leastRecycled).Draw(rt, "size")
			old := rapid.Byte().Draw(rt, "old") % 20
			before, known := held[old]
			switch {
			case known && rapid.Bool().Draw(rt, "free"):
				r.Free(before)
				delete(held, old)
				continue
			case known:
				b := r.Reallocate(size, before)
				holds(b, min(len(before), size), old)
				held[mark] = b
				delete(held, old)
			default:
				held[mark] = r.Allocate(size)
			}
			b := held[mark]
			if len(b) != size || size >= leastRecycled && cap(b) > size+size/4+8 && !known {
				rt.Fatalf("%d bytes with room for %d, want %d", len(b), cap(b), size)
			}
			fill(b, mark)
		}
		for mark, b := range held {
			holds(b, len(b), mark)
		}
	})
}
