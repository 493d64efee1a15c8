package main

import (
	"errors"
	"math"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
	"pgregory.net/rapid"
)

// restoreMemoryLimit undoes what shares tells the garbage collector.
func restoreMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
}

func TestMemoryIsRead(t *testing.T) {
	for text, want := range map[string]int64{
		"2GiB": 2 << 30, "2 GiB": 2 << 30, "700MB": 700e6, strconv.Itoa(leastMemory): leastMemory,
		humanize.IBytes(leastMemory): leastMemory, "1.5gib": 3 << 29, "1TiB": 1 << 40,
	} {
		if got, err := (memoryFlag{text}).total(); err != nil || got != want {
			t.Errorf("--memory %q is %d bytes, error %v; want %d", text, got, err, want)
		}
	}
}

// What is no size, or too small to work with, is named together with its flag.
func TestMemoryIsRefused(t *testing.T) {
	restoreMemoryLimit(t)
	for _, text := range []string{
		"junk", "2GiBB", "GiB", "0", "1", "64MiB", strconv.Itoa(leastMemory - 1), "-1GiB", "NaN", "Inf", "1e30", "8EiB", "99999999EiB", "2 G i B", " ",
	} {
		s, err := memoryFlag{text}.shares(location{path: "x"})
		var wrong usage
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "--memory "+text+":") {
			t.Errorf("--memory %q gives %+v and the error %v, want one of usage that names it", text, s, err)
		}
	}
}

func provide(n uint64, err error) memlimit.Provider {
	return func() (uint64, error) { return n, err }
}

// Without a flag the container's limit counts, else the machine's memory.
func TestMemoryDefault(t *testing.T) {
	broken := errors.New("no cgroup here")
	for name, c := range map[string]struct {
		container, machine memlimit.Provider
		want               int64
	}{
		"container":                 {provide(1<<30, nil), provide(64<<30, nil), 1 << 30},
		"large container":           {provide(32<<30, nil), provide(64<<30, nil), 32 << 30},
		"tiny container":            {provide(64<<20, nil), provide(64<<30, nil), 0}, // an error
		"no cgroup":                 {provide(0, memlimit.ErrNoCgroup), provide(4<<30, nil), 2 << 30},
		"no limit":                  {provide(0, memlimit.ErrNoLimit), provide(4<<30, nil), 2 << 30},
		"limit of 0":                {provide(0, nil), provide(4<<30, nil), 2 << 30},
		"limit written as infinity": {provide(math.MaxInt64, nil), provide(4<<30, nil), 2 << 30},
		"limit beyond an int64":     {provide(math.MaxUint64, nil), provide(4<<30, nil), 2 << 30},
		"error":                     {provide(1<<30, broken), provide(4<<30, nil), 2 << 30},
		"large machine":             {provide(0, broken), provide(512<<30, nil), ampleMemory},
		"small machine":             {provide(0, broken), provide(300<<20, nil), leastMemory},
		"impossible machine":        {provide(0, broken), provide(math.MaxUint64, nil), ampleMemory},
		"nothing known":             {provide(0, broken), provide(0, broken), 2 * leastMemory},
	} {
		if got, err := defaultMemory(c.container, c.machine); got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s: %d bytes, want %d: %v", name, got, c.want, err)
		}
	}
	if got, err := (memoryFlag{}).total(); err != nil || got < leastMemory {
		t.Errorf("here: %d bytes, error %v", got, err)
	}
}

// The parts never get more than there is, and each gets something: of any
// total, however large or small.
func TestMemorySharesAddUp(t *testing.T) {
	restoreMemoryLimit(t)
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(leastMemory, 1<<50).Draw(t, "total")
		s := sharesOf(t, total)
		if s.total != total || s.warehouse <= 0 || s.held <= 0 || s.waiting <= 0 || s.messages <= 0 {
			t.Fatalf("%d bytes are divided into %+v", total, s)
		}
		// A message that waits takes more than its bytes: see messageOverhead
		// in connector.
		parts := s.warehouse + s.held + s.waiting + int64(s.messages)*(2<<10)
		if parts >= total {
			t.Fatalf("%d bytes are divided into %d: %+v", total, parts, s)
		}
		if s.foldRows <= 0 || s.foldRows > 2_000_000 {
			t.Fatalf("with %d bytes a merge has up to %d rows", total, s.foldRows)
		}
		heap := debug.SetMemoryLimit(-1)
		if heap+s.warehouse >= total {
			t.Fatalf("of %d bytes Go may take %d and the warehouse %d", total, heap, s.warehouse)
		}
		if s.held+s.waiting >= heap {
			t.Fatalf("Go may take %d bytes, but hold %d of messages and rows", heap, s.held+s.waiting)
		}
	})
}

func sharesOf(t *rapid.T, total int64) shares {
	s, err := memoryFlag{strconv.FormatInt(total, 10)}.shares(location{path: "x"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
