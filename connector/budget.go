package connector

import (
	"context"
	"sync"
)

// budget bounds the bytes that are held.
type budget struct {
	limit   int64
	relieve func() // asks those who hold bytes to let go

	mu    sync.Mutex
	used  int64
	freed chan struct{} // closed when bytes are released
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit, freed: make(chan struct{})}
}

func (b *budget) take(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += n
}

func (b *budget) release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	close(b.freed)
	b.freed = make(chan struct{})
}

func (b *budget) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used >= b.limit
}

// wait returns when there is room again, or ctx is done.
func (b *budget) wait(ctx context.Context) error {
	b.relieve()
	for {
		b.mu.Lock()
		full, freed := b.used >= b.limit, b.freed
		b.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
