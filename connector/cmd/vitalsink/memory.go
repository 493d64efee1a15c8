package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
)

const (
	// leastMemory is what a command needs to get along.
	leastMemory = 512 << 20
	// mostMemory is more than any machine has; beyond it, numbers overflow.
	mostMemory = 1 << 50
	// programMemory is about what the program itself takes.
	programMemory = 224 << 20
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
	foldRows  int   // rows of one merge that DuckDB can do with its share
	merges    int   // at once
}

// rowMemory is what DuckDB takes for a row that it merges, in bytes, with a
// margin: 2 million rows of timeseries were merged with 384 MiB, and not with
// 192 MiB.
const rowMemory = 400

// bigFold is how many rows BigQuery merges at once, at most: it has the memory,
// and every merge reads the partitions anew.
const bigFold = 20_000_000

// bigMerges is how many tables BigQuery merges at once: each takes it a while,
// however few rows there are.
const bigMerges = 4

// shares divides the memory up, and tells the garbage collector.
func (f memoryFlag) shares(of location) (shares, error) {
	total, err := f.total()
	if err != nil {
		return shares{}, err
	}
	free := total - programMemory
	s := shares{
		total: total, held: free / 6, waiting: free / 16, foldRows: bigFold, merges: bigMerges,
		// Each has a goroutine that waits, and an entry in the client's books.
		messages: int(min(50_000, free/(64<<10))),
	}
	if !of.isBigQuery() {
		s.warehouse = free * 2 / 5
		s.foldRows, s.merges = int(min(2_000_000, s.warehouse/rowMemory)), 1
	}
	debug.SetMemoryLimit(free - s.warehouse)
	return s, nil
}

func (f memoryFlag) total() (int64, error) {
	if f.Memory == "" {
		return defaultMemory(memlimit.FromCgroup, memlimit.FromSystem)
	}
	n, err := humanize.ParseBytes(f.Memory)
	// It would drop a comma, and take 1,5GiB for ten times as much.
	if err != nil || strings.Contains(f.Memory, ",") || n < leastMemory || n > mostMemory {
		return 0, usage{fmt.Errorf("--memory %s: write a size of at least %s, such as 2GiB", f.Memory, humanize.IBytes(leastMemory))}
	}
	return int64(n), nil
}

// defaultMemory is the container's limit, else half of the machine's memory.
func defaultMemory(container, machine memlimit.Provider) (int64, error) {
	if n, err := container(); err == nil && n > 0 && n < mostMemory {
		if n < leastMemory {
			return 0, fmt.Errorf("the container may take %s, and vitalsink needs %s at the least", humanize.IBytes(n), humanize.IBytes(leastMemory))
		}
		return int64(n), nil
	}
	n, err := machine()
	if err != nil {
		return 2 * leastMemory, nil //nolint:nilerr // a default for a machine that does not tell
	}
	return int64(min(max(n/2, leastMemory), ampleMemory)), nil
}
