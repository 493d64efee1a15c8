package connector

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// budget bounds the bytes that are held: those of messages whose rows are not
// committed, and all that Arrow has allocated for the rows.
type budget struct {
	limit   int64
	relieve func() // asks those who hold bytes to let go

	used  atomic.Int64
	mu    sync.Mutex
	freed chan struct{} // closed when there is room again; nil if nobody waits
}

func (b *budget) take(n int64) { b.used.Add(n) }

func (b *budget) release(n int64) {
	if b.used.Add(-n) >= b.limit {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

func (b *budget) full() bool { return b.used.Load() >= b.limit }

// wait returns when there is room again, or ctx is done.
func (b *budget) wait(ctx context.Context) error {
	for {
		b.relieve() // every time: others may have filled it up again
		b.mu.Lock()
		if !b.full() {
			b.mu.Unlock()
			return nil
		}
		if b.freed == nil {
			b.freed = make(chan struct{})
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// counted is an allocator that takes what it allocates from a budget.
type counted struct {
	memory.Allocator
	budget *budget
}

func (c counted) Allocate(size int) []byte {
	c.budget.take(int64(size))
	return c.Allocator.Allocate(size)
}

func (c counted) Reallocate(size int, old []byte) []byte {
	if n := int64(size - len(old)); n >= 0 {
		c.budget.take(n)
	} else {
		c.budget.release(-n)
	}
	return c.Allocator.Reallocate(size, old)
}

func (c counted) Free(bytes []byte) {
	c.budget.release(int64(len(bytes)))
	c.Allocator.Free(bytes)
}
