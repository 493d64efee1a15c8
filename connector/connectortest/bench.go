//go:build unix

package connectortest

import (
	"syscall"
	"testing"
	"time"
)

// CPU is a clock of the processor time that this process has taken, garbage
// collection included: on a shared machine it says more than the time on the
// wall, of which others take a part.
type CPU time.Duration

// StartCPU starts a clock; just before a benchmark's loop.
func StartCPU(tb testing.TB) CPU { return CPU(spent(tb)) }

// Report reports the time since the start, as cpu-ns/op, and returns it.
func (c CPU) Report(b *testing.B) time.Duration {
	b.Helper()
	took := c.Spent(b)
	b.ReportMetric(float64(took)/float64(b.N), "cpu-ns/op")
	return took
}

// Spent is the time since the start.
func (c CPU) Spent(tb testing.TB) time.Duration {
	tb.Helper()
	return spent(tb) - time.Duration(c)
}

func spent(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
