//go:build cgo && linux

package main

import (
	"strings"
	"testing"
)

// TestBudgetUsedUp: a service whose day is used up folds no more, says so as an
// error and in its metrics, and goes on receiving; told to stop, it does.
func TestBudgetUsedUp(t *testing.T) {
	t.Parallel()
	pub, s, address := newService(t), newBigQuery(t), freeAddress(t)
	p := s.command("run", "--warehouse", s.url(), "--source", "pubsub://demo/vitalsink", "--http", address,
		"--flush-interval", "50ms", "--fold-interval", "100ms", "--max-bytes-billed-per-day", "1GiB")
	p.Env = append(p.Env, emulator+"="+pub.Addr)
	p.start(t)
	messages := scenarioPart(t, 90)
	pub.publish(messages[:80])
	text := awaitMetrics(t, pub, address, "the day is used up", func(text string) bool {
		return strings.Contains(text, "\nvitalsink_fold_paused 1\n")
	})
	for _, metric := range []string{
		`vitalsink_fold_billed_bytes_total{table="`, `vitalsink_fold_estimated_bytes_total{table="`, "\nvitalsink_billed_today_bytes ",
	} {
		if !strings.Contains(text, metric) {
			t.Errorf("there is no %q in\n%s", metric, text)
		}
	}
	checkLabels(t, text)
	pub.publish(messages[80:])
	pub.awaitAcks(t, len(messages))
	p.terminate(t)
	wants(t, p.wrote.String(), "level=ERROR", "folding pauses", "--max-bytes-billed-per-day 1.0 GiB", "it is tried again at 00:00 UTC")

	messagesFile, _ := generated(t, "--users", "2", "--days", "1")
	said := s.says(t, exitAttention, "load", "--warehouse", s.url(), "--max-bytes-billed-per-day", "1GiB", messagesFile)
	wants(t, said, "too little is left of the bytes that may be billed in a day", "rows are logged and not folded; the next fold takes them")
}
