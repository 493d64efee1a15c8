package main

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
)

const (
	// leastMemory is what a command needs to get along.
	leastMemory = 256 << 20
	// ampleMemory is what a command takes at most, unless told.
	ampleMemory = 4 << 30
)

// memoryFlag bounds what a command takes.
type memoryFlag struct {
	Memory string `placeholder:"SIZE" help:"What the process may take, such as 2GiB. Default: the container's limit (cgroup), else half of the machine's memory, at most 4 GiB."`
}

// shares are what the parts of the process may take, in bytes.
type shares struct {
	total     int64
	warehouse int64 // DuckDB's own
	held      int64 // messages and rows that are not committed
	waiting   int64 // messages that the transport has and we have not
	messages  int   // how many of them may be out of its hands
}

// shares divides the memory up, and tells the garbage collector.
func (f memoryFlag) shares() (shares, error) {
	total, err := f.total()
	if err != nil {
		return shares{}, err
	}
	s := shares{
		total: total, warehouse: total * 3 / 8, held: total / 5, waiting: total / 16,
		// Each has a goroutine that waits, and an entry in the client's books.
		messages: int(min(50_000, max(500, total/(64<<10)))),
	}
	debug.SetMemoryLimit(total - s.warehouse - total/8)
	return s, nil
}

func (f memoryFlag) total() (int64, error) {
	if f.Memory == "" {
		return defaultMemory(memlimit.FromCgroup, memlimit.FromSystem), nil
	}
	n, err := humanize.ParseBytes(f.Memory)
	if err != nil || n < leastMemory || n > math.MaxInt64 {
		return 0, usage{fmt.Errorf("--memory %s: write a size of at least %s, such as 2GiB", f.Memory, humanize.IBytes(leastMemory))}
	}
	return int64(n), nil
}

// defaultMemory is the container's limit, else half of the machine's memory.
func defaultMemory(container, machine memlimit.Provider) int64 {
	if n, err := container(); err == nil && n > 0 && n < math.MaxInt64 {
		return max(int64(n), leastMemory)
	}
	n, err := machine()
	if err != nil {
		return leastMemory * 4
	}
	return int64(min(max(n/2, leastMemory), ampleMemory))
}
