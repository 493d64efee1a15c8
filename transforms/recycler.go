package transforms

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Recycler is an allocator that hands out what was freed: batch after batch
// takes the same hundreds of megabytes, and to have them cleared by the runtime,
// and before that by the kernel, page by page, takes longer than to fill them.
// What nobody takes for a while the garbage collector has.
//
// Unlike Arrow's own, what it hands out is not cleared.
type Recycler struct{ classes [64 * steps]sync.Pool }

const (
	// leastRecycled is from which size on it is worth it, in bytes.
	leastRecycled = 16 << 10
	// steps are how many sizes there are between one power of 2 and the next.
	steps = 4
)

// classOf is the smallest size of which there are buffers that hold so many
// bytes, and its number.
func classOf(size int) (class, rounded int) {
	octave := bits.Len(uint(size - 1)) // 2^octave is enough
	unit := 1 << octave / (2 * steps)
	n := (size + unit - 1) / unit // steps+1 to 2·steps
	return octave*steps + n - steps - 1, n * unit
}

func (r *Recycler) Allocate(size int) []byte {
	if size < leastRecycled {
		return memory.DefaultAllocator.Allocate(size)
	}
	class, rounded := classOf(size)
	if b, ok := r.classes[class].Get().(*[]byte); ok {
		return (*b)[:size]
	}
	return make([]byte, size, rounded)
}

func (r *Recycler) Reallocate(size int, old []byte) []byte {
	if size <= cap(old) && cap(old) < 2*max(size, leastRecycled) {
		return old[:size]
	}
	b := r.Allocate(size)
	copy(b, old)
	r.Free(old)
	return b
}

func (r *Recycler) Free(b []byte) {
	if cap(b) < leastRecycled {
		return
	}
	if class, rounded := classOf(cap(b)); rounded == cap(b) {
		r.classes[class].Put(&b)
	}
}
